/** What is drawn over a picture with a round brush: one byte a pixel, and the bits that Python reads. */

export interface Drawing {
  height: number;
  width: number;
  /** 1 where covered, row by row. */
  mask: Uint8Array;
}

export function emptyDrawing(height: number, width: number): Drawing {
  return { height, width, mask: new Uint8Array(height * width) };
}

/** One touch of the brush: the pixels whose centers lie within `radius` of a point become `value`. */
export function stamp({ height, width, mask }: Drawing, y: number, x: number, radius: number, value: 0 | 1): void {
  const top = Math.max(0, Math.floor(y - radius)), bottom = Math.min(height, Math.ceil(y + radius));
  for (let row = top; row < bottom; row++) {
    const reach = radius ** 2 - (row + 0.5 - y) ** 2;
    if (reach < 0) continue;
    const half = Math.sqrt(reach);
    const left = Math.max(0, Math.ceil(x - half - 0.5)), right = Math.min(width, Math.floor(x + half - 0.5) + 1);
    if (left < right) mask.fill(value, row * width + left, row * width + right);
  }
}

/** Draw from one point to another without gaps. */
export function line(drawing: Drawing, from: [y: number, x: number], to: [y: number, x: number], radius: number, value: 0 | 1): void {
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / Math.max(1, radius / 3)));
  for (let k = 0; k <= steps; k++) stamp(drawing, from[0] + ((to[0] - from[0]) * k) / steps, from[1] + ((to[1] - from[1]) * k) / steps, radius, value);
}

export function covers({ mask }: Drawing): number {
  let count = 0;
  for (const value of mask) count += value;
  return count;
}

/** As numpy.packbits: the first pixel is the highest bit. */
export function packed({ mask }: Drawing): DataView {
  const out = new Uint8Array(Math.ceil(mask.length / 8));
  for (let k = 0; k < mask.length; k++) if (mask[k]) out[k >> 3] |= 128 >> (k & 7);
  return new DataView(out.buffer);
}

export function unpacked(bytes: Uint8Array, height: number, width: number): Drawing {
  const drawing = emptyDrawing(height, width);
  for (let k = 0; k < drawing.mask.length; k++) drawing.mask[k] = (bytes[k >> 3] >> (7 - (k & 7))) & 1;
  return drawing;
}
