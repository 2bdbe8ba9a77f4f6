/** The wall of a gallery: one tile a unit, with what it shows said above. */

import { four, type Bitmaps } from "./bitmaps";
import type { CellStore } from "./cell_store";
import type { Theme } from "./colormap";
import { fill, h, setAttribute, setText } from "./dom";
import { deadWord, finished, type Order, type Wall } from "./filter_wall";
import { filterSize, paintFilter, type Filters } from "./filter_weights";
import { extent, number, percent, plural } from "./numbers";
import { clear } from "./pixels";
import { tileGrid } from "./tile_grid";
import type { Mode } from "./unit_study";

export interface WallView {
  wall: Wall | null;
  mode: Mode;
  filters: Filters | null;
  items: number[];
  chosen: number;
  other: number;
  order: Order;
  theme: Theme;
  /** Whether something is being computed. */
  busy: boolean;
  instead: HTMLElement | null;
}

export interface WallOptions {
  bitmaps: Bitmaps;
  store: CellStore;
  choose: (channel: number) => void;
  /** Take as the second unit. */
  pair: (channel: number) => void;
  open: (channel: number) => void;
  seen: (channels: number[]) => void;
}

export interface WallPanel {
  element: HTMLElement;
  show(view: WallView): void;
  choose(channel: number, moveFocus: boolean): void;
  /** These have other pictures. */
  refresh(channels: number[]): void;
  paint(canvas: HTMLCanvasElement, channel: number): void;
  focused(): number;
}

const SIDE = { weights: 60, synthesized: 80, patches: 80 };
const HOW = {
  weights: "Each tile is one filter as the network learned it.",
  synthesized: "Painted from noise, each so that one unit answers strongly.",
  patches: "The pieces of the data set to which each unit answers most.",
};

export function wallPanel({ bitmaps, store, choose, pair, open, seen }: WallOptions, signal: AbortSignal): WallPanel {
  let now: WallView | null = null;
  let drawn = "";
  let marked = -1;
  const grid = tileGrid({
    name: "Units", choose, seen, hover: () => {}, paint: (canvas, item) => paint(canvas, item),
    caption: (item) => [String(item), now ? word(now, item) : ""], spoken: (item) => (now ? spoken(now, item) : ""), dress: (tile, item) => dress(tile, item),
  }, signal);
  const how = h("span", { class: "cnn-quiet" });
  const about = h("span", { class: "cnn-small fg-about" });
  const header = h("header", { class: "fg-wall-head" }, how, about);
  const place = h("div", { class: "fg-wall-place" });
  const element = h("div", { class: "fg-wall" }, header, place);

  const paint = (canvas: HTMLCanvasElement, channel: number) => {
    if (!now?.wall) return clear(canvas);
    if (now.mode === "weights") return now.filters ? paintFilter(canvas, now.filters, channel, now.theme) : clear(canvas);
    if (now.mode === "patches") return bitmaps.draw(canvas, store.patches(now.wall, channel), four);
    bitmaps.draw(canvas, store.picture(now.wall, channel)?.file);
  };
  const dress = (tile: HTMLElement, channel: number) => {
    let bar = tile.querySelector<HTMLElement>(".fg-step");
    if (!bar) tile.insertBefore((bar = h("i", { class: "fg-step", "aria-hidden": "true" })), tile.lastElementChild);
    const wall = now?.wall;
    const share = wall && now!.mode === "synthesized" && wall.done[channel] > 0 && !finished(wall, channel) ? wall.done[channel] / wall.steps : 0;
    bar.style.setProperty("--done", `${share * 100}%`);
    bar.dataset.on = String(share > 0);
    tile.dataset.pair = String(channel === now?.other);
  };

  const show = (next: WallView) => {
    now = next;
    const { wall, mode, instead, items, chosen } = next;
    header.hidden = Boolean(instead) || !wall;
    setText(how, HOW[mode]);
    setText(about, wall?.key ? aboutWall(next, wall) : "");
    about.title = !wall?.key ? "" : mode === "patches" ? wall.unreadable.slice(0, 20).join("\n") : `${plural(wall.steps, "step")}, seed ${wall.seed}\n${wall.recipe}`;
    if (instead) { drawn = ""; return fill(place, instead); }
    if (grid.element.parentNode !== place) fill(place, grid.element);
    grid.element.dataset.mode = mode;
    setAttribute(grid.element, "aria-busy", next.busy ? "true" : null);
    const key = [wall?.key, mode, next.filters?.layer, next.theme, items.join(), next.order].join("|");
    if (key !== drawn) grid.show({ items, chosen, width: SIDE[mode], height: SIDE[mode] + 2 });
    else if (chosen !== marked) grid.choose(chosen, false); // only then, as it scrolls to the tile
    if (key === drawn) grid.refresh();
    [drawn, marked] = [key, chosen];
  };
  const itemOf = (event: Event) => {
    const tile = (event.target as Element).closest<HTMLElement>(".cnn-tile");
    return tile ? Number(tile.dataset.item) : -1;
  };
  /** What only a gallery does comes before what every grid does. */
  const before = (event: Event, deed: (channel: number) => void) => {
    const channel = itemOf(event);
    if (channel < 0) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    deed(channel);
  };
  const early = { capture: true };
  grid.element.addEventListener("click", (event) => { if (event.shiftKey) before(event, pair); }, early);
  grid.element.addEventListener("dblclick", (event) => before(event, open), early);
  grid.element.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey) before(event, open); }, early);
  return {
    element, show, paint,
    choose: (channel, moveFocus) => { if (now) now = { ...now, chosen: channel }; marked = channel; grid.choose(channel, moveFocus); },
    refresh: (channels) => grid.refresh(new Set(channels)),
    focused: () => Number(grid.element.querySelector<HTMLElement>(".cnn-tile:focus")?.dataset.item ?? -1),
  };
}

function word({ wall, mode, order, filters }: WallView, channel: number): string {
  if (!wall) return "";
  if (mode === "weights") return filters?.dead.has(channel) ? "zero" : "";
  if (mode === "synthesized" && wall.done[channel] > 0 && !finished(wall, channel)) return `step ${wall.done[channel]}`;
  if (deadWord(wall, channel)) return deadWord(wall, channel);
  if (wall.seen && wall.frequency[channel] === 0) return "silent";
  if (order === "frequency") return percent(wall.frequency[channel], 0);
  const value = order === "response" ? wall.score[channel] : order === "activation" || (mode === "patches" && wall.seen) ? wall.peak[channel] : NaN;
  return Number.isFinite(value) && (mode === "patches" || wall.done[channel] > 0) ? number(value) : "";
}

function spoken(view: WallView, channel: number): string {
  const { wall, mode, filters } = view;
  const name = `${wall?.layer}:${channel}`;
  if (!wall || mode === "weights") return filters?.dead.has(channel) ? `${name}, all weights zero` : name;
  if (mode === "patches") return wall.seen ? `${name}, strongest ${number(wall.peak[channel])}` : `${name}, waiting`;
  if (deadWord(wall, channel)) return `${name}, ${deadWord(wall, channel)}`;
  if (wall.done[channel] <= 0) return `${name}, waiting`;
  return finished(wall, channel) ? `${name}, answers ${number(wall.score[channel])}` : `${name}, step ${wall.done[channel]} of ${wall.steps}`;
}

function aboutWall({ mode, filters, items }: WallView, wall: Wall): string {
  const shown = items.length < wall.channels ? `${items.length} of ${plural(wall.channels, "unit")}` : plural(wall.channels, "unit");
  if (mode === "weights") return filters ? filterSize(filters) : shown;
  if (mode === "patches") return [shown, wall.seen < wall.pictures ? `${wall.seen} of ${plural(wall.pictures, "picture")}` : plural(wall.pictures, "picture"), wall.unreadable.length && `${wall.unreadable.length} cannot be read`].filter(Boolean).join(", ");
  return `${shown}, ${extent(...wall.size)} px`;
}
