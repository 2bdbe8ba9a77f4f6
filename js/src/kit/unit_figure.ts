/** One map over the picture it answers to, with the box its unit sees. Pointer and arrows move through its cells. */

import type { LayerInfo, Picture } from "../traits";
import { claim } from "./controls";
import { h, setAttribute } from "./dom";
import { cellAt, paintCells, paintSmooth, spread, type Field, type PaintOptions, type Placement } from "./pixels";

export interface Cell {
  row: number;
  column: number;
}

export type View = "over" | "map" | "image";

export interface FigureView {
  picture: Picture;
  url: string;
  layer: LayerInfo | null;
  /** Rows and columns of the layer's maps, which its addresses count. */
  full: [height: number, width: number];
  /** What is drawn: the exact map, or a smaller one of it. */
  field: Field;
  paint: PaintOptions;
  signed: boolean;
  view: View;
  cell: Cell;
  spoken: string;
}

export interface UnitFigure {
  element: HTMLElement;
  show(view: FigureView): void;
}

const SIDE = 248;

export function unitFigure(point: (cell: Cell | null) => void): UnitFigure {
  const image = h("img", { alt: "", draggable: "false" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const box = h("div", { class: "cnn-box" });
  const dot = h("div", { class: "cnn-dot" });
  const element = h("div", { class: "cnn-figure cnn-unit-figure", role: "img", tabindex: 0 }, image, canvas, box, dot);
  let now: FigureView | null = null;
  let painted: unknown[] = [];

  const show = (next: FigureView) => {
    now = next;
    const { picture, url, cell } = next;
    const view = next.full[0] * next.full[1] <= 1 ? "image" : next.view;
    if (image.getAttribute("src") !== url) image.src = url;
    setAttribute(element, "aria-label", next.spoken);
    setAttribute(element, "data-view", view);
    setAttribute(element, "data-signed", next.signed && view !== "image");
    element.style.aspectRatio = `${picture.width} / ${picture.height}`;
    element.style.width = `min(100%, ${Math.round((SIDE * picture.width) / Math.max(picture.width, picture.height))}px)`;
    const key = [next.field, next.layer, view, next.paint.lut, next.paint.low, next.paint.high];
    if (key.some((value, k) => value !== painted[k])) draw(canvas, next);
    painted = key;
    locate(box, dot, next, cell);
  };
  element.addEventListener("pointermove", (event) => now && point(under(event, element, now)));
  element.addEventListener("pointerleave", () => point(null));
  element.addEventListener("blur", () => point(null));
  element.addEventListener("keydown", (event) => {
    const moved = now && walked(event, now.cell, now.full);
    if (!moved) return;
    claim(event);
    point(moved);
  });
  return { element, show };
}

/** The cell that an arrow key leads to; Shift takes ten at a time. */
export function walked(event: KeyboardEvent, { row, column }: Cell, [height, width]: [number, number]): Cell | null {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return null;
  const size = event.shiftKey ? 10 : 1;
  const within = (value: number, top: number) => Math.max(0, Math.min(top - 1, value));
  return { row: within(row + step[0] * size, height), column: within(column + step[1] * size, width) };
}

/** Where the cells lie on the picture: at the centers of what they see, if that is known. */
export function placement(layer: LayerInfo | null, full: [number, number], picture: Picture): Placement {
  if (!layer?.field) return spread({ height: full[0], width: full[1] }, picture.height, picture.width);
  const [, jump, start] = layer.field;
  return { jump: [jump, jump], start: [start, start] };
}

/** The same grid counted in the cells of a smaller field, on a canvas `scale` times the picture. */
export function rescaled(place: Placement, full: [number, number], field: Field, scale: number): Placement {
  const times = [full[0] / field.height, full[1] / field.width];
  const jump = (k: 0 | 1) => place.jump[k] * times[k] * scale;
  const start = (k: 0 | 1) => (place.start[k] + (place.jump[k] * (times[k] - 1)) / 2) * scale;
  return { jump: [jump(0), jump(1)], start: [start(0), start(1)] };
}

function draw(canvas: HTMLCanvasElement, { picture, layer, full, field, paint, view, signed }: FigureView): void {
  if (view === "image" || full[0] * full[1] <= 1) return;
  if (view === "map") return paintCells(canvas, field, paint);
  const scale = Math.min(2, SIDE / Math.max(picture.width, picture.height));
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  const place = rescaled(placement(layer, full, picture), full, field, scale);
  paintSmooth(canvas, field, width, height, place, { ...paint, alpha: strength(paint.high, signed) });
}

/** Overlays let the picture through where there is little to show. */
export function strength(top: number, signed: boolean): (value: number) => number {
  if (!(top > 0)) return () => 80;
  return signed ? (value) => 255 * Math.min(1, 0.2 + 0.9 * (Math.abs(value) / top)) : (value) => 80 + 165 * Math.sqrt(Math.max(0, value) / top);
}

function under(event: PointerEvent, element: HTMLElement, { picture, layer, full, view }: FigureView): Cell {
  const area = element.getBoundingClientRect();
  const y = ((event.clientY - area.top) / area.height) * picture.height;
  const x = ((event.clientX - area.left) / area.width) * picture.width;
  const grid = { height: full[0], width: full[1] };
  return cellAt(grid, view === "map" ? spread(grid, picture.height, picture.width) : placement(layer, full, picture), y, x);
}

function locate(box: HTMLElement, dot: HTMLElement, { picture, layer, full, view, paint }: FigureView, { row, column }: Cell): void {
  const alone = full[0] * full[1] <= 1;
  const grid = { height: full[0], width: full[1] };
  const place = view === "map" ? spread(grid, picture.height, picture.width) : placement(layer, full, picture);
  const center = [place.start[0] + place.jump[0] * row, place.start[1] + place.jump[1] * column];
  const size = view === "map" ? place.jump : layer?.field ? [layer.field[0], layer.field[0]] : null;
  box.hidden = alone || !size || !(paint.high >= paint.low);
  dot.hidden = alone || view === "map" || !(paint.high >= paint.low);
  dot.style.top = share(center[0], picture.height);
  dot.style.left = share(center[1], picture.width);
  if (!size) return;
  edge(box, "top", "height", center[0], size[0], picture.height);
  edge(box, "left", "width", center[1], size[1], picture.width);
}

function edge(box: HTMLElement, from: "top" | "left", extent: "height" | "width", center: number, size: number, side: number): void {
  const inside = (value: number) => Math.max(0, Math.min(side, value));
  const [low, high] = [inside(center - size / 2), inside(center + size / 2)];
  box.style[from] = share(low, side);
  box.style[extent] = share(high - low, side);
}

const share = (value: number, side: number) => `${(Math.max(0, Math.min(side, value)) / side) * 100}%`;
