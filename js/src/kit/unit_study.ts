/** All about one unit of a gallery: its picture, the film of its ascent, others unlike it, the way to another unit, patches, weights. */

import type { FilterStudy, FilterUnit } from "../traits";
import { onArrows } from "./arrows";
import { ascentFilm } from "./ascent_film";
import { square, type Bitmaps } from "./bitmaps";
import type { CellPicture } from "./cell_store";
import type { Theme } from "./colormap";
import { button, copyButton, disable, onCommit, spring } from "./controls";
import { fill, focused, h, setAttribute, setText, type Child } from "./dom";
import { onEnd } from "./ending";
import { deadWord, finished, likeness, type Wall } from "./filter_wall";
import { filterTable, paintFilter, type Filters } from "./filter_weights";
import { message } from "./message";
import { filled } from "./model";
import { extent, number, percent } from "./numbers";
import { float32 } from "./ndarray";

export type Mode = "weights" | "synthesized" | "patches";
export type Deed = "sharp" | "variants" | "between";

export interface StudyView {
  wall: Wall;
  channel: number;
  mode: Mode;
  large: boolean;
  theme: Theme;
  live: boolean;
  unit: FilterUnit | null;
  picture: CellPicture | null;
  filters: Filters | null;
  /** The second unit that was chosen, or -1. */
  other: number;
  alike: number[];
}

export interface StudyOptions {
  bitmaps: Bitmaps;
  choose: (channel: number) => void;
  step: (by: number) => void;
  deed: (kind: Deed, other?: number) => void;
  mode: (mode: Mode) => void;
  large: () => void;
  /** Take another second unit. */
  pair: (other: number) => void;
  sortAlike: () => void;
  paintCell: (canvas: HTMLCanvasElement, channel: number) => void;
}

export interface UnitStudy {
  element: HTMLElement;
  show(view: StudyView): void;
  /** The frame before or after. */
  frame(by: number): void;
  play(): void;
}

export function unitStudy(options: StudyOptions, signal: AbortSignal): UnitStudy {
  const { bitmaps } = options;
  let now: StudyView | null = null;
  let frame: number | null = null; // null: the last one there is
  let peeked: [file: DataView, text: string] | null = null;
  let alikeTold = "";

  const [layerName, unitName] = [h("span", { class: "cnn-clip" }), h("span")];
  const address = h("h3", { class: "cnn-title cnn-mono cnn-address" }, layerName, unitName);
  const enlarge = button("Large view", () => options.large(), { kind: "plain" });
  const header = h("header", { class: "cnn-unit-head" }, address, copyButton(() => address.textContent ?? ""), spring(), enlarge,
    button("", () => options.step(-1), { kind: "icon", icon: "previous", label: "Unit before" }), button("", () => options.step(1), { kind: "icon", icon: "next", label: "Unit after" }));
  const big = h("canvas", { class: "fg-big", role: "img" });
  const variants = h("div", { class: "fg-variants", role: "group", "aria-label": "Three more pictures of the unit" });
  oneStop(variants);
  const under = h("span");
  const beside = h("span");
  const why = h("div");
  const film = ascentFilm({ bitmaps, choose: (step) => { frame = step; peeked = null; redraw(); }, hover: (step) => peek(step === null ? null : [frames().get(step)!, `step ${step}`]) }, signal);
  const way = wayPanel(options, (step) => peek(step), signal);
  const sharpen = button("Sharpen to 512 px", () => options.deed("sharp"));
  const more = button("Three more", () => options.deed("variants"));
  const toPatches = button("Strongest patches", () => options.mode("patches"));
  const deeds = h("div", { class: "cnn-tools fg-deeds" }, sharpen, more, toPatches);
  const painted = h("section", { class: "fg-painted" }, h("div", { class: "fg-pair" }, big, variants), h("div", { class: "fg-line cnn-small" }, under, spring(), beside), why);
  const patches = h("section", { class: "fg-patches" });
  const weights = h("section", { class: "fg-filter" });
  const alike = h("section", { class: "fg-alike" });
  const numbers = h("dl", { class: "cnn-stats fg-numbers" });
  const element = h("div", { class: "fg-study" }, header, painted, h("div", { class: "fg-rest" }, film.element, deeds, way.element, patches, weights), alike, numbers);

  const frames = () => new Map((now?.unit?.film.steps ?? []).map((step, k) => [step, now!.unit!.film.data[k]]));
  const peek = (next: typeof peeked) => { peeked = next; drawBig(); };
  const redraw = () => { if (now) show(now); };
  const last = () => now!.picture?.done ?? now!.unit?.done ?? 0;

  const show = (view: StudyView) => {
    if (view.channel !== now?.channel || view.wall.key !== now.wall.key) { frame = peeked = null; }
    now = view;
    const { wall, channel, mode, large, unit, live } = view;
    setText(layerName, wall.layer);
    setText(unitName, `:${channel}`);
    element.dataset.large = String(large);
    setText(enlarge, large ? "Back to the wall" : "Large view");
    const all = (wanted: Mode) => large || mode === wanted;
    painted.hidden = film.element.hidden = deeds.hidden = !all("synthesized");
    way.element.hidden = !all("synthesized");
    patches.hidden = !all("patches") || wall.pictures === 0;
    weights.hidden = !all("weights") || !view.filters;
    if (!painted.hidden) {
      drawBig();
      drawVariants();
      film.show({ marks: marksOf(view), steps: wall.steps, frames: frames(), history: float32(unit?.history), at: frame ?? last() });
      way.show(view);
      drawDeeds();
    }
    if (!patches.hidden) fill(patches, ...patchList(view, bitmaps));
    if (!weights.hidden) drawWeights(view);
    drawAlike(view);
    fill(numbers, ...table(view));
    for (const each of [sharpen, more]) disable(each, !live || !finished(wall, channel));
  };

  const drawBig = () => {
    if (!now) return;
    const { wall, channel, unit, picture } = now;
    const sharp = filled<FilterStudy>(unit?.sharp as FilterStudy);
    const shown = frame === null ? null : frames().get(frame);
    const file = peeked?.[0] ?? shown ?? sharp?.data[0] ?? picture?.file ?? null;
    const size = !peeked && !shown && sharp ? sharp.size : wall.size;
    bitmaps.draw(big, file);
    const step = peeked?.[1] ?? (shown ? `step ${frame}` : sharp && sharp.done < sharp.steps ? `sharpening, step ${sharp.done} of ${sharp.steps}` : "");
    setText(under, [`${extent(...size)} px`, step].filter(Boolean).join(", "));
    setAttribute(big, "aria-label", file ? `What ${wall.layer}:${channel} wants to see, ${step || `after ${last()} steps`}` : `${wall.layer}:${channel}, not computed yet`);
    fill(why, deadWord(wall, channel) ? message("warn", deadWord(wall, channel) === "NaN" ? "Its numbers broke apart" : "It stays silent", wall.notes.get(channel)!) : null);
  };
  const drawVariants = () => {
    const found = filled<FilterStudy>(now!.unit?.variants as FilterStudy);
    const list: (DataView | null)[] = found?.data.length ? found.data : [null, null, null];
    if (variants.childElementCount !== list.length) fill(variants, ...list.map(picturePart));
    list.forEach((file, k) => {
      const canvas = variants.children[k] as HTMLCanvasElement;
      bitmaps.draw(canvas, file);
      setAttribute(canvas, "aria-label", file ? `Variant ${k + 1}` : `Variant ${k + 1}, not computed yet`);
      canvas.onpointerenter = canvas.onfocus = () => file && peek([file, `variant ${k + 1}`]);
      canvas.onpointerleave = canvas.onblur = () => peek(null);
    });
    const busy = found && found.done < found.steps ? `, step ${found.done} of ${found.steps}` : "";
    setText(beside, found ? `three more, kept unlike it${busy}` : "");
  };
  const drawDeeds = () => {
    const { unit, wall, channel } = now!;
    more.hidden = Boolean(filled(unit?.variants)) || wall.notes.has(channel);
    sharpen.hidden = Boolean(filled(unit?.sharp)) || wall.notes.has(channel);
    toPatches.hidden = wall.pictures === 0 || now!.large;
  };
  const drawWeights = ({ filters, channel, theme }: StudyView) => {
    const canvas = h("canvas", { class: "fg-kernel", role: "img", "aria-label": `The filter ${filters!.layer}:${channel}` });
    paintFilter(canvas, filters!, channel, theme);
    fill(weights, h("h4", null, "Filter"), canvas, filterTable(filters!, channel, theme));
  };
  const drawAlike = ({ wall, alike: list, channel }: StudyView) => {
    alike.hidden = list.length === 0;
    if (alike.hidden) return;
    const near = likeness(wall, channel);
    const told = [wall.key, channel, ...list.map((other) => `${other} ${near[other].toFixed(2)}`)].join("|");
    if (told !== alikeTold) fillAlike(wall, list, near);
    alikeTold = told; // what can be pressed stands still while pictures come
    alike.querySelectorAll("canvas").forEach((canvas, k) => options.paintCell(canvas, list[k]));
  };
  const fillAlike = (wall: Wall, list: number[], near: Float32Array) => {
    const tiles = list.map((other) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      return h("button", { class: "cnn-tile", type: "button", "aria-label": `${wall.layer}:${other}, alike to ${near[other].toFixed(2)}`, onclick: () => options.choose(other) }, canvas, h("small", null, h("span", null, String(other)), h("span", null, near[other].toFixed(2))));
    });
    const sort = button("Sort by likeness", () => options.sortAlike(), { kind: "plain" });
    fill(alike, h("div", { class: "fg-line cnn-small" }, h("h4", { class: "cnn-grow" }, "Most alike"), sort), h("div", { class: "cnn-near-tiles" }, ...tiles), h("p", { class: "cnn-small" }, `Correlation of the answers to ${wall.probe}.`));
  };

  return {
    element, show,
    play: () => film.play(),
    frame: (by) => { if (now && !painted.hidden) { frame = film.beside(by); peeked = null; redraw(); } },
  };
}

/** A picture that is shown large while it has the focus or the pointer; the first of a row is its tab stop. */
const picturePart = (_: unknown, k: number) => h("canvas", { role: "img", tabindex: k ? -1 : 0 });

/** Arrows go from picture to picture. */
function oneStop(row: HTMLElement): void {
  onArrows(row, (by) => {
    const parts = [...row.children] as HTMLElement[];
    const next = parts[Math.max(0, Math.min(parts.length - 1, parts.indexOf(focused(row) as HTMLElement) + by))];
    for (const part of parts) part.tabIndex = part === next ? 0 : -1;
    next?.focus({ preventScroll: true });
  }, 1);
}

function marksOf({ wall, unit }: StudyView): number[] {
  return [...new Set([...wall.marks, ...(unit?.film.steps ?? [])])].sort((a, b) => a - b);
}

/** A second unit, and the pictures on the way to it. */
function wayPanel(options: StudyOptions, peek: (shown: [DataView, string] | null) => void, signal: AbortSignal) {
  let now: StudyView | null = null;
  const input = h("input", { class: "cnn-input", type: "text", inputmode: "numeric", placeholder: "a unit", "aria-label": "The second unit" });
  const go = button("Paint", () => take());
  const strip = h("div", { class: "fg-way", role: "group", "aria-label": "Pictures on the way" });
  oneStop(strip);
  const told = h("p", { class: "cnn-small" });
  const element = h("section", { class: "fg-between" }, h("div", { class: "fg-line cnn-small" }, h("h4", null, "On the way to"), input, go), strip, told);
  const take = () => {
    const other = Number(input.value);
    if (!now || input.value.trim() === "" || !Number.isInteger(other) || other < 0 || other >= now.wall.channels || other === now.channel) {
      return setText(told, now ? `Write another unit's number, 0 to ${now.wall.channels - 1}, or choose one on the wall with b.` : "");
    }
    options.pair(other);
    options.deed("between", other);
  };
  onCommit(input, () => { if (input.value.trim() && Number(input.value) !== now?.other) take(); });
  onEnd(signal, () => (now = null));

  const show = (view: StudyView) => {
    const { wall, channel, other, live, unit } = view;
    if (other !== now?.other && other >= 0) input.value = String(other);
    now = view;
    disable(go, !live);
    const found = filled<FilterStudy>(unit?.between as FilterStudy);
    const end = found?.other ?? -1;
    strip.hidden = !found;
    if (!found) return setText(told, live ? `Shift-click a unit on the wall, or press b on it: pictures that want a share of both.` : "");
    if (strip.childElementCount !== found.data.length) fill(strip, ...found.data.map(picturePart));
    found.data.forEach((file, k) => {
      const canvas = strip.children[k] as HTMLCanvasElement;
      const share = percent(k / (found.data.length - 1), 0);
      options.bitmaps.draw(canvas, file);
      setAttribute(canvas, "aria-label", `${share} ${wall.layer}:${end}`);
      canvas.onpointerenter = canvas.onfocus = () => peek([file, `${share} ${end}`]);
      canvas.onpointerleave = canvas.onblur = () => peek(null);
    });
    setText(told, `From ${channel} to ${end}${found.done < found.steps ? `, step ${found.done} of ${found.steps}` : ""}`);
  };
  return { element, show };
}

function patchList({ unit, wall }: StudyView, bitmaps: Bitmaps): Child[] {
  const list = unit?.patches ?? [];
  const tiles = list.map((patch, k) => {
    const canvas = h("canvas", { role: "img", "aria-label": `Patch ${k + 1} of ${patch.name}, ${number(patch.value)}` });
    bitmaps.draw(canvas, unit!.sheet, square(k));
    return h("div", null, canvas, h("div", { class: "fg-line cnn-small" }, h("span", { class: "cnn-clip cnn-grow", title: patch.name }, patch.name), h("b", null, number(patch.value))));
  });
  const [top, left, bottom, right] = list[0]?.box ?? [0, 0, 0, 0];
  const how = list.length ? `The number is the unit’s largest activation in the picture. Each piece is what the unit sees there: up to ${extent(bottom - top, right - left)} px.` : wall.seen ? "No picture wakes this unit." : wall.unread || "The data set has not been looked at yet.";
  return [h("h4", null, "Strongest patches"), h("div", { class: "fg-patch-list" }, ...tiles), h("p", { class: "cnn-small" }, how)];
}

function table({ wall, channel }: StudyView): Child[] {
  const rows: [string, string][] = [];
  if (Number.isFinite(wall.score[channel]) && wall.done[channel] > 0) rows.push(["Answer to its picture", number(wall.score[channel])]);
  if (wall.peak.length) rows.push(["Strongest in the data set", number(wall.peak[channel])], ["Active in", percent(wall.frequency[channel], 0)]);
  return rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]);
}
