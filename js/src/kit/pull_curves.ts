/** How the pulled units grow while it dreams, each named where its line ends; units silent in the photo have an axis of their own. */

import type { PullCurves } from "../traits";
import { h, setAttribute, setText } from "./dom";
import { CHART_HIGH, lineChart } from "./line_chart";
import { float32, int32 } from "./ndarray";
import { number, THIN } from "./numbers";
import { ticks, type Tick } from "./ticks";

export interface PullView {
  curves: PullCurves | null;
  /** Steps planned, and the one shown. */
  total: number;
  step: number;
}

export interface PullPlot {
  element: HTMLElement;
  show(view: PullView): void;
}

interface Curve {
  unit: string;
  /** From the photo on; NaN where the unit was not pulled. */
  values: Float32Array;
}

interface Axis {
  height(value: number): number;
  marks: Tick[];
}

export function pullCurves(): PullPlot {
  const [grown, woken] = [bundle("In multiples of the photo’s own activity", logarithmic, (value) => `${number(value, 2)}${THIN}×`), bundle("Silent in the photo: the activity itself", linear, (value) => number(value, 2))];
  const show = ({ curves, total, step }: PullView) => {
    const steps = curves ? [0, ...int32(curves.steps)] : [];
    const found = curves ? read(curves) : [];
    const isSilent = ({ unit }: Curve) => curves!.silent.includes(unit);
    grown.show(found.filter((each) => !isSilent(each)), steps, total, step);
    woken.show(found.filter(isSilent), steps, total, step);
  };
  return { element: h("div", { class: "dc-pulls" }, grown.element, woken.element), show };
}

/** Lines on one axis with their names at the right. */
function bundle(about: string, axisOf: (values: number[]) => Axis, text: (value: number) => string) {
  const chart = lineChart();
  const names = h("div", { class: "dc-names" });
  const element = h("div", { class: "dc-bundle", role: "group", "aria-label": about }, h("p", { class: "cnn-quiet" }, about), h("div", { class: "dc-chart" }, chart.element, names));
  const show = (curves: Curve[], steps: number[], total: number, step: number) => {
    element.hidden = !curves.length;
    if (!curves.length) return;
    const { height, marks } = axisOf(curves.flatMap(({ values }) => [...values].filter(Number.isFinite)));
    chart.show({ lines: curves.map(({ values }) => ({ steps, values, gaps: true })), last: total, step, marks, height });
    const at = steps.findLastIndex((each) => each <= step);
    const ends = curves.map(({ values }) => (1 - height(values.findLast(Number.isFinite) ?? 0)) * CHART_HIGH);
    const tops = apart(ends);
    while (names.children.length > curves.length) names.lastChild!.remove();
    while (names.children.length < curves.length) names.append(h("div", { class: "dc-one-pull" }, h("span", { class: "cnn-mono cnn-clip" }), h("span", { class: "cnn-num" })));
    curves.forEach(({ unit, values }, k) => {
      const each = names.children[k] as HTMLElement;
      const [name, output] = each.children;
      setText(name, unit);
      setAttribute(name, "title", unit);
      setText(output, Number.isFinite(values[at]) ? text(values[at]) : "not pulled");
      each.style.top = `${tops[k]}px`;
    });
    names.style.minHeight = `${Math.max(...tops) + LINE / 2}px`;
  };
  return { element, show };
}

const LINE = 16;

/** Places for names near those wanted, none nearer to the next than a line of text. */
export function apart(wanted: number[]): number[] {
  const order = wanted.map((_, k) => k).sort((a, b) => wanted[a] - wanted[b]);
  const places = [...wanted];
  const lowest = Math.max(CHART_HIGH, LINE * (wanted.length - 1));
  order.forEach((k, n) => { places[k] = Math.max(wanted[k], n ? places[order[n - 1]] + LINE : 0); });
  order.reverse().forEach((k, n) => { places[k] = Math.min(places[k], lowest - n * LINE); });
  return places;
}

/** A hundredth of the photo's own activity, and less, is the lower end. */
const LEAST = 0.01;

function logarithmic(values: number[]): Axis {
  const known = values.map((value) => Math.max(value, LEAST));
  const [low, high] = [Math.min(1, ...known), Math.max(2, ...known) * 1.05];
  const height = (value: number) => Math.log(Math.max(value, low) / low) / Math.log(high / low);
  return { height, marks: rounded(low, high).map((value) => ({ at: height(value), text: `${number(value)}${THIN}×` })) };
}

function linear(values: number[]): Axis {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values) * 1.05 || 1];
  return { height: (value) => (value - low) / (high - low), marks: ticks(low, high, 3) };
}

/** 1, 2, 5, 10 …; only powers of ten where those are many. */
function rounded(low: number, high: number): number[] {
  const powers = Array.from({ length: 12 }, (_, k) => 10 ** (k - 2));
  const between = (value: number) => value >= low * 0.999 && value <= high;
  const fine = powers.flatMap((power) => [power, 2 * power, 5 * power]).filter(between);
  return fine.length > 4 ? powers.filter(between) : fine;
}

/** In the photo itself a unit that is not silent is 1 of its own; one that was not pulled at first has no beginning. */
function read(curves: PullCurves): Curve[] {
  const values = float32(curves.values);
  const count = curves.units.length ? values.length / curves.units.length : 0;
  return curves.units.map((unit, k) => {
    const own = values.slice(k * count, (k + 1) * count);
    const first = !Number.isFinite(own[0]) ? NaN : curves.silent.includes(unit) ? 0 : 1;
    return { unit, values: Float32Array.of(first, ...own) };
  });
}
