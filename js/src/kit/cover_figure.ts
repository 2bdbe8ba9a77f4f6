/** A picture with a cover to move by pointer, finger or keys, or with a brush to draw a cover of one's own. */

import type { Picture } from "../traits";
import { claim } from "./controls";
import { h, setAttribute } from "./dom";
import type { Drawing } from "./drawing";
import { fillCanvases } from "./fill_canvas";
import { within } from "./numbers";
import { paintOutline } from "./outline";
import { clear, resize } from "./pixels";

export interface CoverView {
  picture: Picture;
  url: string;
  mode: "cover" | "brush";
  fill: string;
  /** Upper left corner in pixels of the picture; null: nothing is covered. */
  place: [row: number, column: number] | null;
  window: number;
  shape: string;
  /** What a screen reader hears of the cover. */
  told: string;
  drawing: Drawing | null;
  /** Counts what is drawn. */
  stroke: number;
  /** Radius in pixels of the picture. */
  brush: number;
  erasing: boolean;
  /** The pen of the keyboard is down. */
  down: boolean;
  /** A drawing can be changed. */
  draws: boolean;
}

export interface CoverActions {
  /** The cover is to go there: its corner, not yet within the picture. */
  move(row: number, column: number): void;
  walk(step: [down: number, across: number], how: "stride" | "window" | "pixel"): void;
  /** Draw from one point of the picture to another, in pixels. */
  draw(from: [y: number, x: number], to: [y: number, x: number]): void;
  /** The pen of the keyboard is put down or lifted, at a point. */
  pen(at: [y: number, x: number]): void;
  /** What was taken hold of is let go. */
  release(): void;
}

export interface CoverFigure {
  element: HTMLElement;
  show(view: CoverView): void;
}

const ARROWS: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function coverFigure(actions: CoverActions): CoverFigure {
  const image = h("img", { alt: "", draggable: "false" });
  const filling = h("canvas", { class: "cnn-cover-filling", "aria-hidden": "true" });
  const edge = h("canvas", { class: "cnn-cover-edge", "aria-hidden": "true" });
  const cover = h("div", { class: "cnn-cover", role: "slider", tabindex: 0, "aria-label": "Cover", "aria-roledescription": "movable cover", "aria-valuemin": 0 });
  const pen = h("div", { class: "cnn-cover-pen", role: "application", tabindex: 0 });
  const element = h("div", { class: "cnn-figure cnn-cover-photo", role: "group" }, image, filling, edge, cover, pen);
  const fills = fillCanvases(() => now && show(now));
  let now: CoverView | null = null;
  let painted: unknown[] = [];
  let tip: [y: number, x: number] = [0, 0];
  let tipped = "";
  let hold: { pointer: number; y: number; x: number } | null = null;
  let tapped = false;

  const show = (view: CoverView) => {
    now = view;
    const { picture, url, mode, drawing } = view;
    if (image.getAttribute("src") !== url) image.src = url;
    if (tipped !== url) [tip, tipped] = [[picture.height / 2, picture.width / 2], url];
    fills.load(url, picture.width, picture.height);
    element.style.aspectRatio = `${picture.width} / ${picture.height}`;
    setAttribute(element, "aria-label", `The picture ${picture.name}`);
    setAttribute(element, "data-mode", mode);
    setAttribute(element, "data-draws", mode === "brush" && view.draws);
    cover.hidden = mode !== "cover";
    pen.hidden = edge.hidden = mode !== "brush";
    if (mode === "cover") showCover(view);
    else showPen(view);
    const next = [fills.get(view.fill), mode, mode === "brush" ? drawing : null, mode === "brush" ? view.stroke : 0];
    if (next.some((value, k) => value !== painted[k])) paint(view);
    painted = next;
  };

  const showCover = ({ picture, place, window, shape, told }: CoverView) => {
    const [row, column] = place ?? middle(picture, window);
    put(cover, picture, row, column, window);
    cover.dataset.none = String(!place);
    cover.dataset.shape = shape;
    filling.style.clipPath = place ? clipOf(picture, row, column, window, shape) : "inset(50%)";
    setAttribute(cover, "aria-valuemax", Math.max(0, picture.height * picture.width - 1));
    setAttribute(cover, "aria-valuenow", within(row, picture.height - 1) * picture.width + within(column, picture.width - 1));
    setAttribute(cover, "aria-valuetext", told);
  };
  const showPen = ({ picture, brush, erasing, down, draws, told }: CoverView) => {
    filling.style.clipPath = "none";
    put(pen, picture, tip[0] - brush, tip[1] - brush, 2 * brush);
    pen.dataset.down = String(down);
    setAttribute(pen, "aria-disabled", draws ? null : "true");
    setAttribute(pen, "aria-label", `Brush, ${erasing ? "erasing" : "drawing"}, pen ${down ? "down" : "up"}, at row ${Math.round(tip[0])}, column ${Math.round(tip[1])}. ${told}`);
  };

  const paint = ({ mode, picture, fill, drawing }: CoverView) => {
    const source = fills.get(fill);
    if (!source) return clear(filling);
    const [width, height] = mode === "brush" ? [picture.width, picture.height] : [source.width, source.height];
    resize(filling, width, height);
    const context = filling.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
    context.drawImage(source, 0, 0, width, height);
    if (mode !== "brush") return;
    if (!drawing || drawing.width !== width || drawing.height !== height) return context.clearRect(0, 0, width, height);
    paintOutline(edge, drawing.mask, width, height);
    const pixels = context.getImageData(0, 0, width, height);
    for (let k = 0; k < drawing.mask.length; k++) if (!drawing.mask[k]) pixels.data[4 * k + 3] = 0;
    context.putImageData(pixels, 0, 0);
  };

  /** Where a pointer is, in pixels of the picture. */
  const pointOf = (event: MouseEvent): [number, number] => {
    const area = element.getBoundingClientRect();
    return [((event.clientY - area.top) / area.height) * now!.picture.height, ((event.clientX - area.left) / area.width) * now!.picture.width];
  };
  const center = ([y, x]: [number, number]) => actions.move(y - now!.window / 2, x - now!.window / 2);
  const take = (event: PointerEvent, [y, x]: [number, number]) => {
    hold = { pointer: event.pointerId, y, x };
    element.dataset.held = "true";
    element.setPointerCapture?.(event.pointerId);
  };
  const down = (event: PointerEvent) => {
    if (!now || event.button !== 0) return;
    const at = pointOf(event);
    const on = event.composedPath().includes(cover);
    // A finger beside the cover may be about to scroll the page: only a tap moves the cover there.
    tapped = now.mode === "cover" && event.pointerType === "touch" && !on;
    if (tapped || (now.mode === "brush" && !now.draws)) return;
    event.preventDefault();
    if (now.mode === "brush") {
      take(event, at);
      tip = at;
      actions.draw(at, at);
      return pen.focus({ preventScroll: true });
    }
    cover.focus({ preventScroll: true });
    if (!on || !now.place) center(at);
    const [row, column] = now.place ?? [at[0] - now.window / 2, at[1] - now.window / 2];
    take(event, on ? [at[0] - row, at[1] - column] : [now.window / 2, now.window / 2]);
  };
  const moved = (event: PointerEvent) => {
    if (!now) return;
    const at = pointOf(event);
    const from = tip;
    if (now.mode === "brush") { tip = at; showPen(now); }
    if (hold?.pointer !== event.pointerId) return;
    if (now.mode === "brush") actions.draw(from, at);
    else actions.move(at[0] - hold.y, at[1] - hold.x);
  };
  const up = (event: PointerEvent) => {
    if (hold?.pointer !== event.pointerId) return;
    hold = null;
    delete element.dataset.held;
    actions.release();
  };

  const walk = (event: KeyboardEvent) => {
    const step = ARROWS[event.key];
    if (!now || !step || event.ctrlKey || event.metaKey) return;
    claim(event);
    if (now.mode === "cover") return actions.walk(step, event.altKey ? "pixel" : event.shiftKey ? "window" : "stride");
    const far = event.altKey ? 1 : Math.max(1, Math.round(now.brush * (event.shiftKey ? 2 : 1)));
    const from = tip;
    tip = [within(tip[0] + step[0] * far, now.picture.height), within(tip[1] + step[1] * far, now.picture.width)];
    showPen(now);
    if (now.down && now.draws) actions.draw(from, tip);
  };
  const touchPen = (event: KeyboardEvent) => {
    if (event.key !== " " && event.key !== "Enter") return;
    claim(event);
    if (now?.draws) actions.pen(tip);
  };

  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", moved);
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("click", (event) => {
    if (!now || !tapped) return;
    tapped = false;
    center(pointOf(event));
    actions.release();
  });
  for (const part of [cover, pen]) part.addEventListener("keydown", walk);
  pen.addEventListener("keydown", touchPen);
  for (const part of [cover, pen]) {
    part.addEventListener("keyup", (event) => ARROWS[event.key] && actions.release());
    part.addEventListener("blur", () => hold || actions.release());
  }
  return { element, show };
}

function middle({ height, width }: Picture, window: number): [number, number] {
  return [(height - window) / 2, (width - window) / 2];
}

const share = (part: number, whole: number) => `${(part / whole) * 100}%`;

/** Lay an element over a square of the picture. */
export function put(element: HTMLElement, { height, width }: { height: number; width: number }, row: number, column: number, side: number): void {
  Object.assign(element.style, { top: share(row, height), left: share(column, width), height: share(side, height), width: share(side, width) });
}

/** The part of a picture that a cover shows. */
function clipOf({ height, width }: Picture, row: number, column: number, window: number, shape: string): string {
  if (shape === "circle") return `ellipse(${share(window / 2, width)} ${share(window / 2, height)} at ${share(column + window / 2, width)} ${share(row + window / 2, height)})`;
  const inset = [share(row, height), share(width - column - window, width), share(height - row - window, height), share(column, width)];
  return `inset(${inset.join(" ")})`;
}
