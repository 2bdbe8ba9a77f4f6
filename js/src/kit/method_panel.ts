/** One method among others: its name, a number that gives way to the value under the pointer, its map, its legend. */

import type { AttributionMethod, Picture } from "../traits";
import { attributionFigure, legendOf, type Look } from "./attribution_figure";
import type { Attribution } from "./attributions";
import type { Theme } from "./colormap";
import { fill, h, setAttribute, setText } from "./dom";
import { cellOf, type Lens, type Point } from "./lens";
import { message, type Action } from "./message";
import { number } from "./numbers";

export interface PanelView {
  method: AttributionMethod;
  picture: Picture;
  url: string;
  map: Attribution | null;
  /** What is seen is of something else than what was asked: of what. */
  older: string;
  /** Stands where the map would be. */
  instead: { kind: "" | "warn"; title: string; text: string; actions: Action[] } | null;
  /** Mean rank correlation with the others, in words of two digits. */
  agrees: string;
  /** "class" that the maps are for. */
  target: string;
  chosen: boolean;
  look: Look;
  signed: boolean;
  theme: Theme;
}

export interface MethodPanel {
  element: HTMLElement;
  show(view: PanelView): void;
  point(point: Point | null): void;
}

export function methodPanel(lens: Lens): MethodPanel {
  const title = h("h3", { class: "cnn-clip cnn-grow" });
  const read = h("span", { class: "cnn-num cnn-small" });
  const figure = attributionFigure(lens);
  const place = h("div", { class: "sv-place" });
  const progress = h("i", { class: "sv-progress" });
  const key = h("div", { class: "sv-key" });
  const element = h("div", { class: "sv-panel", role: "gridcell" }, h("header", null, title, read), h("div", { class: "sv-well" }, figure.element, place, progress), key);
  let now: PanelView | null = null;
  let keyed: unknown[] = [];
  let stood = "";

  const show = (view: PanelView) => {
    now = view;
    const { method, map, instead, chosen, signed, theme } = view;
    setText(title, method.title);
    title.title = method.title;
    element.dataset.method = method.key;
    setAttribute(element, "aria-selected", chosen);
    element.tabIndex = chosen ? 0 : -1;
    setAttribute(element, "aria-label", spoken(view));
    figure.show({ ...view, look: map ? view.look : "image" });
    setAttribute(element, "data-state", instead ? "none" : !map ? "wait" : view.older ? "older" : map.whole ? "map" : "part");
    progress.hidden = !map || map.whole || Boolean(view.older);
    if (map) progress.style.width = `${(map.done / Math.max(1, map.total)) * 100}%`;
    standIn(view);
    const next = [map, signed, theme, Boolean(instead)];
    if (next.some((value, k) => value !== keyed[k])) fill(key, map && !instead ? legendOf(map, signed, theme) : null);
    keyed = next;
    point(lens.point());
  };
  const standIn = ({ map, instead }: PanelView) => {
    const told = instead ? `${instead.title}|${instead.text}|${instead.actions.map(({ label }) => label).join()}` : map ? "" : "waiting";
    if (told === stood) return;
    stood = told;
    fill(place, instead ? message(instead.kind, instead.title, instead.text, instead.actions) : map ? null : h("span", { class: "cnn-small" }, "waiting"));
  };
  const point = (at: Point | null) => {
    if (!now) return;
    const { map, instead, older, agrees, signed } = now;
    if (instead || !map) setText(read, "");
    else if (at) setText(read, number(valueAt(map, at, signed)));
    else setText(read, older ? `older: ${older}` : map.whole ? agrees : `${map.done} of ${map.total}`);
  };
  return { element, show, point };
}

export function valueAt({ field }: Attribution, at: Point, signed: boolean): number {
  const { row, column } = cellOf(at, field);
  const value = field.data[row * field.width + column];
  return signed ? value : Math.abs(value);
}

function spoken({ method, map, older, instead, agrees, target }: PanelView): string {
  if (instead) return `${method.title}: ${instead.title}. ${instead.text}`;
  if (!map) return `${method.title}, waiting`;
  if (older) return `${method.title}, older: of ${older}`;
  if (!map.whole) return `${method.title}, ${map.done} of ${map.total} computed`;
  return `${method.title} for ${target}, from ${number(map.low ?? NaN)} to ${number(map.high ?? NaN)}${agrees ? `, agreement ${agrees.replace("ρ", "").trim()}` : ""}`;
}
