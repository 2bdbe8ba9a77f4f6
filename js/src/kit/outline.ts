/** The edge of what is covered, drawn so that it is seen on any picture. */

import { blit, resize } from "./pixels";

const [LIGHT, DARK] = [0xffffffff, 0xff000000];

/** Draw the edge of `covered` (1 a pixel, row by row) on a canvas of that size; a dashed one looks like a selection. */
export function paintOutline(canvas: HTMLCanvasElement, covered: Uint8Array, width: number, height: number, dashed = false): void {
  const pixels = new Uint32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!atEdge(covered, width, height, x, y)) continue;
      const inside = covered[i] === 1;
      const dash = dashed && ((x + y) >> 2) % 2 === 1;
      pixels[i] = inside !== dash ? LIGHT : DARK;
    }
  }
  resize(canvas, width, height);
  blit(canvas, pixels, width, height);
}

function atEdge(covered: Uint8Array, width: number, height: number, x: number, y: number): boolean {
  const at = y * width + x;
  const here = covered[at];
  return (x > 0 && covered[at - 1] !== here) || (x < width - 1 && covered[at + 1] !== here)
    || (y > 0 && covered[at - width] !== here) || (y < height - 1 && covered[at + width] !== here);
}
