/** Encoded pictures on canvases: decoded off the main thread, the last ones kept, and what a canvas showed stays until the next is there. */

import { onEnd } from "./ending";
import { uint8 } from "./ndarray";
import { clear, resize } from "./pixels";

export type Paint = (canvas: HTMLCanvasElement, picture: ImageBitmap) => void;

export interface Bitmaps {
  /** Draw the bytes of a JPEG or PNG file on a canvas, as soon as they are decoded; no bytes clear it. */
  draw(canvas: HTMLCanvasElement, file: DataView | null | undefined, paint?: Paint): void;
}

const MEMORY = 48e6;

export function bitmaps(signal: AbortSignal, limit = MEMORY): Bitmaps {
  const decoded = new Map<DataView, ImageBitmap>();
  const wanted = new WeakMap<HTMLCanvasElement, DataView>();
  const waiting = new Map<DataView, (() => void)[]>();
  let held = 0;

  const keep = (file: DataView, picture: ImageBitmap) => {
    decoded.set(file, picture);
    held += cost(picture);
    for (const [oldest, old] of decoded) {
      if (held <= limit || oldest === file) break;
      decoded.delete(oldest);
      held -= cost(old);
      old.close();
    }
  };
  const decode = async (file: DataView) => {
    try {
      const picture = await createImageBitmap(new Blob([uint8(file) as BlobPart]));
      if (signal.aborted) return picture.close();
      keep(file, picture);
      waiting.get(file)?.forEach((react) => react());
    } finally {
      waiting.delete(file);
    }
  };
  const draw = (canvas: HTMLCanvasElement, file: DataView | null | undefined, paint: Paint = whole) => {
    if (!file?.byteLength) {
      wanted.delete(canvas);
      return clear(canvas);
    }
    wanted.set(canvas, file);
    const react = () => {
      const picture = decoded.get(file);
      if (picture && wanted.get(canvas) === file) paint(canvas, picture);
    };
    const known = decoded.get(file);
    if (known) {
      decoded.delete(file);
      decoded.set(file, known);
      return react();
    }
    if (typeof createImageBitmap === "undefined") return;
    if (waiting.has(file)) waiting.get(file)!.push(react);
    else {
      waiting.set(file, [react]);
      decode(file).catch(() => clear(canvas));
    }
  };
  onEnd(signal, () => { decoded.forEach((picture) => picture.close()); decoded.clear(); });
  return { draw };
}

const cost = ({ width, height }: ImageBitmap) => 4 * width * height;

/** The picture at its own size; the style sheet scales it. */
export function whole(canvas: HTMLCanvasElement, picture: ImageBitmap): void {
  resize(canvas, picture.width, picture.height);
  canvas.getContext("2d")?.drawImage(picture, 0, 0);
}

/** One of the three by three squares of a sheet. */
export function square(place: number): Paint {
  return (canvas, sheet) => {
    const side = sheet.width / 3;
    resize(canvas, side, side);
    canvas.getContext("2d")?.drawImage(sheet, (place % 3) * side, Math.floor(place / 3) * side, side, side, 0, 0, side, side);
  };
}

const SEAM = 2;

/** The first four squares of such a sheet, two by two, with a seam between them. */
export function four(canvas: HTMLCanvasElement, sheet: ImageBitmap): void {
  const side = sheet.width / 3;
  resize(canvas, 2 * side + SEAM, 2 * side + SEAM);
  const context = canvas.getContext("2d");
  context?.clearRect(0, 0, canvas.width, canvas.height);
  for (let k = 0; k < 4; k++) {
    const [x, y] = [(k % 2) * (side + SEAM), Math.floor(k / 2) * (side + SEAM)];
    context?.drawImage(sheet, (k % 3) * side, Math.floor(k / 3) * side, side, side, x, y, side, side);
  }
}
