/** A share that changes along a way, against the same of a reference. */

import { fill, h, setAttribute, setText, svg } from "./dom";
import { percent } from "./numbers";
import { tickLine } from "./ticks";

const HIGH = 96;

export interface CurveView {
  /** Over equal steps from 0 to 1; none: not computed. */
  curve: Float32Array | null;
  reference: Float32Array | null;
  /** Whose curve it is. */
  name: string;
  about: string;
}

export interface CurvePlot {
  element: HTMLElement;
  show(view: CurveView): void;
}

export function curvePlot(kind: string, along: string): CurvePlot {
  const area = h("span", { class: "cnn-small" });
  const lines = svg("svg", { viewBox: `0 0 100 ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const axis = [1, 0.5, 0].map((at) => {
    const tick = h("span", null, at ? percent(at, 0) : "0");
    tick.style.top = `${(1 - at) * HIGH}px`;
    return tick;
  });
  const plot = h("div", { class: "cnn-curve-plot" }, ...axis, lines);
  const ticks = tickLine([{ at: 0, text: "0" }, { at: 0.5, text: `${percent(0.5, 0)} ${along}` }, { at: 1, text: percent(1, 0) }]);
  const element = h("div", { class: "cnn-curve", role: "img" }, h("div", { class: "cnn-curve-head" }, h("h3", null, `${kind}, this scene`), area), plot, ticks);
  let shown: (Float32Array | null)[] = [];
  const show = ({ curve, reference, name, about }: CurveView) => {
    const size = curve ? areaUnder(curve).toFixed(2) : "";
    setText(area, curve ? `area ${size}${reference ? `, random ${areaUnder(reference).toFixed(2)}` : ""}` : "not computed yet");
    setAttribute(element, "aria-label", `${kind} curve of ${name} ${about}: ${curve ? `area ${size}` : "not computed yet"}`);
    if (shown[0] === curve && shown[1] === reference && lines.firstChild) return;
    shown = [curve, reference];
    fill(lines,
      curve && svg("path", { class: "cnn-curve-area", d: `${path(curve)}L100 ${HIGH}L0 ${HIGH}Z` }),
      svg("path", { class: "cnn-curve-base", d: `M0 ${HIGH}H100` }),
      reference && svg("path", { class: "cnn-curve-reference", d: path(reference) }),
      curve && svg("path", { class: "cnn-curve-line", d: path(curve) }));
  };
  return { element, show };
}

function path(curve: Float32Array): string {
  return [...curve].map((y, k) => `${k ? "L" : "M"}${((k / (curve.length - 1)) * 100).toFixed(2)} ${((1 - Math.max(0, Math.min(1, y))) * HIGH).toFixed(2)}`).join("");
}

/** By the trapezoidal rule, between 0 and 1. */
export function areaUnder(curve: Float32Array): number {
  let sum = 0;
  for (let k = 1; k < curve.length; k++) sum += (curve[k] + curve[k - 1]) / 2;
  return sum / Math.max(1, curve.length - 1);
}
