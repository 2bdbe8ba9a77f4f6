/** All about one chosen unit: address, large map, value under the pointer, histogram, numbers, neighbors. */

import type { LayerInfo, Picture } from "../traits";
import { button, copyButton, segmented, spring } from "./controls";
import { fill, h, setText, type Child } from "./dom";
import { histogram } from "./histogram";
import { broken, rank, reach, silent, tileValues, type Maps } from "./maps";
import { extent, number, percent } from "./numbers";
import type { Field } from "./pixels";
import { unitFigure, type Cell, type View } from "./unit_figure";

export interface UnitView {
  maps: Maps;
  channel: number;
  /** The exact map, once it has come. */
  exact: Field | null;
  /** No exact map will come: say that values are 8-bit. */
  coarse: boolean;
  similar: number[];
  layer: LayerInfo | null;
  picture: Picture;
  url: string;
  lut: Uint32Array;
  /** What the unit stands for, if it is a class. */
  meaning: string;
}

export interface UnitInspector {
  element: HTMLElement;
  show(view: UnitView): void;
  cycle(): void;
}

export interface UnitInspectorOptions {
  choose: (channel: number) => void;
  step: (by: number) => void;
  paint: (canvas: HTMLCanvasElement, channel: number) => void;
}

const VIEWS: [View, string][] = [["over", "Overlay"], ["map", "Map"], ["image", "Image"]];

export function unitInspector(options: UnitInspectorOptions): UnitInspector {
  let now: UnitView | null = null;
  let look: View = "over";
  let cell: Cell | null = null;
  const fieldOf = fieldReader();
  const [layerName, unitName] = [h("span", { class: "cnn-clip" }), h("span")];
  const address = h("h3", { class: "cnn-title cnn-mono cnn-address" }, layerName, unitName);
  const meaning = h("p", { class: "cnn-quiet cnn-clip" });
  const figure = unitFigure((next) => { cell = next; point(); });
  const views = segmented("View", VIEWS, look, (next) => { look = next; point(); });
  const read = h("div", { class: "cnn-unit-read" });
  const plot = h("div");
  const kept = h("span", { class: "cnn-small" }, "8-bit values");
  const numbers = h("dl", { class: "cnn-stats cnn-stats-2" });
  const near = h("div", { class: "cnn-unit-near" });
  const header = h("header", { class: "cnn-unit-head" }, address, copyButton(() => address.textContent ?? ""), spring(),
    button("", () => options.step(-1), { kind: "icon", icon: "previous", label: "Unit before" }), button("", () => options.step(1), { kind: "icon", icon: "next", label: "Unit after" }));
  const element = h("div", { class: "cnn-unit" }, header, meaning,
    h("div", { class: "cnn-unit-picture" }, figure.element, h("div", { class: "cnn-unit-views" }, views.element, kept)), h("div", { class: "cnn-unit-values" }, read, plot), numbers, near);

  const point = () => {
    if (!now) return;
    const { maps, channel, layer, picture, url, lut } = now;
    const field = fieldOf(now);
    const at = cell ?? peakOf(maps, channel);
    const top = reach(maps, channel);
    const spoken = `Activation of ${maps.layer}:${channel} over ${picture.name}, at row ${at.row}, column ${at.column}: ${number(valueAt(now, field, at))}`;
    figure.show({ picture, url, layer, full: maps.full, field, signed: maps.signed, view: look, cell: at, spoken, paint: { lut, low: maps.signed ? -top : 0, high: top } });
    fill(read, ...reading(now, field, at, cell === null));
    fill(plot, distribution(now, field, valueAt(now, field, at)));
  };
  const show = (next: UnitView) => {
    if (next.maps.layer !== now?.maps.layer || next.channel !== now.channel || next.maps.image !== now.maps.image) cell = null;
    now = next;
    setText(layerName, next.maps.layer);
    setText(unitName, `:${next.channel}`);
    address.title = `${next.maps.layer}:${next.channel}`;
    setText(meaning, next.meaning);
    meaning.hidden = !next.meaning;
    views.element.hidden = alone(next.maps);
    kept.hidden = !next.coarse || next.exact !== null;
    fill(numbers, ...table(next));
    fill(near, ...neighbors(next, options));
    point();
  };
  const cycle = () => {
    look = VIEWS[(VIEWS.findIndex(([name]) => name === look) + 1) % VIEWS.length][0];
    views.show(look);
    point();
  };
  return { element, show, cycle };
}

const alone = (maps: Maps) => maps.full[0] * maps.full[1] <= 1;

/** The exact map, or what the tile says of it; the latter is worked out once per unit. */
function fieldReader(): (view: UnitView) => Field {
  let last: { maps: Maps; channel: number; field: Field } | null = null;
  return ({ maps, channel, exact }) => {
    if (exact) return exact;
    if (last?.maps !== maps || last.channel !== channel) {
      last = { maps, channel, field: { data: tileValues(maps, channel), height: maps.height, width: maps.width } };
    }
    return last.field;
  };
}

function peakOf(maps: Maps, channel: number): Cell {
  const at = Math.max(0, maps.peak[channel]);
  return { row: Math.floor(at / Math.max(1, maps.full[1])), column: at % Math.max(1, maps.full[1]) };
}

function valueAt({ maps }: UnitView, field: Field, { row, column }: Cell): number {
  const y = Math.min(field.height - 1, Math.floor((row * field.height) / maps.full[0]));
  const x = Math.min(field.width - 1, Math.floor((column * field.width) / maps.full[1]));
  return field.data[y * field.width + x];
}

function reading(view: UnitView, field: Field, cell: Cell, atPeak: boolean): Child[] {
  const { maps, channel, layer } = view;
  const value = h("b", null, number(valueAt(view, field, cell)));
  const sees = h("span", { class: "cnn-unit-sees" }, layer?.field ? `sees ${extent(Math.round(layer.field[0]), Math.round(layer.field[0]))} px` : "");
  if (broken(maps, channel)) return [h("b", null, number(maps.hi[channel])), h("span", null, "not all values are numbers")];
  if (alone(maps)) return [value, h("span", null, "one value for the whole picture")];
  const word = silent(maps, channel) ? "silent" : atPeak ? "strongest" : "";
  return [h("span", { class: "cnn-mono" }, `@${cell.row},${cell.column}`), value, h("span", null, word), sees];
}

/** Of the positions of a map; of the values of a layer that has no positions. */
function distribution(view: UnitView, field: Field, mark: number): HTMLElement | null {
  const { maps, channel } = view;
  if (broken(maps, channel)) return null;
  const values = alone(maps) ? maps.mean : field.data;
  let [low, high] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return low === high ? null : histogram({ values, low, high, mark, what: alone(maps) ? "Units of the layer" : "Positions" });
}

function table({ maps, channel }: UnitView): Child[] {
  const place = broken(maps, channel) ? "none" : `${rank(maps, channel)} of ${maps.channels}`;
  const [hi, lo] = [number(maps.hi[channel]), number(maps.lo[channel])];
  const spreadOut: [string, string][] = [["Mean", number(maps.mean[channel])], ["Zero at", percent(maps.zeros[channel], 0)], ["Maximum", hi], ["Rank", place]];
  if (maps.signed) spreadOut.splice(1, 1, ["Minimum", lo]);
  const rows: [string, string][] = alone(maps) ? [["Value", number(maps.mean[channel])], ["Rank", place]] : spreadOut;
  return rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]);
}

function neighbors({ maps, channel, similar }: UnitView, { choose, paint }: UnitInspectorOptions): Child[] {
  if (!similar.length || alone(maps) || silent(maps, channel) || broken(maps, channel)) return [];
  const tiles = similar.filter((other) => other < maps.channels).slice(0, 5).map((other) => {
    const canvas = h("canvas", { "aria-hidden": "true" });
    paint(canvas, other);
    canvas.style.aspectRatio = `${maps.width} / ${maps.height}`;
    return h("button", { class: "cnn-tile", type: "button", "aria-label": `${maps.layer}:${other}`, onclick: () => choose(other) }, canvas, h("small", null, String(other)));
  });
  return [h("span", { class: "cnn-label" }, "Most similar maps"), h("div", { class: "cnn-near-tiles" }, ...tiles)];
}
