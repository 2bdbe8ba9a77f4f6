/** What pulls: a row for each layer with a small picture of what it alone makes of the photo, and rows for single channels. */

import type { AloneInfo, LayerInfo } from "../traits";
import { button, claim, disable, field, onCommit, select } from "./controls";
import { addressOf } from "./film";
import { fill, h, holdsFocus, setAttribute, setText } from "./dom";
import { knob, type Knob } from "./knob";
import { across, along, bar, type Proportions } from "./layer_bars";
import { shape, spatial } from "./layers";

export interface MixView {
  layers: LayerInfo[];
  top: Proportions;
  /** Layers that are always listed. */
  rows: string[];
  mix: Record<string, number>;
  image: number;
  alone: (unit: string) => AloneInfo | undefined;
  /** Where an added channel is looked for first. */
  layer: string;
  able: boolean;
}

export interface MixPanel {
  element: HTMLElement;
  show(view: MixView): void;
  /** Units whose rows are in sight. */
  inSight(): string[];
}

interface MixDeeds {
  pull(unit: string, weight: number): void;
  scrolled(): void;
}

interface Row {
  element: HTMLElement;
  knob: Knob;
  picture: HTMLImageElement;
  alone: AloneInfo | undefined;
}

const HIGH = 48;
export const weightText = (weight: number) => (weight ? weight.toFixed(Math.abs(weight * 10 - Math.round(weight * 10)) > 1e-6 ? 2 : 1).replace("-", "−") : "out");

/** A unit as a layer and a channel; -1 for the whole layer. */
export function unitOf(unit: string, layers: LayerInfo[]): { layer: string; channel: number } {
  const [, layer, channel] = /^(.*):(\d+)$/s.exec(unit) ?? [];
  return layer && !layers.some((each) => each.name === unit) ? { layer, channel: Number(channel) } : { layer: unit, channel: -1 };
}

/** Listed layers and those in the mix in the order of computing, each followed by its channels. */
export function unitsOf(rows: string[], mix: Record<string, number>, layers: LayerInfo[]): string[] {
  const place = new Map(layers.map(({ name }, k) => [name, k]));
  const units = [...new Set([...rows, ...Object.keys(mix)])];
  const key = (unit: string) => { const { layer, channel } = unitOf(unit, layers); return [place.get(layer) ?? 1e9, channel]; };
  return units.sort((a, b) => { const [first, second] = [key(a), key(b)]; return first[0] - second[0] || first[1] - second[1]; });
}

export function mixPanel({ pull, scrolled }: MixDeeds, signal: AbortSignal): MixPanel {
  const list = h("div", { class: "dc-rows", role: "group", "aria-label": "Weights by layer, the first layer at the top", onscroll: scrolled });
  const opener = button("Add", () => open(Boolean(form.hidden)), { kind: "plain", label: "Add a layer or a channel" });
  const layer = select("Layer", [["", ""]], "", (name) => { chosen = name; limit(); });
  const channel = h("input", { class: "cnn-input", type: "number", min: 0, step: 1, placeholder: "all", "aria-label": "Channel; empty for the whole layer" });
  const adder = button("Pull", () => add(), {});
  const said = h("p", { class: "cnn-small", role: "status" });
  const form = h("div", { class: "dc-add", hidden: true }, field("Layer", layer.element), field("Channel", channel), adder, said);
  const head = h("div", { class: "dc-head" }, h("h3", { class: "cnn-title" }, "Mix"), h("span", { class: "cnn-grow" }), opener);
  const element = h("div", { class: "dc-mix" }, h("div", { class: "dc-mix-in" }, head, h("p", { class: "cnn-quiet" }, "How hard each layer pulls. The small picture shows what it makes of the photo alone."), form, list));
  const rows = new Map<string, Row>();
  const urls = new Map<AloneInfo, string>();
  signal.addEventListener("abort", () => urls.forEach((url) => URL.revokeObjectURL(url)), { once: true });
  let view: MixView | null = null;
  let listed = "";
  let chosen = "";
  let offered: LayerInfo[] | null = null;

  const open = (on: boolean) => {
    form.hidden = !on;
    setAttribute(opener, "aria-expanded", on);
    if (on) layer.element.focus();
    else opener.focus();
  };
  const limit = () => {
    const count = view?.layers.find((each) => each.name === chosen)?.channels ?? 0;
    setAttribute(channel, "max", Math.max(0, count - 1));
    setText(said, count ? `${count} channels, 0–${count - 1}` : "");
  };
  const add = () => {
    if (!view || !chosen) return;
    const [text, count] = [channel.value.trim(), view.layers.find((each) => each.name === chosen)?.channels ?? 0];
    if (text && !(/^\d+$/.test(text) && Number(text) < count)) return setText(said, `${chosen} has channels 0–${count - 1}; ${text} is not one of them.`);
    const unit = text ? `${chosen}:${Number(text)}` : chosen;
    pull(unit, view.mix[unit] || 1);
    setText(said, `${unit} pulls now.`);
    queueMicrotask(() => rows.get(unit)?.element.scrollIntoView?.({ block: "nearest" }));
  };
  onCommit(channel, () => { if (channel.value.trim()) add(); });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    claim(event);
    open(false);
  });

  const show = (next: MixView) => {
    view = next;
    const units = unitsOf(next.rows, next.mix, next.layers);
    const key = units.join("|");
    if (key !== listed || offered !== next.layers) { listed = key; place(units, next); }
    if (offered !== next.layers) { offered = next.layers; offer(next); }
    for (const unit of units) draw(rows.get(unit)!, unit, next);
    disable(opener, !next.able);
    disable(adder, !next.able);
    if (!next.able && !form.hidden) form.hidden = true;
  };
  const place = (units: string[], { layers, top }: MixView) => {
    const had = holdsFocus(list) ? units.find((unit) => rows.get(unit) && holdsFocus(rows.get(unit)!.element)) : undefined;
    for (const unit of [...rows.keys()]) if (!units.includes(unit)) rows.delete(unit);
    for (const unit of units) if (!rows.has(unit)) rows.set(unit, row(unit, layers, top));
    fill(list, ...units.map((unit) => rows.get(unit)!.element));
    if (had) rows.get(had)!.knob.input.focus({ preventScroll: true });
  };
  const row = (unit: string, layers: LayerInfo[], top: Proportions): Row => {
    const { layer: name, channel: number } = unitOf(unit, layers);
    const info = layers.find((each) => each.name === name);
    const title = h("span", { class: "cnn-mono cnn-clip", title: info ? `${unit}  ${info.kind}  ${shape(info)}` : unit }, number < 0 ? unit : h("span", null, h("span", { class: "cnn-quiet" }, "channel "), String(number)));
    const own = knob({ label: unit, head: title, low: 0, high: 2, step: 0.1, zero: 0, text: weightText, spoken: (weight) => (weight ? weightText(weight) : "left out"), slide: (weight) => pull(unit, weight) });
    const picture = h("img", { alt: "", draggable: "false" });
    const bone = h("span", { class: "dc-bone", "aria-hidden": "true" }, number < 0 && info ? bar(across(info, top, 24), along(info, top, 20)) : null);
    const element = h("div", { class: "dc-row", "data-channel": number >= 0 }, bone, h("span", { class: "dc-alone" }, picture), own.element);
    return { element, knob: own, picture, alone: undefined };
  };
  const draw = (each: Row, unit: string, { mix, alone, able }: MixView) => {
    const weight = mix[unit] ?? 0;
    each.knob.show(weight, able);
    setAttribute(each.element, "data-on", weight !== 0);
    const found = alone(unit);
    if (found === each.alone) return;
    each.alone = found;
    const url = found && !found.why ? urlOf(found) : "";
    setAttribute(each.picture, "src", url || null);
    each.picture.alt = "";
    setAttribute(each.picture.parentElement!, "title", found?.why || null);
  };
  const urlOf = (found: AloneInfo) => {
    if (!urls.has(found)) urls.set(found, addressOf(found.data));
    return urls.get(found)!;
  };
  const offer = ({ layers, layer: wish }: MixView) => {
    const options = layers.filter((each) => !each.container && spatial(each)).map((each): [string, string] => [each.name, each.name]);
    chosen = options.some(([name]) => name === wish) ? wish : (options[0]?.[0] ?? "");
    layer.show(chosen, options);
    limit();
  };
  const inSight = () => {
    const units = view ? unitsOf(view.rows, view.mix, view.layers) : [];
    const high = list.clientHeight;
    if (!high) return units.slice(0, 16);
    const from = Math.max(0, Math.floor(list.scrollTop / HIGH));
    return units.slice(from, Math.ceil((list.scrollTop + high) / HIGH));
  };
  return { element, show, inSight };
}
