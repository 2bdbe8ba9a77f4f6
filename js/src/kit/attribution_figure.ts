/** A picture, or one map of it, behind the shared window and under the shared cross-hair. */

import type { Picture } from "../traits";
import type { Attribution } from "./attributions";
import { diverging, lookup, type ColormapName, type Theme } from "./colormap";
import { h, setAttribute } from "./dom";
import { legend } from "./legend";
import type { Lens } from "./lens";
import { number } from "./numbers";
import { paintCells, paintSmooth, spread, type Field, type PaintOptions } from "./pixels";
import { ticks } from "./ticks";

export type Look = "over" | "map" | "image";

export interface FigureView {
  picture: Picture;
  url: string;
  map: Attribution | null;
  look: Look;
  signed: boolean;
  theme: Theme;
}

export interface AttributionFigure {
  element: HTMLElement;
  show(view: FigureView): void;
}

/** Maps with fewer rows than this are drawn smooth. */
const FINE = 28;
const SMOOTH = 224;

export function attributionFigure(lens: Lens): AttributionFigure {
  const image = h("img", { alt: "", draggable: "false" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const element = h("div", { class: "cnn-figure sv-figure" }, h("div", { class: "sv-in" }, image, canvas), h("i", { class: "sv-cross-x" }), h("i", { class: "sv-cross-y" }));
  let painted: unknown[] = [];
  lens.attach(element);

  const show = ({ picture, url, map, look, signed, theme }: FigureView) => {
    if (image.getAttribute("src") !== url) image.src = url;
    element.style.aspectRatio = `${picture.width} / ${picture.height}`;
    image.hidden = look === "map" && map !== null;
    canvas.hidden = look === "image" || !map;
    setAttribute(element, "data-gray", signed && look === "over");
    const key = [map, look, signed, theme, picture.width, picture.height];
    if (!canvas.hidden && key.some((value, k) => value !== painted[k])) {
      paint(canvas, map!, { look, signed, theme }, picture);
      painted = key;
    }
  };
  return { element, show };
}

function paint(canvas: HTMLCanvasElement, map: Attribution, { look, signed, theme }: Pick<FigureView, "look" | "signed" | "theme">, picture: Picture): void {
  const options: PaintOptions = { lut: lookup(colorsOf(signed, theme)), low: signed ? -map.top : 0, high: map.top };
  if (look === "over") options.alpha = (value) => 255 * Math.min(1, 0.25 + (0.9 * Math.abs(value)) / (map.top || 1));
  const field = signed ? map.field : strengthOf(map.field);
  if (map.field.height >= FINE || !map.whole) return paintCells(canvas, field, options);
  const scale = SMOOTH / Math.max(picture.width, picture.height);
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  paintSmooth(canvas, field, width, height, spread(field, height, width), options);
}

export const strengthOf = (field: Field): Field => ({ ...field, data: field.data.map(Math.abs) });

export const colorsOf = (signed: boolean, theme: Theme): ColormapName => (signed ? diverging(theme) : "tide");

/** The colors of a map, with ticks. */
export function legendOf({ top }: Attribution, signed: boolean, theme: Theme): HTMLElement {
  const low = signed ? -top : 0;
  return legend(colorsOf(signed, theme), ticks(low, top, 3), `from ${number(low)} to ${number(top)}`);
}
