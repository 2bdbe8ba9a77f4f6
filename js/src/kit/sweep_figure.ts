/** The map of a sweep over its picture: one cell a place. Pointer and arrows bring back what the network said there. */

import type { Picture } from "../traits";
import { lookup, type ColormapName } from "./colormap";
import { claim } from "./controls";
import { put } from "./cover_figure";
import { h, setAttribute, setText } from "./dom";
import { clear, paintCells, resize } from "./pixels";
import { completed, cornerOf, isKnown, nearestPlace, walkedPlace, type Sweep } from "./sweep";

export interface SweepView {
  picture: Picture;
  url: string;
  /** Which of two maps it is, and of what; empty for one alone. */
  letter: string;
  name: string;
  /** Null while nothing has come. */
  sweep: Sweep | null;
  /** One value a place, NaN where there is none yet. */
  values: Float32Array;
  colors: ColormapName;
  /** The value at the ends of the color scale. */
  top: number;
  opacity: number;
  /** The cover's corner, or null. */
  place: [row: number, column: number] | null;
  window: number;
  shape: string;
  /** So many places are shown, in reading order: a replay under way. */
  shown: number;
  told: string;
}

export interface SweepActions {
  /** Bring back a place, or none. */
  point(place: number): void;
  /** Put the cover there. */
  pick(place: number): void;
}

export interface SweepFigure {
  element: HTMLElement;
  show(view: SweepView): void;
}

const ARROWS: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function sweepFigure({ point, pick }: SweepActions): SweepFigure {
  const letter = h("span", { class: "cnn-letter" });
  const name = h("span", { class: "cnn-clip" });
  const head = h("figcaption", { class: "cnn-sweep-head" }, letter, name);
  const image = h("img", { alt: "", draggable: "false" });
  const cells = h("canvas", { class: "cnn-sweep-cells", "aria-hidden": "true" });
  const hatch = h("canvas", { class: "cnn-sweep-cells cnn-sweep-hatch", "aria-hidden": "true" });
  const box = h("div", { class: "cnn-box" });
  const panel = h("div", { class: "cnn-figure cnn-sweep-map", role: "img", tabindex: 0 }, image, cells, hatch, box);
  const element = h("figure", { class: "cnn-sweep" }, head, panel);
  let now: SweepView | null = null;
  let at = -1;
  let painted: unknown[] = [];

  const show = (view: SweepView) => {
    now = view;
    const { picture, url, sweep, place, window, shape } = view;
    head.hidden = !view.letter;
    setText(letter, view.letter);
    setText(name, view.name);
    name.title = view.name;
    if (image.getAttribute("src") !== url) image.src = url;
    panel.style.aspectRatio = `${picture.width} / ${picture.height}`;
    setAttribute(panel, "aria-label", view.told);
    cells.style.opacity = String(view.opacity);
    box.hidden = !place;
    if (place) put(box, picture, place[0], place[1], window);
    box.dataset.shape = shape;
    const next = [sweep, view.values, view.colors, view.top, view.shown, picture.width, picture.height];
    if (next.some((value, k) => value !== painted[k])) paint(view);
    painted = next;
  };
  const paint = ({ sweep, values, colors, top, shown, picture }: SweepView) => {
    cells.hidden = hatch.hidden = !sweep;
    if (!sweep) return clear(cells);
    const { rows, columns } = sweep;
    for (const canvas of [cells, hatch]) lay(canvas, sweep, picture);
    const seen = shown < values.length ? values.map((value, place) => (place < shown ? value : NaN)) : values;
    const data = shown < values.length ? seen : completed(sweep, values);
    paintCells(cells, { data, height: rows, width: columns }, { lut: lookup(colors), low: -top, high: top });
    paintHatch(hatch, rows, columns, (place) => Number.isNaN(seen[place]));
  };

  const under = (event: MouseEvent): number => {
    if (!now?.sweep) return -1;
    const area = panel.getBoundingClientRect();
    const y = ((event.clientY - area.top) / area.height) * now.picture.height;
    const x = ((event.clientX - area.left) / area.width) * now.picture.width;
    return nearestPlace(now.sweep, y - now.window / 2, x - now.window / 2);
  };
  const go = (place: number) => { at = place; point(place); };
  panel.addEventListener("pointermove", (event) => event.pointerType !== "touch" && go(under(event)));
  panel.addEventListener("pointerleave", () => go(-1));
  panel.addEventListener("blur", () => go(-1));
  panel.addEventListener("click", (event) => { const place = under(event); if (place >= 0) pick(place); });
  panel.addEventListener("keydown", (event) => {
    if (!now?.sweep || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    if (step) {
      claim(event);
      const [row, column] = now.place ?? [0, 0];
      const from = at >= 0 && isKnown(now.sweep, at) ? at : nearestPlace(now.sweep, row, column);
      if (from >= 0) go(walkedPlace(now.sweep, from, step, event.shiftKey ? Math.max(1, Math.round(now.window / now.sweep.stride)) : 1));
    } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
      claim(event);
      pick(at);
    }
  });
  return { element, show };
}

/** A cell is as large as the stride, in the middle of what the cover hides at its place. */
function lay(canvas: HTMLCanvasElement, sweep: Sweep, { height, width }: Picture): void {
  const [top, left] = cornerOf(sweep, 0);
  const start = (sweep.window - sweep.stride) / 2;
  const share = (part: number, whole: number) => `${(part / whole) * 100}%`;
  Object.assign(canvas.style, {
    top: share(top + start, height), left: share(left + start, width), height: share(sweep.rows * sweep.stride, height), width: share(sweep.columns * sweep.stride, width),
  });
}

/** Thin slanted lines over some cells. */
function paintHatch(canvas: HTMLCanvasElement, rows: number, columns: number, waits: (place: number) => boolean): void {
  const waiting = Array.from({ length: rows * columns }, (_, place) => waits(place));
  if (!waiting.includes(true)) return clear(canvas);
  const side = Math.max(6, Math.min(24, Math.round(600 / Math.max(rows, columns))));
  resize(canvas, columns * side, rows * side);
  const context = canvas.getContext("2d");
  if (!context) return;
  const pixels = context.createImageData(canvas.width, canvas.height);
  const drawn = new Uint32Array(pixels.data.buffer);
  for (let y = 0, k = 0; y < canvas.height; y++) for (let x = 0; x < canvas.width; x++, k++) {
    if (!waiting[Math.floor(y / side) * columns + Math.floor(x / side)]) continue;
    const along = (x + y) % 12;
    if (along < 2) drawn[k] = 0xc0000000;
    else if (along < 4) drawn[k] = 0xc0ffffff;
  }
  context.putImageData(pixels, 0, 0);
}
