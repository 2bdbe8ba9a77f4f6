/** Layers as bars: across the flow is the number of channels, along it the resolution. */

import type { LayerInfo } from "../traits";
import { h, svg } from "./dom";
import { uint8, type Bytes } from "./ndarray";
import { spatial } from "./layers";

export interface Proportions {
  channels: number;
  resolution: number;
}

/** The largest of a network, to which its bars are drawn. */
export function proportions(layers: LayerInfo[]): Proportions {
  return {
    channels: Math.max(1, ...layers.map((layer) => layer.channels)),
    resolution: Math.max(1, ...layers.map((layer) => Math.max(layer.height, layer.width))),
  };
}

const root = (value: number, top: number, size: number) => Math.round(Math.sqrt(value / top) * size);

export const across = (layer: LayerInfo, top: Proportions, size: number) => Math.max(3, root(layer.channels, top.channels, size));

export const along = (layer: LayerInfo, top: Proportions, size: number) =>
  spatial(layer) ? Math.max(2, root(Math.max(layer.height, layer.width), top.resolution, size)) : 1;

export function bar(width: number, height: number): HTMLElement {
  const element = h("i");
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
  return element;
}

const [WIDE, TALL] = [40, 16];

/** How many values are small, how many large: bars of a histogram whose value axis is a log scale. */
export function sparkline(bins: Bytes): SVGElement {
  const levels = uint8(bins);
  const step = WIDE / Math.max(1, levels.length);
  const outline = [...levels].map((level, k) => `V${(TALL - 1 - (level / 255) * (TALL - 2)).toFixed(1)}H${((k + 1) * step).toFixed(1)}`).join("");
  return svg("svg", { class: "cnn-spark", viewBox: `0 0 ${WIDE} ${TALL}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    levels.length ? svg("path", { d: `M0 ${TALL - 0.5}${outline}V${TALL - 0.5}Z` }) : null);
}
