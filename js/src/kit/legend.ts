/** The colors of a map with round ticks at their true place. */

import { lookup, type ColormapName } from "./colormap";
import { h } from "./dom";
import { blit, resize } from "./pixels";
import { tickLine, type Tick } from "./ticks";

/** `says` is what a screen reader hears: the range in words. `marks` are places along it, 0 to 1, to point out. */
export function legend(name: ColormapName, ticks: Tick[], says: string, marks: number[] = []): HTMLElement {
  const canvas = h("canvas", { "aria-hidden": "true" });
  resize(canvas, 256, 1);
  blit(canvas, lookup(name), 256, 1);
  return h("div", { class: "cnn-legend", role: "img", "aria-label": `Colors: ${says}` }, canvas, ...marks.map(mark), tickLine(ticks));
}

function mark(at: number): HTMLElement {
  const element = h("i", { "aria-hidden": "true" });
  element.style.left = `${at * 100}%`;
  return element;
}
