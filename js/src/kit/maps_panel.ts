/** The field of a layer: its maps as tiles, with what sorts, scales and filters them, and the legend. */

import type { LayerInfo } from "../traits";
import { channelFilter } from "./channel_filter";
import { diverging, lookup, type ColormapName, type Theme } from "./colormap";
import { field, segmented, select } from "./controls";
import { fill, h, setText } from "./dom";
import { spatial } from "./layers";
import { legend } from "./legend";
import { broken, layerReach, ordered, paintSheet, silent, tileSize, type Maps, type Scale, type SortKey } from "./maps";
import { message } from "./message";
import { extent, MINUS, number } from "./numbers";
import { blit, clear, resize } from "./pixels";
import { ticks, type Tick } from "./ticks";
import { tellDuration } from "./telling";
import { tileGrid } from "./tile_grid";

export interface MapsView {
  maps: Maps | null;
  layer: LayerInfo | null;
  name: string;
  chosen: number;
  theme: Theme;
  colors: ColormapName;
  /** Says that what is seen is of something else than what was chosen. */
  older: string;
  /** Stands where the maps would be. */
  instead: HTMLElement | null;
}

export interface MapsPanel {
  element: HTMLElement;
  show(view: MapsView): void;
  choose(channel: number, moveFocus: boolean): void;
  /** Channels in the order seen. */
  items(): number[];
  /** The first channel in that order, were these maps shown. */
  first(maps: Maps): number | undefined;
  lut(): Uint32Array;
  paint(canvas: HTMLCanvasElement, channel: number): void;
}

const SORTS: [SortKey, string][] = [["mean", "Mean"], ["max", "Maximum"], ["zeros", "Fewest zeros"], ["channel", "Channel"]];
const COLORS: [string, string][] = [["tide", "Tide"], ["viridis", "Viridis"], ["gray", "Gray"]];
const VECTOR = { width: 72, height: 16, times: 1 };

export interface MapsPanelOptions {
  pick: (channel: number) => void;
  recolor: (name: ColormapName) => void;
  /** Drawn anew, with other colors or in another order. */
  changed: () => void;
  /** Stands among the tools. */
  more: HTMLElement;
}

export function mapsPanel({ pick, recolor, changed, more }: MapsPanelOptions, signal: AbortSignal): MapsPanel {
  let now: MapsView | null = null;
  let [sort, scale, filter]: [SortKey, Scale, string] = ["mean", "map", ""];
  let items: number[] = [];
  let sheet: { maps: Maps; key: string; pixels: Uint32Array } | null = null;
  let drawn = "";

  const redraw = () => { if (now) show(now); changed(); };
  const grid = tileGrid({
    name: "Activation maps", choose: pick, hover: (item) => read(item ?? now?.chosen ?? -1),
    paint: (canvas, item) => paint(canvas, item), caption: (item) => caption(now?.maps ?? null, item), spoken: (item) => spoken(now, item),
  }, signal);
  const title = h("h3", { class: "cnn-title cnn-mono cnn-clip" });
  const told = h("span", { class: "cnn-quiet" });
  const how = h("p", { class: "cnn-quiet cnn-how" });
  const scales = segmented<Scale>("Scale", [["map", "Each map"], ["layer", "Layer"]], scale, (next) => { scale = next; redraw(); });
  const search = h("input", { class: "cnn-input", type: "search", placeholder: "3, 10-20, dead", "aria-label": "Show only these channels", oninput: () => { filter = search.value; redraw(); } });
  const sorts = select("Sort", SORTS, sort, (next) => { sort = next as SortKey; redraw(); });
  const scaleField = field("Scale", scales.element);
  const tools = h("div", { class: "cnn-tools" }, field("Sort", sorts.element), scaleField, h("span", { class: "cnn-field cnn-channels" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, "Channels"), search), more);
  const place = h("div", { class: "cnn-maps-place" }, grid.element);
  const readout = h("div", { class: "cnn-maps-read", role: "status" });
  const colorChoice = select("Color map", COLORS, "tide", (next) => recolor(next as ColormapName));
  const key = h("div", { class: "cnn-maps-key" });
  const header = h("header", { class: "cnn-maps-head" }, h("div", { class: "cnn-maps-title" }, title, told), how, tools);
  const footer = h("footer", { class: "cnn-maps-foot" }, readout, h("div", { class: "cnn-maps-legend" }, colorChoice.element, key));
  const element = h("div", { class: "cnn-maps" }, header, place, footer);

  const listed = (maps: Maps) => ordered(maps, sort, channelFilter(filter, (c) => silent(maps, c)).test);
  const mapName = () => (now?.maps?.signed ? diverging(now.theme) : (now?.colors ?? "tide"));
  const effective = (): Scale => (now?.maps && alone(now.maps) ? "layer" : scale);

  const paint = (canvas: HTMLCanvasElement, channel: number) => {
    const maps = now?.maps;
    if (!maps || !sheet) return clear(canvas);
    resize(canvas, maps.width, maps.height);
    blit(canvas, sheet.pixels, maps.width, maps.height, channel * maps.height);
  };
  const read = (channel: number) => fill(readout, ...reading(now, channel));

  const show = (next: MapsView) => {
    now = next;
    const { maps, layer, instead, chosen } = next;
    header.classList.toggle("cnn-hidden", Boolean(instead));
    footer.hidden = Boolean(instead);
    footer.classList.toggle("cnn-hidden", !maps);
    showHead(next);
    if (instead) { drawn = ""; return fill(place, instead); }
    items = maps ? listed(maps) : wells(layer);
    if (!items.length && maps) { drawn = ""; return fill(place, nothing()); }
    if (grid.element.parentNode !== place) fill(place, grid.element);
    drawTiles(next);
    if (maps) showLegend(maps);
    read(chosen);
  };

  const drawTiles = ({ maps, layer, chosen }: MapsView) => {
    const from = performance.now();
    const painted = prepareSheet(maps);
    const size = maps && alone(maps) ? VECTOR : maps ? tileSize(maps.height, maps.width) : wellSize(layer);
    const next = [maps?.layer, maps?.image, layer?.name, items.join(), size.width, size.height, mapName(), effective()].join("|");
    if (next === drawn && !painted) grid.choose(chosen, false);
    else grid.show({ items, chosen, width: size.width, height: size.height });
    drawn = next;
    if (painted) tellDuration("cnn-paint-maps", from, { maps: maps!.channels });
  };
  const prepareSheet = (maps: Maps | null): boolean => {
    const wanted = `${mapName()}|${effective()}`;
    if (!maps || (sheet?.maps === maps && sheet.key === wanted)) return false;
    sheet = { maps, key: wanted, pixels: paintSheet(maps, effective(), lookup(mapName()), sheet?.pixels) };
    return true;
  };

  const showHead = ({ maps, layer, name, older }: MapsView) => {
    setText(title, name);
    setText(told, layer ? `${layer.kind}, ${spatial(layer) ? `${layer.channels} maps of ${extent(layer.height, layer.width)}` : `${layer.channels} values, no positions`}` : "");
    setText(how, older || (maps ? howToRead(maps) : "Waiting for the maps of this layer."));
    how.dataset.older = String(Boolean(older));
    scaleField.hidden = Boolean(maps && alone(maps));
  };
  const showLegend = (maps: Maps) => {
    const top = layerReach(maps);
    const own: Tick[] = maps.signed ? [{ at: 0, text: `${MINUS}maximum` }, { at: 0.5, text: "0" }, { at: 1, text: "own maximum" }] : [{ at: 0, text: "0" }, { at: 1, text: "each map’s maximum" }];
    const list = effective() === "map" ? own : ticks(maps.signed ? -top : 0, top, 3);
    colorChoice.show(maps.signed ? "polar" : now!.colors, maps.signed ? [["polar", "Polar"]] : COLORS);
    fill(key, legend(mapName(), list, effective() === "map" ? "each map to its own maximum" : `from ${maps.signed ? number(-top) : 0} to ${number(top)}`));
  };
  const nothing = () => message("", "No channel matches", `Nothing in ${now!.name} fits “${filter}”. Write numbers and ranges, or dead.`, [{ label: "Show all", press: () => { search.value = filter = ""; redraw(); } }]);

  return {
    element, show, paint, items: () => items, first: (maps) => listed(maps)[0], lut: () => lookup(mapName()),
    choose: (channel, moveFocus) => { if (now) now = { ...now, chosen: channel }; grid.choose(channel, moveFocus); read(channel); },
  };
}

const alone = (maps: Maps) => maps.full[0] * maps.full[1] <= 1;
const wells = (layer: LayerInfo | null) => (layer ? [...Array(layer.channels).keys()] : []);

function wellSize(layer: LayerInfo | null) {
  if (!layer || !spatial(layer) || layer.height * layer.width === 1) return VECTOR;
  const times = Math.max(1, Math.ceil(Math.max(layer.height, layer.width) / 64));
  return tileSize(Math.ceil(layer.height / times), Math.ceil(layer.width / times));
}

function howToRead(maps: Maps): string {
  if (alone(maps)) return maps.signed ? "One value per unit: warm is above zero, cool below." : "One value per unit: pale is much, dark is little.";
  if (maps.signed) return "Each tile is one unit: warm above zero, cool below, blank at zero.";
  return "Each tile is one unit: bright where it responds to the picture.";
}

const brokenWord = (maps: Maps, channel: number) => (Number.isNaN(maps.lo[channel]) ? "NaN" : "∞");

function caption(maps: Maps | null, channel: number): [string, string] {
  if (!maps) return [String(channel), ""];
  return [String(channel), broken(maps, channel) ? brokenWord(maps, channel) : alone(maps) ? number(maps.mean[channel]) : silent(maps, channel) ? "silent" : ""];
}

function spoken(view: MapsView | null, channel: number): string {
  const maps = view?.maps;
  if (!maps) return `${view?.name}:${channel}, waiting`;
  return `${maps.layer}:${channel}, ${summary(maps, channel)}`;
}

function summary(maps: Maps, channel: number): string {
  if (broken(maps, channel)) return `${brokenWord(maps, channel)}: not all values are numbers`;
  if (alone(maps)) return `value ${number(maps.mean[channel])}`;
  const extremes = maps.signed ? `from ${number(maps.lo[channel])} to ${number(maps.hi[channel])}` : `maximum ${number(maps.hi[channel])}`;
  return `mean ${number(maps.mean[channel])}, ${extremes}${silent(maps, channel) ? ", silent" : ""}`;
}

function reading(view: MapsView | null, channel: number): HTMLElement[] {
  const maps = view?.maps;
  if (!maps || channel < 0 || channel >= maps.channels) return [h("div", { class: "cnn-small" }, "No unit chosen")];
  return [h("div", { class: "cnn-mono cnn-clip" }, `${maps.layer}:${channel}`), h("div", { class: "cnn-small" }, summary(maps, channel))];
}
