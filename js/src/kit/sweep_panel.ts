/** The map of what a class depends on, or two of them under one scale; hovering, replay and the strongest place. */

import type { OcclusionSliderTraits, Picture } from "../traits";
import { diverging, type Theme } from "./colormap";
import { button, disable, disableParts, field, range, segmented, select, spring, type Option } from "./controls";
import type { Corner, CoverHand } from "./cover_hand";
import { placeText } from "./cover_panel";
import type { CoverQuestion, Side } from "./cover_question";
import { fill, h, setText } from "./dom";
import { fillName } from "./fill_picture";
import { legend } from "./legend";
import { message } from "./message";
import { assign, type Model } from "./model";
import { number, percent, points, within } from "./numbers";
import { panelHead } from "./panel_head";
import { replay } from "./replay";
import { columnOf, cornerOf, drops, isKnown, nearestPlace, placesOf, strongestPlace, type Sweep } from "./sweep";
import { sweepFigure } from "./sweep_figure";
import { ticks } from "./ticks";

export interface SweepPanelView {
  picture: Picture;
  url: string;
  theme: Theme;
  /** Stands where the map would be. */
  notice: HTMLElement | null;
}

export interface SweepPanel {
  element: HTMLElement;
  /** What stands beside the map, or below it. */
  about: HTMLElement;
  /** Read the maps there are; the one shown first, which may be older. */
  refresh(): Sweep | null;
  show(view: SweepPanelView): void;
  /** The place that hovering or the replay brings back. */
  back(): { sweep: Sweep; place: number } | null;
  playing(): boolean;
  play(): void;
  strongest(): void;
  fade(by: number): void;
  /** The cover was moved. */
  letGo(): void;
  /** What is shown is of something else. */
  forget(): void;
}

const STRIDES = [4, 8, 16, 32];
const still = () => globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;

export function sweepPanel(model: Model<OcclusionSliderTraits>, of: CoverQuestion, hand: CoverHand, changed: () => void, signal: AbortSignal): SweepPanel {
  const player = replay(changed, signal);
  let pointed: { side: number; place: number } | null = null;
  let found: (Sweep | null)[] = [];
  let shown: (Sweep | null)[] = [];
  let scaled = "";

  const point = (side: number, place: number) => {
    if (player.at() >= 0 || (pointed?.side === side ? pointed.place : -1) === place) return;
    pointed = place < 0 ? null : { side, place };
    changed();
  };
  const pick = (side: number, place: number) => {
    player.stop();
    if (shown[side]) hand.putAt(...cornerOf(shown[side]!, place), false);
  };
  const some = () => Boolean(shown[0]?.best.some((best) => best >= 0));
  const play = () => {
    if (player.at() >= 0) player.stop();
    else if (some() && still()) jump();
    else if (some()) player.start(placesOf(shown[0]!));
    changed();
  };
  /** Without motion: to the end of it, and back. */
  const jump = () => {
    const place = nearestPlace(shown[0]!, 1e9, 1e9);
    pointed = pointed?.place === place ? null : { side: 0, place };
  };
  const strongest = () => {
    const place = shown[0] ? strongestPlace(valuesOf(shown[0], of.sides()[0].target)) : -1;
    if (place >= 0) pick(0, place);
  };
  const fade = (by: number) => assign(model, { opacity: Math.round(within(model.get("opacity") + by, 1) * 100) / 100 });
  const back = () => {
    const [side, place] = player.at() >= 0 ? [0, player.at()] : pointed ? [pointed.side, pointed.place] : [-1, -1];
    const sweep = shown[side];
    return sweep && place < placesOf(sweep) && isKnown(sweep, place) ? { sweep, place } : null;
  };
  const refresh = () => {
    found = of.sides().map((side) => of.find(side.question));
    shown = found.map((sweep, k) => sweep ?? (shown[k]?.image === model.get("image") ? shown[k] : null));
    return shown[0];
  };
  const remembered = new WeakMap<Sweep, Map<string, Float32Array>>();
  /** The same array for the same question, so that it is painted once. */
  const valuesOf = (sweep: Sweep, target: number): Float32Array => {
    const clean = of.scores()[target] ?? NaN;
    const known = remembered.get(sweep) ?? new Map<string, Float32Array>();
    remembered.set(sweep, known);
    const asked = [target, model.get("measure"), clean].join();
    if (!known.has(asked)) known.set(asked, drops(sweep, target, model.get("measure"), clean));
    return known.get(asked)!;
  };

  const maps = [0, 1].map((side) => sweepFigure({ point: (place) => point(side, place), pick: (place) => pick(side, place) }));
  const title = h("h3", { class: "cnn-title cnn-clip" });
  const read = h("span", { class: "cnn-clip" });
  const pair = h("div", { class: "cnn-sweeps" });
  const scale = h("div", { class: "cnn-scale" });
  const note = h("p", { class: "cnn-small" });
  const measure = segmented<"probability" | "score">("Measure", [["probability", "Points"], ["score", "Score"]], "probability", (value) => assign(model, { measure: value }));
  const stride = select("Stride", [], "", (value) => { of.set({ stride: Number(value) }); hand.snap(); });
  const exact = segmented<"exact" | "fast">("Accuracy", [["exact", "Exact"], ["fast", "Fast"]], "exact", (value) => of.set({ exact: value === "exact" }));
  const opacity = range("Opacity", 0.05, model.get("opacity"), (value) => percent(value, 0), (value) => assign(model, { opacity: value }));
  opacity.element.classList.add("cnn-wide");
  const [replayButton, strongestButton] = [button("Replay", play), button("Strongest", strongest)];
  const tools = h("div", { class: "cnn-panel-tools" },
    h("div", { class: "cnn-tools" }, measure.element, spring(), field("Stride", stride.element)), opacity.element,
    h("div", { class: "cnn-tools" }, exact.element, spring(), h("span", { class: "cnn-together" }, replayButton, strongestButton)));
  const none = h("div", { class: "cnn-instead" });
  const about = h("div", { class: "cnn-about" }, scale, note, none, tools);
  const element = h("section", { class: "cnn-panel", "aria-label": "Map" }, panelHead(title, null, read, null), pair, about);

  const show = (view: SweepPanelView) => {
    const sides = of.sides();
    const instead = view.notice ?? missing(sides);
    fill(none, instead);
    none.hidden = !instead;
    tools.hidden = instead !== null;
    pair.hidden = scale.hidden = instead !== null && !shown.some(Boolean);
    const target = of.nameOf(model.get("target"));
    setText(title, model.get("target") < 0 ? "What the class depends on" : of.comparison() === "class" ? `“${target}” and “${sides[1].name}”` : `What “${target}” depends on`);
    title.title = title.textContent!;
    const figures = sides.map((_, k) => maps[k].element);
    if (figures.length !== pair.children.length) fill(pair, ...figures);
    showMaps(view, sides);
    const all = found.map((sweep) => sweep?.note ?? "");
    const alike = all.every((text) => text === all[0]);
    const notes = alike ? all.slice(0, 1) : all.map((text, k) => text && `${sides[k].letter}: ${text}`);
    setText(note, notes.join(" "));
    note.hidden = !note.textContent!.trim();
    showTools(view.picture);
  };
  const showMaps = ({ picture, url, theme }: SweepPanelView, sides: Side[]) => {
    const values = sides.map((side, k) => (shown[k] ? valuesOf(shown[k]!, side.target) : new Float32Array(0)));
    const [top, colors, returned] = [farthest(values), diverging(theme), back()];
    const place: Corner | null = returned ? cornerOf(returned.sweep, returned.place) : model.get("mode") === "cover" ? hand.place() : null;
    const reading = readOut(values[pointed?.side ?? 0]);
    sides.forEach(({ letter, name, target }, k) => maps[k].show({
      picture, url, letter, name, sweep: shown[k], values: values[k], colors, top, opacity: model.get("opacity"), place, window: returned?.sweep.window ?? model.get("window"), shape: model.get("shape"),
      shown: player.at() >= 0 ? player.at() + 1 : Infinity, told: `Map of ${of.nameOf(target)}${of.comparison() === "fill" ? `, ${name}` : ""}: how much it falls with each place covered. ${reading}`,
    }));
    setText(read, reading);
    showScale(colors, top, shown.some((sweep) => sweep !== null && sweep.done < 1));
  };
  const showScale = (colors: ReturnType<typeof diverging>, top: number, hatched: boolean) => {
    const unit = `${model.get("measure") === "score" ? "Score" : "Points"} lost when covered`;
    const next = [colors, top, hatched, unit].join();
    if (next === scaled) return;
    scaled = next;
    const waiting = hatched && h("span", { class: "cnn-key" }, h("span", { "data-mark": "hatch" }, "not computed yet"));
    fill(scale, h("div", { class: "cnn-caption" }, h("span", null, unit), waiting), legend(colors, ticks(-top, top, 4), `${unit}, from ${number(-top)} to ${number(top)}`));
  };
  const readOut = (values: Float32Array): string => {
    const [sweep, returned] = [shown[pointed?.side ?? 0], back()];
    if (!sweep) return of.live() ? "Waiting for the map" : "";
    if (returned) return `${placeText(cornerOf(returned.sweep, returned.place))}: ${lossText(values[returned.place])}`;
    if (!found[0]) return `Older: ${sweep.window} px, stride ${sweep.stride}, ${fillName(sweep.fill)}`;
    return sweep.done < 1 ? `${percent(sweep.done, 0)} of the places so far` : "Hover to bring back a place";
  };
  const lossText = (value: number) => {
    const how = value < 0 ? "gained" : "lost";
    return model.get("measure") === "score" ? `${number(Math.abs(value))} of the score ${how}` : `${points(Math.abs(value)).replace("+", "")} points ${how}`;
  };
  const missing = (sides: Side[]): HTMLElement | null => {
    if (of.live()) return null;
    const lacks = found.findIndex((sweep, k) => sweep && columnOf(sweep, sides[k].target) < 0);
    if (lacks >= 0) return message("", "Not kept for this class", `The map has ${found[lacks]!.classes.length} classes; ${of.nameOf(sides[lacks].target)} is not one of them.`);
    return found.every(Boolean) ? null : message("", "Not computed", "There is no map of this picture with this cover here, and no Python to compute it.");
  };
  const showTools = ({ height, width }: Picture) => {
    measure.show(model.get("measure"));
    const now = model.get("stride");
    const steps = [...STRIDES, now].filter((each, k, all) => all.indexOf(each) === k && each <= Math.min(height, width)).sort((a, b) => a - b);
    stride.show(String(now), steps.map((each): Option => [String(each), `${each} px`, each !== now && !of.offers({ stride: each })]));
    exact.show(model.get("exact") ? "exact" : "fast");
    disableParts(exact.element, (value) => !of.offers({ exact: value === "exact" }));
    opacity.show(model.get("opacity"));
    replayButton.textContent = player.at() >= 0 ? "Stop" : "Replay";
    disable(replayButton, !some());
    disable(strongestButton, !some());
  };
  return { element, about, refresh, show, back, playing: () => player.at() >= 0, play, strongest, fade, letGo: () => { pointed = null; changed(); }, forget: () => { shown = []; pointed = null; player.stop(); } };
}

/** The number farthest from 0; 1 where there is none. */
function farthest(lists: Float32Array[]): number {
  let top = 0;
  for (const list of lists) for (const value of list) if (Math.abs(value) > top) top = Math.abs(value);
  return top || 1;
}
