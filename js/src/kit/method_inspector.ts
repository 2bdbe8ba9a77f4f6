/** All about one method's map: large, with its values, its numbers and how it agrees with the others. */

import type { LayerInfo } from "../traits";
import { attributionFigure, legendOf, type Look } from "./attribution_figure";
import type { Attribution } from "./attributions";
import { two } from "./agreement_matrix";
import { button, copyButton, field, segmented, select, spring } from "./controls";
import { fill, h, setAttribute, setText, type Child } from "./dom";
import { histogram } from "./histogram";
import { cellOf, walkable, type Lens, type Point } from "./lens";
import { message } from "./message";
import { valueAt, type PanelView } from "./method_panel";
import { extent, number, percent, THIN } from "./numbers";

/** The ways back to the image, which `b` cycles. */
export const WAYS: [key: string, text: string][] = [["saliency", "Plain"], ["guided_backprop", "Guided"], ["deconvnet", "Deconv"]];
const LOOKS: [Look, string][] = [["over", "Overlay"], ["map", "Map"], ["image", "Picture"]];
/** Of these a positive value speaks for the class; of the others it is only a positive signal. */
const SPEAKS = ["input_x_gradient", "integrated_gradients"];

export interface InspectorView extends PanelView {
  layers: LayerInfo[];
  layer: string;
  /** Rank correlations with the other maps, largest first. */
  others: { title: string; rho: number | null }[];
  canWalk: boolean;
  usable: (key: string) => boolean;
  usableLayer: (name: string) => boolean;
}

export interface MethodInspectorOptions {
  lens: Lens;
  step: (by: number) => void;
  look: (look: Look) => void;
  way: (key: string) => void;
  layer: (name: string) => void;
  walk: () => void;
}

export interface MethodInspector {
  element: HTMLElement;
  show(view: InspectorView | null): void;
  point(point: Point | null): void;
}

export function methodInspector(options: MethodInspectorOptions): MethodInspector {
  let now: InspectorView | null = null;
  const title = h("h3", { class: "cnn-title cnn-clip" });
  const figure = attributionFigure(options.lens);
  setAttribute(figure.element, "role", "img");
  figure.element.tabIndex = 0;
  const place = h("div", { class: "sv-place" });
  const read = h("div", { class: "cnn-unit-read" });
  const key = h("div");
  const looks = segmented("View", LOOKS, "map", options.look);
  const ways = segmented("Way back to the image", WAYS, "saliency", options.way);
  const wayField = h("div", { class: "sv-ways" }, h("span", { class: "cnn-label" }, "Way back through a ReLU"), ways.element);
  const layers = select("Layer", [], "", options.layer);
  const layerField = field("Layer", layers.element);
  const how = h("p", { class: "cnn-quiet" });
  const plot = h("div");
  const numbers = h("dl", { class: "cnn-stats" });
  const agree = h("div", { class: "sv-agree" });
  const walk = button("Walk the stages", options.walk);
  const nothing = h("div");
  const full = h("div", { class: "sv-inspector" },
    h("header", { class: "sv-inspector-head" }, title, copyButton(() => call(now)), spring(),
      button("", () => options.step(-1), { kind: "icon", icon: "previous", label: "Method before" }), button("", () => options.step(1), { kind: "icon", icon: "next", label: "Method after" })),
    h("div", { class: "sv-well" }, figure.element, place), read, key, looks.element, wayField, layerField, how, plot, numbers, agree, h("div", { class: "cnn-tools" }, walk));
  const element = h("aside", { class: "sv-side", "aria-label": "Chosen map" }, nothing, full);
  walkable(figure.element, options.lens, () => now?.map?.field ?? null);

  const show = (view: InspectorView | null) => {
    now = view;
    full.hidden = !view;
    nothing.hidden = Boolean(view);
    if (!view) return fill(nothing, message("", "Nothing chosen", "Choose a map to see it large, with its numbers."));
    const { method, map, instead, look, layer } = view;
    setText(title, method.title);
    title.title = method.title;
    figure.show({ ...view, look: map ? look : "image" });
    setAttribute(full, "data-state", instead ? "none" : map ? "map" : "wait");
    fill(place, instead ? message(instead.kind, instead.title, instead.text, instead.actions) : null);
    looks.show(look);
    showWays(view);
    layerField.hidden = !method.layered;
    layers.show(layer, view.layers.filter((each) => !each.container && each.height * each.width > 1 && view.usableLayer(each.name)).map(({ name, height, width }) => [name, `${name}, ${extent(height, width)}`]));
    setText(how, sentence(view));
    fill(key, map && !instead ? legendOf(map, view.signed, view.theme) : null);
    fill(numbers, ...(map && !instead ? table(view, map) : []));
    fill(agree, ...(map && !instead ? bars(view) : []));
    (walk.parentElement as HTMLElement).hidden = method.key !== "deconvnet" || !view.canWalk;
    point(options.lens.point());
  };
  const showWays = ({ method, usable }: InspectorView) => {
    wayField.hidden = !WAYS.some(([way]) => way === method.key) || !WAYS.every(([way]) => usable(way));
    ways.show(method.key);
  };
  const point = (at: Point | null) => {
    if (!now) return;
    const { map, instead, method, older, signed, target } = now;
    const value = map && at ? valueAt(map, at, signed) : NaN;
    fill(read, ...(map && !instead ? reading(map, at, signed, older || method.unit) : []));
    setAttribute(figure.element, "aria-label", `${method.title} for ${target}, large.${map && at ? ` ${address(map, at)}: ${number(value)}` : ""}`);
    setAttribute(figure.element, "tabindex", map && !instead ? 0 : null);
    fill(plot, map && !instead ? distribution(map, signed, value) : null);
  };
  return { element, show, point };
}

const address = ({ field }: Attribution, at: Point) => { const { row, column } = cellOf(at, field); return `@${row},${column}`; };

function reading(map: Attribution, at: Point | null, signed: boolean, rest: string): Child[] {
  if (!at) return [h("span", null, rest)];
  return [h("span", { class: "cnn-mono" }, address(map, at)), h("b", null, number(valueAt(map, at, signed))), h("span", { class: "sv-unit" }, rest)];
}

function sentence({ method, map, layer }: InspectorView): string {
  const where = method.layered && (map?.where || layer) ? ` Read at ${map?.where || layer}.` : "";
  return method.how + where;
}

/** How often each value occurs; what lies beyond the ends of the colors counts at the ends. */
function distribution(map: Attribution, signed: boolean, mark: number): HTMLElement | null {
  const low = signed ? -map.top : 0;
  if (!(map.top > 0)) return null;
  const values = map.field.data.map((value) => Math.max(low, Math.min(map.top, signed ? value : Math.abs(value))));
  return histogram({ values, low, high: map.top, mark, what: "Places by value" });
}

function table({ method }: InspectorView, map: Attribution): Child[] {
  const cam = method.family === "cam" || method.family === "perturbation";
  const gap = map.error === null || map.sum === null ? null : map.sum - map.error;
  const rows: [string, string | null][] = [
    ["Places", extent(map.field.height, map.field.width)],
    ["Sum of the map", map.sum === null ? null : number(map.sum)],
    ["Score to explain", gap === null ? null : number(gap)],
    ["Completeness error", gap ? percent(Math.abs(map.error! / gap)) : null],
    [cam || SPEAKS.includes(method.key) ? "Speaks for the class" : "Positive", map.positive === null ? null : percent(map.positive, 0)],
    ["Half its strength in", map.half === null ? null : percent(map.half, map.half < 0.1 ? 1 : 0)],
    ["ReLUs intercepted", map.relus === null ? null : String(map.relus)],
    ["Forward + back", method.passes.length ? method.passes.join(" + ") : null],
    ["Time", map.ms > 0 ? time(map.ms) : null],
  ];
  return rows.flatMap(([name, value]) => (value === null ? [] : [h("dt", null, name), h("dd", null, value)]));
}

export const time = (ms: number) => (ms >= 1000 ? `${number(ms / 1000)}${THIN}s` : `${number(ms, 2)}${THIN}ms`);

function bars({ others }: InspectorView): Child[] {
  if (!others.length) return [];
  return [h("span", { class: "sv-agree-head" }, "Rank correlation with"), ...others.flatMap(({ title, rho }) => {
    const length = h("i");
    length.style.width = `${Math.max(0, rho ?? 0) * 100}%`;
    return [h("span", { class: "cnn-clip", title }, title), h("span", { class: "cnn-barline", "aria-hidden": "true" }, length), h("span", { class: "cnn-num" }, two(rho))];
  })];
}

/** How the map is got in Python. */
function call(view: InspectorView | null): string {
  if (!view) return "";
  const { method, target, layer } = view;
  const options = method.layered ? `, layer=${JSON.stringify(layer)}` : method.key === "saliency" ? ", signed=True" : "";
  return method.family === "own" ? method.title : `cw.${method.key}(network, image, ${JSON.stringify(target)}${options})`;
}
