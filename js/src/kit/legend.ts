/** The colors of a map with round ticks at their true place. */

import { lookup, type ColormapName } from "./colormap";
import { h } from "./dom";
import { blit, resize } from "./pixels";
import { tickLine, type Tick } from "./ticks";

/** `says` is what a screen reader hears: the range in words. */
export function legend(name: ColormapName, ticks: Tick[], says: string): HTMLElement {
  const canvas = h("canvas", { "aria-hidden": "true" });
  resize(canvas, 256, 1);
  blit(canvas, lookup(name), 256, 1);
  return h("div", { class: "cnn-legend", role: "img", "aria-label": `Colors: ${says}` }, canvas, tickLine(ticks));
}
