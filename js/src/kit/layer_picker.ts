/** Choosing a layer: the ribbon runs down the side of a wide cell, the skyline across a narrow one. */

import type { Activity, LayerInfo } from "../traits";
import { button, claim, select } from "./controls";
import { fill, h, holdsFocus, reveal, setAttribute, setText } from "./dom";
import { across, along, bar, proportions, sparkline, type Proportions } from "./layer_bars";
import { fold, opened, path, quiet, shape, shortNames, spoken, within, type Row } from "./layers";

export interface LayerPicker {
  element: HTMLElement;
  show(view: PickerView): void;
}

export interface PickerView {
  network: Network;
  chosen: string;
  activity?: Activity | null;
  /** Layers that cannot be shown now are told apart. */
  available?: (name: string) => boolean;
  /** Layers that are shown as one, if there are several; the chosen one is among them. */
  fused?: string[];
  /** Whether a click adds or takes a layer, instead of choosing it alone; undefined where layers cannot be fused. */
  fusing?: boolean;
}

/** What a picker of several layers can do besides. */
export interface Fuse {
  /** Add a layer to those shown as one, or take it away. */
  toggle(name: string): void;
  /** Begin to put layers together, or end it. */
  switch(on: boolean): void;
}

/** The rows of a network, folded once. */
export interface Network {
  layers: LayerInfo[];
  rows: Row[];
  top: Proportions;
}

export function network(layers: LayerInfo[]): Network {
  return { layers, rows: fold(layers), top: proportions(layers) };
}

/** The row `by` places after the one that encloses the named layer. */
export function neighbor({ rows }: Network, name: string, by: number): string | null {
  const at = rows.indexOf(path(rows, name)[0]);
  return rows[at < 0 ? 0 : at + by]?.layer.name ?? null;
}

type Choose = (name: string) => void;
const anything = () => true;

function option(row: Row, attributes: object, ...children: Node[]): HTMLElement {
  const { layer } = row;
  return h("button", {
    type: "button", role: "option", tabindex: -1, "data-name": layer.name, "data-quiet": quiet(layer.kind),
    title: `${layer.name}  ${layer.kind}  ${shape(layer)}`, "aria-label": spoken(layer), ...attributes,
  }, ...children);
}

/** Listbox manners: one tab stop, clicks and arrows choose. Where layers are fused, arrows only move and Enter, Space and + add or take. */
function listbox(element: HTMLElement, keys: Record<string, number>, choose: Choose, fuse?: Choose): void {
  const options = () => [...element.querySelectorAll<HTMLElement>("[role=option]")];
  const fusing = () => element.getAttribute("aria-multiselectable") === "true";
  const act = (target: HTMLElement | null | undefined, deed: Choose) => { if (target && target.getAttribute("aria-disabled") !== "true") deed(target.dataset.name!); };
  element.addEventListener("click", (event) => {
    const several = fuse && (fusing() || event.ctrlKey || event.metaKey || event.shiftKey);
    act((event.target as Element).closest<HTMLElement>("[role=option]"), several ? fuse : choose);
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "+" && fuse && fusing()) {
      claim(event);
      return act((event.target as Element).closest<HTMLElement>("[role=option]"), fuse);
    }
    const by = keys[event.key];
    if (!by) return;
    claim(event);
    const list = options();
    const at = list.findIndex((each) => each.tabIndex === 0);
    const able = (k: number) => list[k]?.getAttribute("aria-disabled") !== "true";
    let next = Math.max(0, Math.min(list.length - 1, at + by));
    while (list[next] && !able(next) && Math.abs(by) === 1) next += by;
    if (!list[next] || !able(next)) return;
    list[next].focus();
    if (!fusing()) return act(list[next], choose);
    list[at].tabIndex = -1;
    list[next].tabIndex = 0;
  });
}

/** Mark what is chosen; the focus follows it if the list had it, or stays where it is while several are put together. */
function markChosen(element: HTMLElement, name: string, had: boolean, fused: string[] = [], fusing = false): HTMLElement | null {
  const options = [...element.querySelectorAll<HTMLElement>("[role=option]")];
  const chosen = options.find((each) => each.dataset.name === name) ?? null;
  const goal = (fusing && had ? options.find(holdsFocus) : null) ?? chosen;
  for (const each of options) {
    setAttribute(each, "aria-selected", each === chosen || fused.includes(each.dataset.name!));
    each.tabIndex = each === (goal ?? options[0]) ? 0 : -1;
  }
  if (had && goal && !holdsFocus(goal)) goal.focus({ preventScroll: true });
  return chosen;
}

export function ribbon(choose: Choose): LayerPicker {
  const list = h("div", { class: "cnn-ribbon", role: "listbox", "aria-label": "Layers in execution order" });
  listbox(list, { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -9999, End: 9999 }, choose);
  const head = h("div", { class: "cnn-ribbon-head", "aria-hidden": "true" }, h("span", null, "Layer"), h("span", null, "Shape"), h("span", null, "Activity"));
  let drawn = "";
  let last: [unknown, unknown] = [null, null];
  const show = ({ network, chosen, activity = null, available = anything }: PickerView) => {
    const rows = opened(network.rows, chosen);
    const key = rows.map((row) => row.layer.name + (available(row.layer.name) ? "" : "-")).join("|");
    const had = holdsFocus(list);
    if (key !== drawn || last[0] !== network || last[1] !== activity) {
      fill(list, ...rows.map((row) => ribbonRow(row, network.top, activity, available(row.layer.name))));
      [drawn, last] = [key, [network, activity]];
    }
    const mark = markChosen(list, chosen, had);
    if (mark) reveal(list, mark.offsetTop, mark.offsetHeight, "y");
  };
  return { element: h("nav", { class: "cnn-ribbon-place", "aria-label": "Network" }, head, list), show };
}

function ribbonRow(row: Row, top: Proportions, activity: Activity | null, able: boolean): HTMLElement {
  const name = h("span", { class: "cnn-mono cnn-clip" }, row.label);
  if (row.depth) name.style.paddingLeft = `${row.depth * 12}px`;
  return option(row, { class: "cnn-layer", "data-depth": Math.min(row.depth, 1), "aria-disabled": able ? null : "true" },
    name, h("span", { class: "cnn-bone" }, bar(across(row.layer, top, 60), along(row.layer, top, 20))), sparkline(activity?.bins[row.layer.name]));
}

/** A select for the parts inside the chosen block; hidden where there are none. */
export function partSelect(choose: Choose): LayerPicker {
  const parts = select("Part of the block", [["", ""]], "", choose);
  const element = h("span", { class: "cnn-field cnn-part" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, "Part"), parts.element);
  const show = ({ network, chosen, available = anything }: PickerView) => {
    const [block] = path(network.rows, chosen);
    element.hidden = !block?.parts.length;
    if (block) parts.show(chosen, [[block.layer.name, "Whole block"], ...within(block).filter((row) => available(row.layer.name)).map(partOption)]);
  };
  return { element, show };
}

const partOption = (row: Row): [string, string] => [row.layer.name, "\u2007".repeat(Math.max(0, row.depth - 1)) + row.label];

/** The skyline alone. */
export function skyline(choose: Choose, fuse?: Choose): LayerPicker {
  const list = h("div", { class: "cnn-sky", role: "listbox", "aria-label": "Layer", "aria-orientation": "horizontal" });
  listbox(list, { ArrowRight: 1, ArrowLeft: -1, PageDown: 8, PageUp: -8, Home: -9999, End: 9999 }, choose, fuse);
  list.addEventListener("scroll", () => fade(list), { passive: true });
  let last: unknown = null;
  let drawn = "";
  const show = ({ network, chosen, available = anything, fused = [], fusing = false }: PickerView) => {
    const key = network.rows.map((row) => Number(available(row.layer.name))).join("");
    const had = holdsFocus(list);
    const row = (name: string) => path(network.rows, name)[0]?.layer.name ?? "";
    if (last !== network || drawn !== key) fillSky(list, network, available);
    [last, drawn] = [network, key];
    setAttribute(list, "aria-multiselectable", fusing ? true : null);
    const mark = markChosen(list, row(chosen), had, fused.map(row), fusing);
    if (mark && !(fusing && had)) reveal(list, mark.offsetLeft, mark.offsetWidth, "x", true);
    fade(list);
  };
  return { element: list, show };
}

/** The skyline with the name of what is chosen and its parts beside it; with `fuse`, several layers can be chosen as one. */
export function namedSkyline(choose: Choose, fuse?: Fuse): LayerPicker {
  const [sky, parts] = [skyline(choose, fuse?.toggle), partSelect(choose)];
  const name = h("div", { class: "cnn-title cnn-mono cnn-clip" });
  const kind = h("div", { class: "cnn-small cnn-clip" });
  const toggle = button("Fuse layers", () => fuse?.switch(toggle.getAttribute("aria-pressed") !== "true"));
  toggle.title = "Choose several layers, shown as one map (+)";
  const show = (view: PickerView) => {
    const layer = path(view.network.rows, view.chosen).at(-1)?.layer;
    const { fused = [], fusing = false } = view;
    const several = fused.length > 1;
    setText(name, several ? `${fused.length} layers fused` : view.chosen);
    name.title = several ? "" : view.chosen;
    setText(kind, several ? fused.join(" + ") : fusing ? "Choose further layers" : layer ? `${layer.kind}, ${shape(layer)}` : "");
    kind.title = several ? fused.join(" + ") : "";
    setAttribute(toggle, "aria-pressed", fusing);
    toggle.hidden = view.fusing === undefined;
    parts.show(view);
    sky.show(view);
  };
  const told = h("div", { class: "cnn-sky-told" }, name, kind, h("div", { class: "cnn-sky-how" }, toggle, parts.element));
  return { element: h("div", { class: "cnn-sky-place" }, told, sky.element), show };
}

function fillSky(list: HTMLElement, { rows, top }: Network, available: (name: string) => boolean): void {
  const names = shortNames(rows.map((row) => row.layer.name));
  // A name that is spoken has to hold what is written.
  const label = (row: Row, k: number) => spoken(row.layer) + (spoken(row.layer).includes(names[k]) ? "" : `, ${names[k]}`);
  fill(list, ...rows.map((row, k) => option(row, { "aria-label": label(row, k), "aria-disabled": available(row.layer.name) ? null : "true" },
    h("span", null, bar(along(row.layer, top, 20), across(row.layer, top, 44))), h("small", null, names[k]))));
}

/** A fade at an edge says that there is more. */
function fade(list: HTMLElement): void {
  list.dataset.more = `${list.scrollLeft > 4 ? "l" : ""}${list.scrollLeft + list.clientWidth < list.scrollWidth - 4 ? "r" : ""}`;
}
