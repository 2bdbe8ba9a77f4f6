/** A grid of tiles of which only those in view exist: one tab stop, arrows move, the focus survives redraws. */

import { claim } from "./controls";
import { h, holdsFocus, reveal, setAttribute, setText } from "./dom";
import { onEnd } from "./ending";
import { onResize } from "./resize";

export interface TileGridOptions {
  name: string;
  choose: (item: number) => void;
  hover: (item: number | null) => void;
  /** Draw the face of a tile. */
  paint: (canvas: HTMLCanvasElement, item: number) => void;
  /** Below the tile: its number, and a word if there is one to say. */
  caption: (item: number) => [number: string, word: string];
  spoken: (item: number) => string;
  /** More of a tile: marks beside its face. Called whenever it is drawn. */
  dress?: (tile: HTMLElement, item: number) => void;
  /** Word of the items in view, once a scroll or a change has come to rest. */
  seen?: (items: number[]) => void;
}

export interface TileGridView {
  items: number[];
  chosen: number;
  width: number;
  height: number;
}

export interface TileGrid {
  element: HTMLElement;
  show(view: TileGridView): void;
  choose(item: number, moveFocus: boolean): void;
  /** Draw the tiles in view again where they stand; all of them, or those of some items. */
  refresh(items?: Set<number>): void;
}

const GAP = 8;
const CAPTION = 20;
const SPARE = 1;
const REST = 120;

export function tileGrid(options: TileGridOptions, signal: AbortSignal): TileGrid {
  const room = h("div", { class: "cnn-tiles-room", role: "presentation" });
  const element = h("div", { class: "cnn-tiles", role: "grid", "aria-label": options.name }, room);
  const rows = new Map<number, HTMLElement>();
  let view: TileGridView = { items: [], chosen: -1, width: 54, height: 54 };
  let columns = 1;
  let size = { width: 0, height: 0 };
  let resting: ReturnType<typeof setTimeout> | undefined;
  onEnd(signal, () => clearTimeout(resting));

  const pitch = () => view.height + CAPTION;
  const at = (item: number) => view.items.indexOf(item);
  const stop = () => Math.max(0, at(view.chosen));
  const lines = () => Math.ceil(view.items.length / columns);
  const tileOf = (item: number) => room.querySelector<HTMLElement>(`[data-item="${item}"]`);

  const measure = () => {
    const inset = parseFloat(getComputedStyle(element).paddingLeft) + parseFloat(getComputedStyle(element).paddingRight);
    size = { width: element.clientWidth - (inset || 0), height: element.clientHeight };
  };

  const layOut = () => {
    if (!size.width) measure();
    const fit = Math.max(1, Math.floor((size.width + GAP) / (view.width + GAP)));
    columns = Math.max(1, Math.min(view.items.length, fit));
    room.style.height = `${lines() * pitch()}px`;
    element.style.setProperty("--tile", `${view.width}px`);
    element.style.setProperty("--tile-height", `${view.height}px`);
    element.style.setProperty("--columns", String(fit));
    setAttribute(element, "aria-rowcount", lines());
    setAttribute(element, "aria-colcount", columns);
  };

  /** Rows in view, some to spare, and always that of the tab stop. */
  const wanted = (): number[] => {
    const from = Math.max(0, Math.floor(element.scrollTop / pitch()) - SPARE);
    const to = Math.min(lines(), from + Math.ceil((size.height || 400) / pitch()) + 1 + 2 * SPARE);
    const list = Array.from({ length: Math.max(0, to - from) }, (_, k) => from + k);
    const own = Math.floor(stop() / columns);
    return list.includes(own) || own >= lines() ? list : [...list, own];
  };

  /** Rows out of view are taken for those that come into it. */
  const fillView = (again = false) => {
    const list = wanted();
    const free = [...rows.keys()].filter((row) => !list.includes(row));
    for (const row of list) {
      if (rows.has(row) && !again) continue;
      if (!rows.has(row)) place(take(free.pop()) ?? h("div", { class: "cnn-tiles-row", role: "row" }), row);
      dressRow(rows.get(row)!, row);
    }
    free.forEach(take);
    tellSeen();
  };
  const tellSeen = () => {
    clearTimeout(resting);
    if (options.seen && !signal.aborted) resting = setTimeout(() => options.seen!(inView()), REST);
  };
  const inView = (): number[] => {
    const from = Math.max(0, Math.floor((element.scrollTop + CAPTION) / pitch()));
    const to = Math.ceil((element.scrollTop + (size.height || 400)) / pitch());
    return view.items.slice(from * columns, to * columns);
  };
  const take = (row: number | undefined) => {
    const line = row === undefined ? undefined : rows.get(row);
    line?.remove();
    if (row !== undefined) rows.delete(row);
    return line;
  };
  /** Rows stand in the document in their own order, as they are read aloud. */
  const place = (line: HTMLElement, row: number) => {
    const after = Math.min(...[...rows.keys()].filter((other) => other > row));
    room.insertBefore(line, rows.get(after) ?? null);
    rows.set(row, line);
  };

  const dressRow = (line: HTMLElement, row: number) => {
    line.style.top = `${row * pitch()}px`;
    setAttribute(line, "aria-rowindex", row + 1);
    const items = view.items.slice(row * columns, (row + 1) * columns);
    while (line.children.length > items.length) line.lastElementChild!.remove();
    items.forEach((item, column) => dress((line.children[column] as HTMLElement | undefined) ?? line.appendChild(bare()), item, column));
  };
  const bare = () => h("div", { class: "cnn-tile", role: "gridcell" }, h("canvas", { "aria-hidden": "true" }), h("small", null, h("span"), h("span")));
  const dress = (tile: HTMLElement, item: number, column: number) => {
    const [canvas, caption] = [tile.firstElementChild!, tile.querySelector("small")!];
    const [name, word] = options.caption(item);
    tile.dataset.item = String(item);
    setAttribute(tile, "aria-colindex", column + 1);
    setAttribute(tile, "aria-label", options.spoken(item));
    setText(caption.children[0], name);
    setText(caption.children[1], word);
    options.paint(canvas as HTMLCanvasElement, item);
    options.dress?.(tile, item);
    markTile(tile);
  };
  const markTile = (tile: HTMLElement) => {
    setAttribute(tile, "aria-selected", Number(tile.dataset.item) === view.chosen);
    tile.tabIndex = Number(tile.dataset.item) === view.items[stop()] ? 0 : -1;
  };

  const bringIntoView = (center: boolean) => {
    if (at(view.chosen) >= 0) reveal(element, Math.floor(at(view.chosen) / columns) * pitch(), pitch(), "y", center);
  };
  const choose = (item: number, moveFocus: boolean) => {
    view = { ...view, chosen: item };
    bringIntoView(false);
    fillView();
    for (const tile of room.querySelectorAll<HTMLElement>(".cnn-tile")) markTile(tile);
    if (moveFocus) tileOf(item)?.focus({ preventScroll: true });
  };
  const show = (next: TileGridView) => {
    const had = holdsFocus(element);
    view = next;
    layOut();
    bringIntoView(true);
    fillView(true);
    if (had) tileOf(view.items[stop()])?.focus({ preventScroll: true });
  };
  const refresh = (items?: Set<number>) => {
    for (const tile of room.querySelectorAll<HTMLElement>(".cnn-tile")) {
      const item = Number(tile.dataset.item);
      if (!items || items.has(item)) dress(tile, item, Number(tile.getAttribute("aria-colindex")) - 1);
    }
  };

  const itemOf = (event: Event) => {
    const found = (event.target as Element).closest<HTMLElement>(".cnn-tile");
    return found ? Number(found.dataset.item) : null;
  };
  const press = (item: number | null | undefined) => {
    if (item === null || item === undefined) return;
    choose(item, true);
    options.choose(item);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !view.items.length) return;
    const page = columns * Math.max(1, Math.floor(size.height / pitch()));
    const unit = event.shiftKey ? 10 : 1;
    const by = { ArrowRight: unit, ArrowLeft: -unit, ArrowDown: columns * unit, ArrowUp: -columns * unit, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
    const here = event.key === "Enter" || event.key === " ";
    if (by === undefined && !here) return;
    claim(event);
    const from = stop();
    press(here ? itemOf(event) : view.items[Math.max(0, Math.min(view.items.length - 1, from + (at(view.chosen) < 0 ? 0 : by!)))]);
  };

  element.addEventListener("click", (event) => press(itemOf(event)));
  element.addEventListener("keydown", onKey);
  element.addEventListener("pointerover", (event) => options.hover(itemOf(event)));
  element.addEventListener("pointerleave", () => options.hover(null));
  element.addEventListener("scroll", () => fillView(), { passive: true });
  onResize(element, () => { measure(); show(view); }, signal);
  return { element, show, choose, refresh };
}
