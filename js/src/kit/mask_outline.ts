/** The outline of a mask: between the pixels that belong to it and those that do not. */

import { svg } from "./dom";

export interface Mask {
  height: number;
  width: number;
  /** One bit a pixel, row by row, the first in the highest bit. */
  bits: Uint8Array;
}

export const inMask = ({ bits, height, width }: Mask, row: number, column: number): boolean =>
  row >= 0 && column >= 0 && row < height && column < width && ((bits[(row * width + column) >> 3] >> (7 - ((row * width + column) & 7))) & 1) === 1;

export function maskShare(mask: Mask): number {
  let count = 0;
  for (let k = 0; k < mask.height * mask.width; k++) count += (mask.bits[k >> 3] >> (7 - (k & 7))) & 1;
  return count / Math.max(1, mask.height * mask.width);
}

/** Path of all borders, as runs along rows and columns. */
export function outlinePath(mask: Mask): string {
  return runs(mask.height, mask.width, (row, column) => inMask(mask, row - 1, column) !== inMask(mask, row, column), (row, from, to) => `M${from} ${row}H${to}`)
    + runs(mask.width, mask.height, (column, row) => inMask(mask, row, column - 1) !== inMask(mask, row, column), (column, from, to) => `M${column} ${from}V${to}`);
}

function runs(lines: number, length: number, border: (line: number, at: number) => boolean, path: (line: number, from: number, to: number) => string): string {
  let out = "";
  for (let line = 0; line <= lines; line++) {
    let from = -1;
    for (let at = 0; at <= length; at++) {
      const on = at < length && border(line, at);
      if (on && from < 0) from = at;
      if (!on && from >= 0) { out += path(line, from, at); from = -1; }
    }
  }
  return out;
}

/** White on black, so that it is seen on any picture. */
export function maskOutline(mask: Mask): SVGElement {
  const d = outlinePath(mask);
  return svg("svg", { class: "cnn-outline", viewBox: `0 0 ${mask.width} ${mask.height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d, class: "cnn-outline-under" }), svg("path", { d, class: "cnn-outline-over" }));
}
