/** A number along an ascent: A solid, B dashed, a line at the step that is shown, notches where the recipe changed. */

import { fill, h, setAttribute, setText, svg } from "./dom";
import { reach, type Measured, type Run } from "./lab_run";
import { number } from "./numbers";
import { ticks } from "./ticks";

const HIGH = 96;

export interface ChartView {
  runs: [Run | null, Run | null];
  /** The step shown, and how far the axis reaches. */
  step: number;
  last: number;
  about: string;
}

export interface AscentChart {
  element: HTMLElement;
  show(view: ChartView): void;
}

export function ascentChart(title: string, name: Measured, point: (step: number | null) => void): AscentChart {
  const about = h("p", { class: "cnn-quiet" });
  const [across, along] = [h("div", { class: "fl-y", "aria-hidden": "true" }), h("div", { class: "fl-x", "aria-hidden": "true" })];
  const lines = svg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const plot = h("div", { class: "fl-plot" }, across, lines);
  const element = h("figure", { class: "fl-chart", role: "img" }, h("h3", { class: "cnn-title" }, title), about, plot, along);
  let last = 1;
  plot.addEventListener("pointermove", (event) => {
    const box = lines.getBoundingClientRect();
    if (box.width) point(Math.round(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * last));
  });
  plot.addEventListener("pointerleave", () => point(null));

  const show = (view: ChartView) => {
    last = Math.max(1, view.last);
    const values = view.runs.flatMap((run) => [...(run?.[name] ?? [])]);
    const [low, high] = axis(...reach(values), name);
    const none = !(high > low);
    const marks = ticks(low, high, 3);
    const from = low > 0 ? `; axis from ${number(low, 2)}` : "";
    setText(about, none ? `${view.about}: not measured yet` : view.about + from);
    setAttribute(element, "aria-label", spoken(title, view, name));
    fill(across, ...marks.map(({ at, text }) => placed(text, "top", (1 - at) * HIGH)));
    fill(along, ...steps(last));
    setAttribute(lines, "viewBox", `0 0 ${last} ${HIGH}`);
    const y = (value: number) => (1 - Math.max(0, Math.min(1, (value - low) / (high - low)))) * HIGH;
    fill(lines,
      ...marks.map(({ at }) => svg("path", { class: "fl-rule", d: `M0 ${(1 - at) * HIGH}H${last}` })),
      svg("path", { class: "fl-base", d: `M0 ${HIGH}H${last}` }),
      ...view.runs.flatMap((run) => (run?.changes ?? []).map((step) => svg("path", { class: "fl-notch", d: `M${step} ${HIGH}v-6` }))),
      !none && svg("path", { class: "fl-now", d: `M${Math.min(last, view.step)} 0V${HIGH}` }),
      ...view.runs.map((run, k) => run && !none && svg("path", { class: k ? "fl-line fl-dashed" : "fl-line", d: path(run, name, y) })));
  };
  return { element, show };
}

/** Responses begin at 0; distances where they begin, as their differences are small. */
function axis(low: number, high: number, name: Measured): [number, number] {
  if (name === "responses") return [Math.min(0, low), high > 0 ? high * 1.05 : 1];
  const room = Math.max((high - low) * 0.1, Math.abs(high) * 1e-3);
  return low < 0.35 * high ? [0, high + room] : [Math.max(0, low - room), high + room];
}

function path(run: Run, name: Measured, y: (value: number) => number): string {
  let [text, pen] = ["", "M"];
  run.steps.forEach((step, k) => {
    const value = run[name][k];
    if (Number.isFinite(value)) { text += `${pen}${step} ${y(value).toFixed(2)}`; pen = "L"; }
  });
  return text;
}

function placed(text: string, side: "top" | "left", at: number | string): HTMLElement {
  const element = h("span", null, text);
  element.style[side] = typeof at === "number" ? `${at}px` : at;
  return element;
}

function steps(last: number): HTMLElement[] {
  const marks = ticks(0, last, 3);
  return marks.map(({ at, text }, k) => {
    const mark = placed(k ? text : `step ${text}`, "left", `${at * 100}%`);
    setAttribute(mark, "data-end", at < 0.02 ? "lo" : at > 0.94 ? "hi" : null);
    return mark;
  });
}

function spoken(title: string, view: ChartView, name: Measured): string {
  const ends = view.runs.map((run, k) => {
    const value = run ? [...run[name]].filter(Number.isFinite).at(-1) : undefined;
    return value === undefined ? "" : `${"AB"[k]} ends at ${number(value)}`;
  }).filter(Boolean);
  return `${title}, ${view.about}: ${ends.join(", ") || "not measured yet"}`;
}
