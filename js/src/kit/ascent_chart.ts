/** A number along an ascent: A solid, B dashed, notches where the recipe changed. */

import { h, setAttribute, setText } from "./dom";
import { reach, type Measured, type Run } from "./lab_run";
import { lineChart, type Line } from "./line_chart";
import { number } from "./numbers";
import { ticks } from "./ticks";

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
  const chart = lineChart(point);
  const element = h("figure", { class: "fl-chart", role: "img" }, h("h3", { class: "cnn-title" }, title), about, chart.element);

  const show = (view: ChartView) => {
    const [low, high] = axis(...reach(view.runs.flatMap((run) => [...(run?.[name] ?? [])])), name);
    const none = !(high > low);
    const from = low > 0 ? `; axis from ${number(low, 2)}` : "";
    setText(about, none ? `${view.about}: not measured yet` : view.about + from);
    setAttribute(element, "aria-label", spoken(title, view, name));
    const lines = view.runs.map((run, k): Line | null => run && { steps: run.steps, values: run[name], dashed: k > 0 });
    chart.show({
      lines: none ? [] : lines.filter((line) => line !== null), last: view.last, step: none ? null : view.step,
      marks: ticks(low, high, 3), height: (value) => (value - low) / (high - low), notches: view.runs.flatMap((run) => run?.changes ?? []),
    });
  };
  return { element, show };
}

/** Responses begin at 0; distances where they begin, as their differences are small. */
function axis(low: number, high: number, name: Measured): [number, number] {
  if (name === "responses") return [Math.min(0, low), high > 0 ? high * 1.05 : 1];
  const room = Math.max((high - low) * 0.1, Math.abs(high) * 1e-3);
  return low < 0.35 * high ? [0, high + room] : [Math.max(0, low - room), high + room];
}

function spoken(title: string, view: ChartView, name: Measured): string {
  const ends = view.runs.map((run, k) => {
    const value = run ? [...run[name]].filter(Number.isFinite).at(-1) : undefined;
    return value === undefined ? "" : `${"AB"[k]} ends at ${number(value)}`;
  }).filter(Boolean);
  return `${title}, ${view.about}: ${ends.join(", ") || "not measured yet"}`;
}
