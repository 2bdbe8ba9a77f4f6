/** The places of a picture that can be asked about: boxes a network detects, or regions it gives one class. */

import type { GradCAMViewerTraits, RegionsInfo } from "../traits";
import { inflate } from "./inflate";
import { listen, type Model } from "./model";
import { float32, uint8 } from "./ndarray";

export interface Box {
  /** In shares of the picture. */
  left: number;
  top: number;
  right: number;
  bottom: number;
  label: number;
  score: number;
}

/** The class of each pixel. */
export interface Segments {
  height: number;
  width: number;
  classes: Uint16Array;
}

export interface Regions {
  boxes: Box[];
  segments: Segments | null;
}

/** Those of a picture, once they are unpacked; null for networks that classify. */
export function regionStore(model: Model<GradCAMViewerTraits>, changed: () => void, signal: AbortSignal): (image: number) => Regions | null {
  const known = new Map<number, Regions>();
  let seen = new Map<number, RegionsInfo>();
  const read = () => {
    const list = model.get("regions") ?? [];
    for (const info of list) if (seen.get(info.image)?.classes !== info.classes || seen.get(info.image)?.boxes !== info.boxes) void keep(info);
    seen = new Map(list.map((info) => [info.image, info]));
    for (const image of known.keys()) if (!seen.has(image)) known.delete(image);
  };
  const keep = async (info: RegionsInfo) => {
    if (info.kind === "boxes") return void known.set(info.image, { boxes: boxesOf(info), segments: null });
    const bytes = await inflate(uint8(info.classes), info.height * info.width * 2);
    const classes = new Uint16Array(bytes.slice().buffer);
    if (signal.aborted || seen.get(info.image) !== info) return;
    known.set(info.image, { boxes: [], segments: { height: info.height, width: info.width, classes } });
    changed();
  };
  listen(model, "change:regions", read, signal);
  read();
  return (image) => known.get(image) ?? null;
}

function boxesOf({ boxes, labels, scores, height, width }: RegionsInfo): Box[] {
  const edges = float32(boxes);
  const share = (value: number, side: number) => Math.max(0, Math.min(1, value / side));
  return labels.map((label, k) => {
    const [left, top, right, bottom] = edges.subarray(4 * k, 4 * k + 4);
    return { left: share(left, width), top: share(top, height), right: share(right, width), bottom: share(bottom, height), label, score: scores[k] };
  });
}

/** The smallest box that holds a point, given in shares of the picture; -1 where there is none. */
export function boxAt(boxes: Box[], x: number, y: number): number {
  const area = ({ left, top, right, bottom }: Box) => (right - left) * (bottom - top);
  let best = -1;
  boxes.forEach((box, k) => {
    const holds = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    if (holds && (best < 0 || area(box) < area(boxes[best]))) best = k;
  });
  return best;
}

/** Index of the pixel of a point given in shares. */
export function pixelAt({ height, width }: Segments, x: number, y: number): number {
  const within = (share: number, size: number) => Math.max(0, Math.min(size - 1, Math.floor(share * size)));
  return within(y, height) * width + within(x, width);
}

/** The pixels reached from one over neighbors of its class: 1 for each, row by row. */
export function connected({ height, width, classes }: Segments, from: number): Uint8Array {
  const reached = new Uint8Array(width * height);
  const wanted = classes[from];
  const waiting = [from];
  reached[from] = 1;
  const visit = (at: number) => { if (!reached[at] && classes[at] === wanted) { reached[at] = 1; waiting.push(at); } };
  while (waiting.length) {
    const at = waiting.pop()!;
    const x = at % width;
    if (x > 0) visit(at - 1);
    if (x < width - 1) visit(at + 1);
    if (at >= width) visit(at - width);
    if (at < width * (height - 1)) visit(at + width);
  }
  return reached;
}

/** A mask drawn at another size. */
export function resampled(mask: Uint8Array, { height, width }: Segments, toWidth: number, toHeight: number): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight);
  for (let y = 0, i = 0; y < toHeight; y++) {
    const row = Math.floor(((y + 0.5) / toHeight) * height) * width;
    for (let x = 0; x < toWidth; x++, i++) out[i] = mask[row + Math.floor(((x + 0.5) / toWidth) * width)];
  }
  return out;
}
