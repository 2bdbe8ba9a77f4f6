/** The filters of a convolution as pictures: in color where they read red, green and blue; else one small map an input. */

import type { FilterWeights } from "../traits";
import { diverging, lookup, type Theme } from "./colormap";
import { h } from "./dom";
import { legend } from "./legend";
import { number, TIMES } from "./numbers";
import { float32, int32, uint8 } from "./ndarray";
import { blit, resize } from "./pixels";
import { ticks } from "./ticks";

export interface Filters {
  layer: string;
  rgb: boolean;
  channels: number;
  inputs: number;
  shown: number;
  height: number;
  width: number;
  dead: Set<number>;
  chosen: Int32Array;
  bound: Float32Array;
  levels: Int8Array;
}

export function readFilters(reply: FilterWeights): Filters | null {
  if (reply.why) return null;
  const { layer, rgb, inputs, shown, height, width } = reply;
  const bytes = uint8(reply.data);
  const bound = float32(reply.bound);
  return { layer, rgb, inputs, shown, height, width, channels: bound.length, dead: new Set(reply.dead), chosen: int32(reply.chosen), bound, levels: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** The value of one weight, to a 127th of the filter's largest. */
export function weight(filters: Filters, channel: number, input: number, cell: number): number {
  const size = filters.height * filters.width;
  return (filters.levels[(channel * filters.shown + input) * size + cell] / 127) * filters.bound[channel];
}

/** All of a filter on one canvas. Between maps runs a seam, where a map is more than one weight. */
export function paintFilter(canvas: HTMLCanvasElement, filters: Filters, channel: number, theme: Theme): void {
  if (filters.rgb) return paintColors(canvas, filters, channel);
  const { height, width, shown } = filters;
  const across = Math.ceil(Math.sqrt(shown));
  const seam = height * width > 1 && shown > 1 ? 1 : 0;
  const size = { height: Math.ceil(shown / across) * (height + seam) - seam, width: across * (width + seam) - seam };
  const pixels = new Uint32Array(size.height * size.width);
  const colors = lookup(diverging(theme));
  for (let input = 0; input < shown; input++) {
    const [top, left] = [Math.floor(input / across) * (height + seam), (input % across) * (width + seam)];
    for (let cell = 0; cell < height * width; cell++) {
      const level = filters.levels[(channel * shown + input) * height * width + cell];
      pixels[(top + Math.floor(cell / width)) * size.width + left + (cell % width)] = colors[Math.round(127.5 + level)];
    }
  }
  resize(canvas, size.width, size.height);
  blit(canvas, pixels, size.width, size.height);
}

function paintColors(canvas: HTMLCanvasElement, { height, width, levels }: Filters, channel: number): void {
  const size = height * width;
  const at = (color: number, cell: number) => Math.round(127.5 + levels[(channel * 3 + color) * size + cell]);
  const pixels = Uint32Array.from({ length: size }, (_, cell) => (0xff000000 | (at(2, cell) << 16) | (at(1, cell) << 8) | at(0, cell)) >>> 0);
  resize(canvas, width, height);
  blit(canvas, pixels, width, height);
}

const COLORS = ["Red", "Green", "Blue"];
const READABLE = 25;

/** The weights of a filter one by one: numbers where there is room for them, a legend always. */
export function filterTable(filters: Filters, channel: number, theme: Theme): HTMLElement {
  const { shown, height, width, rgb, chosen } = filters;
  const planes = [...Array(Math.min(shown, rgb ? 3 : 16)).keys()].map((input) => {
    const name = rgb ? COLORS[input] : `Input ${chosen[channel * shown + input]}`;
    return h("div", null, h("span", { class: "cnn-label" }, name), plane(filters, channel, input, theme, height * width <= READABLE && rgb));
  });
  const top = filters.bound[channel];
  const told = height * width === 1 && shown > 16 ? null : h("div", { class: "fg-planes", "data-few": String(planes.length <= 3) }, ...planes);
  return h("div", { class: "fg-weights" }, told,
    legend(diverging(theme), ticks(-top, top, 4), `weights from ${number(-top)} to ${number(top)}`),
    h("p", { class: "cnn-small" }, `${shown < filters.inputs ? `The ${shown} of ${filters.inputs} inputs that it reads most strongly. ` : ""}One common scale, centered on zero.`));
}

function plane(filters: Filters, channel: number, input: number, theme: Theme, readable: boolean): HTMLElement {
  const { height, width } = filters;
  const colors = lookup(diverging(theme));
  const cells = [...Array(height * width).keys()].map((cell) => {
    const value = weight(filters, channel, input, cell);
    const color = colors[Math.round(127.5 + (value / (filters.bound[channel] || 1)) * 127)];
    const [red, green, blue] = [color & 255, (color >> 8) & 255, (color >> 16) & 255];
    const element = h("b", null, readable ? number(value, 2) : "");
    element.style.background = `rgb(${red} ${green} ${blue})`;
    element.style.color = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000" : "#fff";
    return element;
  });
  const grid = h("div", { class: "fg-plane", role: "img", "aria-label": `${height} by ${width} weights` }, ...cells);
  grid.style.gridTemplateColumns = `repeat(${width}, 1fr)`;
  return grid;
}

export const filterSize = (filters: Filters) => `${filters.channels} filters of ${filters.height}${TIMES}${filters.width}${TIMES}${filters.inputs}`;
