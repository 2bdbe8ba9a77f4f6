/** A class, the picture with its heatmap over it, the legend and the value under the pointer. */

import type { Picture } from "../traits";
import { lookup, type ColormapName } from "./colormap";
import { claim } from "./controls";
import { fill, h, setAttribute, setText } from "./dom";
import type { Cam } from "./heatmap_store";
import { legend } from "./legend";
import { extent, number, percent } from "./numbers";
import { cellAt, paintSmooth, spread } from "./pixels";
import { tell } from "./telling";
import { ticks } from "./ticks";
import { walked, type Cell } from "./unit_figure";

export interface CamView {
  letter: string;
  name: string;
  share: number | undefined;
  picture: Picture;
  url: string;
  cam: Cam | null;
  /** What is seen is of something else than what was chosen: of what. */
  older: string;
  /** Stands where the heatmap would be. */
  instead: HTMLElement | null;
  signed: boolean;
  opacity: number;
  colors: ColormapName;
  /** The value at the end of the color scale. */
  top: number;
  /** The position pointed at, in cells, or none. */
  cell: Cell | null;
}

export interface CamFigure {
  element: HTMLElement;
  show(view: CamView): void;
}

const SIDE = 336;

export function camFigure(point: (cell: Cell | null) => void): CamFigure {
  const letter = h("span", { class: "cnn-letter" });
  const name = h("h3", { class: "cnn-title cnn-clip" });
  const share = h("span", { class: "cnn-quiet cnn-num" });
  const image = h("img", { alt: "", draggable: "false" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const cross = h("div", { class: "cnn-box" });
  const panel = h("div", { class: "cnn-figure cnn-cam-picture", role: "img", tabindex: 0 }, image, canvas, cross);
  const empty = h("div", { class: "cnn-cam-empty" });
  const key = h("div", { class: "cnn-cam-key" });
  const read = h("div", { class: "cnn-small cnn-cam-read" });
  const element = h("figure", { class: "cnn-cam" }, h("div", { class: "cnn-cam-head" }, letter, name, h("span", { class: "cnn-grow" }), share), panel, empty, key, read);
  let now: CamView | null = null;
  let painted: unknown[] = [];

  const show = (next: CamView) => {
    now = next;
    setText(letter, next.letter);
    letter.hidden = !next.letter;
    setText(name, next.name);
    name.title = next.name;
    setText(share, next.share === undefined ? "" : percent(next.share));
    showPicture(next);
    fill(empty, next.instead);
    empty.hidden = !next.instead;
    element.dataset.empty = String(Boolean(next.instead));
    canvas.style.opacity = String(next.opacity);
    canvas.hidden = Boolean(next.instead) || !next.cam;
    key.hidden = canvas.hidden as boolean;
    if (!canvas.hidden) paint(next);
    const reading = next.instead ? "" : readingOf(next);
    setText(read, reading);
    read.dataset.older = String(Boolean(next.older));
    setAttribute(panel, "aria-label", `Grad-CAM for ${next.name}${next.cam ? ` at ${next.cam.layer}` : ""}. ${reading}`);
    setAttribute(panel, "tabindex", next.instead ? null : 0);
  };
  const showPicture = ({ url, picture, signed, instead, cam, cell }: CamView) => {
    if (image.getAttribute("src") !== url) image.src = url;
    panel.style.aspectRatio = `${picture.width} / ${picture.height}`;
    element.style.setProperty("--aspect", String(picture.width / picture.height));
    panel.dataset.signed = String(signed && !instead);
    cross.hidden = !cell || !cam || Boolean(instead);
    if (cell && cam) locate(cross, cell, cam);
  };
  const paint = (view: CamView) => {
    const { cam, picture, signed, colors, top } = view;
    const want = element.clientWidth && element.clientWidth < 240 ? 2 : 4;
    const next = [cam, picture.width, picture.height, signed, colors, top, want];
    if (next.every((value, k) => value === painted[k])) return;
    painted = next;
    paintCam(canvas, view);
    tell("cnn-paint-cam", { target: cam!.target });
    fill(key, legend(colors, ticks(signed ? -top : 0, top, want), `from ${number(signed ? -top : 0)} to ${number(top)}`));
  };

  panel.addEventListener("pointermove", (event) => now?.cam && point(under(event, panel, now.cam)));
  panel.addEventListener("pointerleave", () => point(null));
  panel.addEventListener("blur", () => point(null));
  panel.addEventListener("keydown", (event) => {
    const { cam, cell } = now ?? {};
    if (!cam) return;
    const from = cell ?? { row: Math.floor(cam.field.height / 2), column: Math.floor(cam.field.width / 2) };
    const moved = walked(event, from, [cam.field.height, cam.field.width]);
    if (!moved) return;
    claim(event);
    point(moved);
  });
  return { element, show };
}

function paintCam(canvas: HTMLCanvasElement, { cam, picture, signed, colors, top }: CamView): void {
  const scale = Math.min(2, SIDE / Math.max(picture.width, picture.height));
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  const alpha = signed ? (value: number) => 255 * Math.min(1, 0.25 + (1.1 * Math.abs(value)) / top) : (value: number) => 255 * (0.55 + (0.45 * Math.max(0, value)) / top);
  paintSmooth(canvas, cam!.field, width, height, spread(cam!.field, height, width), { lut: lookup(colors), low: signed ? -top : 0, high: top, alpha });
}

function readingOf({ cam, cell, older }: CamView): string {
  if (!cam) return "Waiting for the map.";
  if (older) return `Older: ${older}`;
  const { data, height, width } = cam.field;
  if (cell) return `row ${cell.row}, column ${cell.column}: ${number(data[cell.row * width + cell.column])}`;
  const positive = data.reduce((count, value) => count + Number(value > 0), 0);
  return `${percent(positive / data.length, 0)} of ${extent(height, width)} positions speak for it`;
}

function under(event: PointerEvent, panel: HTMLElement, { field }: Cam): Cell {
  const area = panel.getBoundingClientRect();
  const [y, x] = [event.clientY - area.top, event.clientX - area.left];
  return cellAt(field, spread(field, area.height, area.width), y, x);
}

function locate(box: HTMLElement, { row, column }: Cell, { field }: Cam): void {
  box.style.top = `${(row / field.height) * 100}%`;
  box.style.left = `${(column / field.width) * 100}%`;
  box.style.height = `${100 / field.height}%`;
  box.style.width = `${100 / field.width}%`;
}
