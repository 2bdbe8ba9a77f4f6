/** How the pulled units grow while it dreams: one small curve each below the film, in multiples of the photo's own activity. */

import type { PullCurves } from "../traits";
import { fill, h, setAttribute, setText, svg } from "./dom";
import { float32, int32 } from "./ndarray";
import { placeOf } from "./dream_strip";
import { number, THIN } from "./numbers";
import { onResize } from "./resize";

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

const HIGH = 24;

interface Curve {
  unit: string;
  silent: boolean;
  values: Float32Array;
  low: number;
  high: number;
}

export function pullCurves(signal: AbortSignal): PullPlot {
  const element = h("div", { class: "dc-pulls" });
  let view: PullView | null = null;
  let [curves, steps]: [Curve[], Int32Array] = [[], new Int32Array(0)];
  let drawn: unknown[] = [];
  let rows: { mark: SVGElement; output: HTMLElement }[] = [];
  const width = () => element.clientWidth || 512;

  const show = (next: PullView) => {
    view = next;
    const { curves: found, total, step } = next;
    const key = [found, total, width()];
    if (key.some((each, k) => each !== drawn[k])) {
      drawn = key;
      curves = found ? read(found) : [];
      steps = found ? int32(found.steps) : new Int32Array(0);
      draw(total);
    }
    const at = steps.findLastIndex((each) => each <= step);
    const x = placeOf(step, total, width());
    rows.forEach(({ mark, output }, k) => {
      setAttribute(mark, "d", `M${x.toFixed(1)} 0V${HIGH}`);
      const value = at < 0 ? (curves[k].silent ? 0 : 1) : curves[k].values[at];
      setText(output, Number.isNaN(value) ? "not pulled" : curves[k].silent ? number(value, 2) : `${number(value, 2)}${THIN}×`);
    });
  };
  const draw = (total: number) => {
    rows = [];
    const shared = curves.filter((each) => !each.silent);
    const [low, high] = [Math.min(1, ...shared.map((each) => each.low)), Math.max(2, ...shared.map((each) => each.high))];
    fill(element, ...curves.map((curve) => {
      const [mark, output] = [svg("path", { class: "dc-now" }), h("span", { class: "cnn-num" })];
      rows.push({ mark, output });
      const y = curve.silent ? linear(curve.high) : logarithmic(low, high);
      const x = (step: number) => placeOf(step, total, width());
      const plot = svg("svg", { viewBox: `0 0 ${width()} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": toldOf(curve) },
        svg("path", { class: "dc-one", d: `M0 ${y(curve.silent ? 0 : 1).toFixed(1)}H${width()}` }),
        svg("path", { class: "dc-curve", d: path(curve, steps, x, y) }), mark);
      const name = curve.silent ? `${curve.unit}, silent in the photo` : curve.unit;
      return h("div", { class: "dc-one-pull" }, h("span", { class: "cnn-mono cnn-clip", title: name }, name), output, plot);
    }));
  };
  onResize(element, () => { if (view) show(view); }, signal);
  return { element, show };
}

const edge = 2;
const linear = (top: number) => (value: number) => HIGH - edge - (Math.max(0, value) / (top || 1)) * (HIGH - 2 * edge);
const logarithmic = (low: number, high: number) => (value: number) => HIGH - edge - (Math.log(Math.max(value, low) / low) / Math.log(high / low)) * (HIGH - 2 * edge);

function read(curves: PullCurves): Curve[] {
  const values = float32(curves.values);
  const count = curves.units.length ? values.length / curves.units.length : 0;
  return curves.units.map((unit, k) => {
    const own = values.slice(k * count, (k + 1) * count);
    const known = own.filter((value) => Number.isFinite(value));
    const [low, high] = [Math.min(...known), Math.max(...known)];
    return { unit, silent: curves.silent.includes(unit), values: own, low: known.length ? Math.max(low, LEAST) : 1, high: known.length ? Math.max(high, LEAST) : 1 };
  });
}

/** A hundredth of the photo's own activity, and less, is the lower edge of the scale. */
const LEAST = 0.01;

/** From the photo on; a unit that was not pulled for a while leaves a gap. */
function path({ values, silent }: Curve, steps: Int32Array, x: (step: number) => number, y: (value: number) => number): string {
  let pen = steps.length > 0 && Number.isFinite(values[0]);
  let out = pen ? `M${x(0).toFixed(1)} ${y(silent ? 0 : 1).toFixed(1)}` : "";
  values.forEach((value, k) => {
    if (Number.isFinite(value)) out += `${pen ? "L" : "M"}${x(steps[k]).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = Number.isFinite(value);
  });
  return out;
}

const toldOf = ({ unit, silent, high }: Curve) => (silent ? `Activity of ${unit}, silent in the photo, up to ${number(high)}` : `Activity of ${unit}, up to ${number(high)} times that of the photo`);
