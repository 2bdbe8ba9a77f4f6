/** An ascent as a curve and a film: its frames stand in their places before they are computed; it can be replayed. */

import type { Bitmaps } from "./bitmaps";
import { button, claim, disable } from "./controls";
import { fill, h, holdsFocus, setAttribute, setText, svg } from "./dom";
import { moved } from "./film";
import { number } from "./numbers";
import { tickLine, ticks } from "./ticks";

export interface FilmView {
  /** Steps at which there is a frame, and how many steps there are. */
  marks: number[];
  steps: number;
  frames: Map<number, DataView>;
  history: Float32Array;
  /** The step shown. */
  at: number;
}

export interface AscentFilm {
  element: HTMLElement;
  show(view: FilmView): void;
  /** The computed frame so many places on. */
  beside(by: number): number;
  /** From the first frame to the last; without motion, the last at once. */
  play(): void;
}

const HIGH = 48;
const PACE = 140;

export interface FilmOptions {
  bitmaps: Bitmaps;
  choose: (step: number) => void;
  hover: (step: number | null) => void;
}

export function ascentFilm({ bitmaps, choose, hover }: FilmOptions, signal: AbortSignal): AscentFilm {
  let now: FilmView | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const told = h("span");
  const value = h("b");
  const lines = svg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const axis = h("div");
  const plot = h("div", { class: "fg-curve", role: "img" }, lines, axis);
  const strip = h("div", { class: "fg-film", role: "radiogroup", "aria-label": "Frames of the ascent" });
  const again = button("Replay", () => play(), { kind: "plain" });
  const element = h("section", { class: "fg-ascent" },
    h("div", { class: "fg-line cnn-small" }, h("h4", { class: "cnn-grow" }, "Response of the unit"), told, value, again), plot, strip);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });

  const computed = () => now!.marks.filter((mark) => now!.frames.has(mark));
  const beside = (by: number) => moved(computed(), now!.at, by);
  const play = () => {
    clearTimeout(timer);
    const list = now ? computed() : [];
    const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
    const next = (k: number) => {
      if (k >= list.length) return;
      choose(list[k]);
      timer = setTimeout(() => next(k + 1), PACE);
    };
    next(still ? list.length - 1 : 0);
  };

  const show = (view: FilmView) => {
    const other = !now || now.history !== view.history || now.steps !== view.steps;
    now = view;
    const { history, steps, at } = view;
    const here = history[Math.min(at, history.length - 1)];
    setText(told, `step ${at}${here === undefined ? "" : ":"}`);
    setText(value, here === undefined ? "" : number(here));
    disable(again, computed().length < 2);
    if (other) setAttribute(plot, "aria-label", history.length ? `Response from ${number(history[0])} to ${number(history.at(-1)!)} over ${history.length} of ${steps} steps` : "Not computed yet");
    drawCurve(view);
    drawStrip(view);
  };
  const drawCurve = ({ history, steps, at }: FilmView) => {
    const values = history.filter(Number.isFinite);
    const [low, high] = [Math.min(0, ...values), Math.max(1e-9, ...values)];
    const y = (score: number) => (HIGH - 2 - ((score - low) / (high - low)) * (HIGH - 4)).toFixed(1);
    let path = "";
    history.forEach((score, k) => { if (Number.isFinite(score)) path += `${path ? "L" : "M"}${k} ${y(score)}`; });
    setAttribute(lines, "viewBox", `0 0 ${steps} ${HIGH}`);
    fill(lines, svg("path", { class: "fg-base", d: `M0 ${y(0)}H${steps}` }), svg("path", { class: "fg-curve-line", d: path || "M0 0" }), svg("path", { class: "fg-now", d: `M${at} 0V${HIGH}` }));
    const list = ticks(0, steps, 4).map((tick, k) => (k ? tick : { ...tick, text: `step ${tick.text}` }));
    if (axis.dataset.steps !== String(steps)) fill(axis, tickLine(list));
    axis.dataset.steps = String(steps);
  };
  const drawStrip = ({ marks, frames, at }: FilmView) => {
    const had = holdsFocus(strip);
    if (strip.childElementCount !== marks.length) fill(strip, ...marks.map(() => well()));
    const shown = marks.findLastIndex((mark) => mark <= at && frames.has(mark));
    marks.forEach((mark, k) => {
      const each = strip.children[k] as HTMLElement;
      each.dataset.step = String(mark);
      setText(each.children[1], String(mark));
      setAttribute(each, "aria-label", `Step ${mark}${frames.has(mark) ? "" : ", not computed yet"}`);
      setAttribute(each, "aria-checked", k === shown);
      disable(each, !frames.has(mark));
      each.tabIndex = k === Math.max(0, shown) ? 0 : -1;
      bitmaps.draw(each.firstElementChild as HTMLCanvasElement, frames.get(mark));
    });
    if (had) (strip.children[Math.max(0, shown)] as HTMLElement).focus({ preventScroll: true });
  };
  const well = () => h("button", { type: "button", role: "radio" }, h("canvas", { "aria-hidden": "true" }), h("small", { "aria-hidden": "true" }));
  const stepOf = (event: Event): number | null => {
    const found = (event.target as Element).closest<HTMLElement>("[role=radio]");
    return found && found.getAttribute("aria-disabled") !== "true" ? Number(found.dataset.step) : null;
  };
  strip.addEventListener("click", (event) => { const step = stepOf(event); clearTimeout(timer); if (step !== null) choose(step); });
  strip.addEventListener("pointerover", (event) => hover(stepOf(event)));
  strip.addEventListener("pointerleave", () => hover(null));
  strip.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -99, End: 99 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    choose(beside(by));
  });
  return { element, show, beside, play };
}
