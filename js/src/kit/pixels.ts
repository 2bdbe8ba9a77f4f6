/** Values to pixels. Smoothing changes the drawing only: numbers are read from the raw cells. */

import { within } from "./numbers";

export interface Field {
  data: Float32Array;
  height: number;
  width: number;
}

/** Where the cells of a field lie on a picture: cell k has its center at `start + jump * k` pixels. */
export interface Placement {
  jump: [y: number, x: number];
  start: [y: number, x: number];
}

/** Cells spread evenly over the whole picture. */
export function spread(field: { height: number; width: number }, height: number, width: number): Placement {
  const jump: [number, number] = [height / field.height, width / field.width];
  return { jump, start: [jump[0] / 2, jump[1] / 2] };
}

/** The cell nearest to a point of the picture. */
export function cellAt(field: { height: number; width: number }, place: Placement, y: number, x: number): { row: number; column: number } {
  return {
    row: within(Math.round((y - place.start[0]) / place.jump[0]), field.height - 1),
    column: within(Math.round((x - place.start[1]) / place.jump[1]), field.width - 1),
  };
}

export interface PaintOptions {
  lut: Uint32Array;
  low: number;
  high: number;
  /** 0 to 255 for a value; opaque without. */
  alpha?: (value: number) => number;
}

/** One pixel per cell. NaN stays transparent. */
export function paintCells(canvas: HTMLCanvasElement, field: Field, options: PaintOptions): void {
  resize(canvas, field.width, field.height);
  const pixels = new Uint32Array(field.width * field.height);
  for (let i = 0; i < pixels.length; i++) pixels[i] = color(field.data[i], options);
  blit(canvas, pixels, field.width, field.height);
}

/** A smooth picture of `width` by `height` pixels (bilinear between the centers of cells); what was drawn. */
export function paintSmooth(canvas: HTMLCanvasElement, field: Field, width: number, height: number, place: Placement, options: PaintOptions): Uint32Array {
  resize(canvas, width, height);
  const xs = samples(width, field.width, place.start[1], place.jump[1]);
  const ys = samples(height, field.height, place.start[0], place.jump[0]);
  const pixels = new Uint32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const [upper, lower, down] = [ys.before[y] * field.width, ys.after[y] * field.width, ys.share[y]];
    for (let x = 0; x < width; x++, i++) {
      const [left, right, along] = [xs.before[x], xs.after[x], xs.share[x]];
      const above = field.data[upper + left] * (1 - along) + field.data[upper + right] * along;
      const below = field.data[lower + left] * (1 - along) + field.data[lower + right] * along;
      pixels[i] = color(above * (1 - down) + below * down, options);
    }
  }
  blit(canvas, pixels, width, height);
  return pixels;
}

function samples(count: number, cells: number, start: number, jump: number) {
  const before = new Int32Array(count), after = new Int32Array(count), share = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    const at = within((k + 0.5 - start) / jump, cells - 1);
    before[k] = Math.floor(at);
    after[k] = Math.min(cells - 1, before[k] + 1);
    share[k] = at - before[k];
  }
  return { before, after, share };
}

/** A packed pixel for a value. */
export function color(value: number, { lut, low, high, alpha }: PaintOptions): number {
  if (value !== value) return 0;
  const level = high > low ? Math.round(((value - low) / (high - low)) * 255) : 0;
  const opaque = lut[level < 0 ? 0 : level > 255 ? 255 : level];
  return alpha ? ((opaque & 0xffffff) | (within(Math.round(alpha(value)), 255) << 24)) >>> 0 : opaque;
}

export function resize(canvas: HTMLCanvasElement, width: number, height: number): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** An empty well. */
export function clear(canvas: HTMLCanvasElement): void {
  resize(canvas, 1, 1);
  canvas.getContext("2d")?.clearRect(0, 0, 1, 1);
}

/** Copy `height` rows of pixels, from row `top` of an array that is `width` wide, onto a canvas of that size. */
export function blit(canvas: HTMLCanvasElement, pixels: Uint32Array, width: number, height: number, top = 0): void {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context || width * height === 0) return;
  const from = pixels.byteOffset + top * width * 4;
  const bytes = new Uint8ClampedArray(pixels.buffer as ArrayBuffer, from, width * height * 4);
  context.putImageData(new ImageData(bytes, width, height), 0, 0);
}

export function extremes(data: Float32Array): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}
