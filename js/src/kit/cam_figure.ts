/** A class, the picture with its heatmap over it, the legend and the value under the pointer; places to ask about are chosen here. */

import type { Picture } from "../traits";
import { CAM_METHODS } from "./cam_methods";
import { lookup, type ColormapName } from "./colormap";
import { button, claim, spring } from "./controls";
import { fill, h, setAttribute, setText } from "./dom";
import type { Cam } from "./heatmap_store";
import { legend } from "./legend";
import { extent, number, percent } from "./numbers";
import { paintOutline } from "./outline";
import { cellAt, clear, paintSmooth, spread } from "./pixels";
import { connected, pixelAt, resampled, type Box, type Regions } from "./regions";
import { tell } from "./telling";
import { ticks } from "./ticks";
import { walked, type Cell } from "./unit_figure";

export interface CamView {
  letter: string;
  name: string;
  share: string;
  picture: Picture;
  url: string;
  cam: Cam | null;
  /** What is seen is of something else than what was chosen: of what. */
  older: string;
  /** Stands where the heatmap would be. */
  instead: HTMLElement | null;
  signed: boolean;
  opacity: number;
  /** What is smaller than this share of `top` is hidden. */
  threshold: number;
  colors: ColormapName;
  /** The value at the end of the color scale. */
  top: number;
  /** The position pointed at, in cells, or none. */
  cell: Cell | null;
  regions: Regions | null;
  /** Whether a click leads anywhere. */
  picks: boolean;
  /** A box by its number or a pixel by row and column; empty for the whole picture. */
  place: number[];
  /** What the network sees at a point given in shares of the picture. */
  seen: (x: number, y: number) => string;
  /** Takes up a map that is not whole. */
  finish: (() => void) | null;
}

export interface CamFigure {
  element: HTMLElement;
  show(view: CamView): void;
}

export interface CamActions {
  point(cell: Cell | null): void;
  /** A point of the picture, in shares of it, is to be asked about. */
  pick(x: number, y: number): void;
}

const SIDE = 336;

export function camFigure({ point, pick }: CamActions): CamFigure {
  const letter = h("span", { class: "cnn-letter" });
  const name = h("h3", { class: "cnn-title cnn-clip" });
  const share = h("span", { class: "cnn-quiet cnn-num" });
  const image = h("img", { alt: "", draggable: "false" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const edges = h("canvas", { "aria-hidden": "true", class: "cnn-cam-edges" });
  const region = h("canvas", { "aria-hidden": "true", class: "cnn-cam-region" });
  const boxes = h("div", { class: "cnn-cam-boxes", "aria-hidden": "true" });
  const cross = h("div", { class: "cnn-box" });
  const panel = h("div", { class: "cnn-figure cnn-cam-picture", role: "img", tabindex: 0 }, image, canvas, edges, region, boxes, cross);
  const empty = h("div", { class: "cnn-cam-empty" });
  const key = h("div", { class: "cnn-cam-key" });
  const read = h("div", { class: "cnn-small cnn-cam-read" });
  const rest = button("Compute the rest", () => now?.finish?.(), {});
  const fused = h("div", { class: "cnn-small" });
  const told = h("div", { class: "cnn-cam-told" }, read, rest);
  const element = h("figure", { class: "cnn-cam" }, h("div", { class: "cnn-cam-head" }, letter, name, spring(), share), panel, empty, key, told, fused);
  let now: CamView | null = null;
  let painted: unknown[] = [];
  let drawn: unknown[] = [];

  const show = (next: CamView) => {
    now = next;
    setText(letter, next.letter);
    letter.hidden = !next.letter;
    setText(name, next.name);
    name.title = next.name;
    setText(share, next.share);
    showPicture(next);
    fill(empty, next.instead);
    empty.hidden = !next.instead;
    element.dataset.empty = String(Boolean(next.instead));
    canvas.style.opacity = String(next.opacity);
    canvas.hidden = Boolean(next.instead) || !next.cam;
    key.hidden = canvas.hidden as boolean;
    edges.hidden = Boolean(canvas.hidden) || !next.threshold;
    if (!canvas.hidden) paint(next);
    showRegions(next);
    const reading = next.instead ? "" : readingOf(next);
    setText(read, reading);
    read.dataset.older = String(Boolean(next.older));
    rest.hidden = !next.finish || Boolean(next.instead);
    setText(fused, next.cam && next.cam.layer.includes(" + ") ? `Fused: ${listed(next.cam.layer.split(" + "))}, each divided by its largest value` : "");
    fused.hidden = !fused.textContent || Boolean(next.instead);
    const title = CAM_METHODS[next.cam?.method ?? "grad_cam"].title;
    setAttribute(panel, "aria-label", `${title} for ${next.name}${next.cam ? ` at ${next.cam.layer}` : ""}. ${reading}`);
    setAttribute(panel, "tabindex", next.instead && !next.regions ? null : 0);
  };
  const showPicture = ({ url, picture, signed, instead, cam, cell, regions, picks }: CamView) => {
    if (image.getAttribute("src") !== url) image.src = url;
    panel.style.aspectRatio = `${picture.width} / ${picture.height}`;
    element.style.setProperty("--aspect", String(picture.width / picture.height));
    panel.dataset.signed = String(signed && !instead);
    panel.dataset.picks = String(Boolean(regions) && picks);
    cross.hidden = !cell || !cam || Boolean(instead);
    if (cell && cam) locate(cross, cell, cam);
  };
  const paint = (view: CamView) => {
    const { cam, picture, signed, colors, top, threshold } = view;
    const want = element.clientWidth && element.clientWidth < 240 ? 2 : 4;
    const next = [cam, picture.width, picture.height, signed, colors, top, threshold, want];
    if (next.every((value, k) => value === painted[k])) return;
    painted = next;
    paintCam(canvas, edges, view);
    tell("cnn-paint-cam", { target: cam!.target });
    const low = signed ? -top : 0;
    const marks = !threshold ? [] : signed ? [0.5 - threshold / 2, 0.5 + threshold / 2] : [threshold];
    fill(key, legend(colors, ticks(low, top, want), `from ${number(low)} to ${number(top)}`, marks));
  };
  const showRegions = ({ regions, place, picture, instead }: CamView) => {
    const next = [regions, place.join(), picture.width, picture.height, Boolean(instead)];
    if (next.every((value, k) => value === drawn[k])) return;
    drawn = next;
    boxes.hidden = region.hidden = Boolean(instead);
    fill(boxes, ...(regions?.boxes ?? []).map((box, k) => boxElement(box, place.length === 1 && place[0] === k)));
    if (regions?.segments && place.length === 2) {
      const [width, height] = drawingSize(picture);
      const from = pixelAt(regions.segments, (place[1] + 0.5) / picture.width, (place[0] + 0.5) / picture.height);
      paintOutline(region, resampled(connected(regions.segments, from), regions.segments, width, height), width, height, true);
    } else clear(region);
  };

  panel.addEventListener("pointermove", (event) => now?.cam && point(under(event, panel, now.cam)));
  panel.addEventListener("pointerleave", () => point(null));
  panel.addEventListener("blur", () => point(null));
  panel.addEventListener("click", (event) => {
    if (!now?.regions) return;
    const area = panel.getBoundingClientRect();
    pick((event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height);
  });
  panel.addEventListener("keydown", (event) => {
    const { cam, cell, regions } = now ?? {};
    if (!cam) return;
    const from = cell ?? { row: Math.floor(cam.field.height / 2), column: Math.floor(cam.field.width / 2) };
    if (regions && (event.key === "Enter" || event.key === " ")) {
      claim(event);
      return pick((from.column + 0.5) / cam.field.width, (from.row + 0.5) / cam.field.height);
    }
    const moved = walked(event, from, [cam.field.height, cam.field.width]);
    if (!moved) return;
    claim(event);
    point(moved);
  });
  return { element, show };
}

const listed = (names: string[]) => `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

function drawingSize(picture: Picture): [width: number, height: number] {
  const scale = Math.min(2, SIDE / Math.max(picture.width, picture.height));
  return [Math.round(picture.width * scale), Math.round(picture.height * scale)];
}

function paintCam(canvas: HTMLCanvasElement, edges: HTMLCanvasElement, { cam, picture, signed, colors, top, threshold }: CamView): void {
  const [width, height] = drawingSize(picture);
  const strength = signed ? (value: number) => 255 * Math.min(1, 0.25 + (1.1 * Math.abs(value)) / top) : (value: number) => 255 * (0.55 + (0.45 * Math.max(0, value)) / top);
  const alpha = threshold ? (value: number) => (reaches(value, threshold * top, signed) ? strength(value) : 0) : strength;
  const pixels = paintSmooth(canvas, cam!.field, width, height, spread(cam!.field, height, width), { lut: lookup(colors), low: signed ? -top : 0, high: top, alpha });
  if (threshold) paintOutline(edges, Uint8Array.from(pixels, (pixel) => Number(pixel >>> 24 > 0)), width, height);
}

const reaches = (value: number, least: number, signed: boolean) => (signed ? Math.abs(value) : value) >= least;

function readingOf(view: CamView): string {
  const { cam, cell, older, threshold } = view;
  if (!cam) return "Waiting for the map.";
  if (older) return `Older: ${older}`;
  const { data, height, width } = cam.field;
  if (cell) {
    const sees = view.seen((cell.column + 0.5) / width, (cell.row + 0.5) / height);
    return `row ${cell.row}, column ${cell.column}: ${number(data[cell.row * width + cell.column])}${sees ? `, ${sees}` : ""}`;
  }
  if (cam.done < 1) return `${percent(cam.done, 0)} of this map is computed.`;
  const count = (counts: (value: number) => boolean) => data.reduce((sum, value) => sum + Number(counts(value)), 0);
  if (threshold) {
    const left = count((value) => reaches(value, threshold * view.top, view.signed));
    return `${percent(left / data.length, 0)} of the picture reaches ${percent(threshold, 0)} of the top (${left} of ${extent(height, width)} positions)`;
  }
  const positive = count((value) => value > 0);
  if (cam.against >= 0) return `${percent(positive / data.length, 0)} of ${extent(height, width)} positions speak for A, ${percent(count((value) => value < 0) / data.length, 0)} for B`;
  return `${percent(positive / data.length, 0)} of ${extent(height, width)} positions speak for it`;
}

function boxElement({ left, top, right, bottom }: Box, chosen: boolean): HTMLElement {
  const element = h("i", { "data-chosen": chosen });
  const share = (value: number) => `${value * 100}%`;
  Object.assign(element.style, { left: share(left), top: share(top), width: share(right - left), height: share(bottom - top) });
  return element;
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
