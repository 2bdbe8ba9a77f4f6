/** Lines along steps: an axis with rules, a line at the step that is shown, notches where something changed. */

import { fill, h, setAttribute, svg } from "./dom";
import { ticks, type Tick } from "./ticks";

/** Pixels from the lowest to the highest value. */
export const CHART_HIGH = 96;

export interface Line {
  steps: ArrayLike<number>;
  values: ArrayLike<number>;
  dashed?: boolean;
  /** Whether it breaks where nothing was measured. */
  gaps?: boolean;
}

export interface LineChartView {
  lines: Line[];
  /** How far the axis reaches, and the step shown; without one there is no mark. */
  last: number;
  step: number | null;
  marks: Tick[];
  /** A value's height, 0 to 1. */
  height(value: number): number;
  notches?: number[];
}

export interface LineChart {
  element: HTMLElement;
  show(view: LineChartView): void;
}

/** `point` gets the step under the pointer, and null when it leaves. */
export function lineChart(point?: (step: number | null) => void): LineChart {
  const [across, along] = [h("div", { class: "cnn-chart-y", "aria-hidden": "true" }), h("div", { class: "cnn-chart-x", "aria-hidden": "true" })];
  const lines = svg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const plot = h("div", { class: "cnn-chart-plot" }, across, lines);
  const element = h("div", { class: "cnn-chart", "data-points": Boolean(point) }, plot, along);
  let last = 1;
  plot.addEventListener("pointermove", (event) => {
    const box = lines.getBoundingClientRect();
    if (box.width) point?.(Math.round(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * last));
  });
  plot.addEventListener("pointerleave", () => point?.(null));

  const show = (view: LineChartView) => {
    last = Math.max(1, view.last);
    const rule = (name: string, path: string) => svg("path", { class: `cnn-chart-${name}`, d: path });
    const y = (value: number) => (1 - Math.max(0, Math.min(1, view.height(value)))) * CHART_HIGH;
    fill(across, ...view.marks.map(({ at, text }) => placed(text, "top", `${(1 - at) * CHART_HIGH}px`)));
    fill(along, ...steps(last));
    setAttribute(lines, "viewBox", `0 0 ${last} ${CHART_HIGH}`);
    fill(lines,
      ...view.marks.map(({ at }) => rule("rule", `M0 ${(1 - at) * CHART_HIGH}H${last}`)),
      rule("base", `M0 ${CHART_HIGH}H${last}`),
      ...(view.notches ?? []).map((step) => rule("notch", `M${step} ${CHART_HIGH}v-6`)),
      view.step !== null && rule("now", `M${Math.min(last, view.step)} 0V${CHART_HIGH}`),
      ...view.lines.map((line) => rule(line.dashed ? "line cnn-chart-dashed" : "line", path(line, y))));
  };
  return { element, show };
}

function path({ steps: at, values, gaps }: Line, y: (value: number) => number): string {
  let [text, pen] = ["", "M"];
  for (let k = 0; k < at.length; k++) {
    if (Number.isFinite(values[k])) { text += `${pen}${at[k]} ${y(values[k]).toFixed(2)}`; pen = "L"; }
    else if (gaps) pen = "M";
  }
  return text;
}

function placed(text: string, side: "top" | "left", at: string): HTMLElement {
  const element = h("span", null, text);
  element.style[side] = at;
  return element;
}

/** Both ends, and the round step nearest to the middle. */
function steps(last: number): HTMLElement[] {
  const between = ticks(0, last, 4).filter(({ at }) => at > 0.3 && at < 0.7).sort((a, b) => Math.abs(a.at - 0.5) - Math.abs(b.at - 0.5));
  return [{ at: 0, text: "step 0" }, ...between.slice(0, 1), { at: 1, text: String(last) }].map(({ at, text }) => {
    const mark = placed(text, "left", `${at * 100}%`);
    setAttribute(mark, "data-end", at === 0 ? "lo" : at === 1 ? "hi" : null);
    return mark;
  });
}
