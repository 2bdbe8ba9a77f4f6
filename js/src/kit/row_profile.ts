/** The probability of a class as the cover moves along one row of the map: a cut through the map. */

import { fill, h, setAttribute, setText, svg } from "./dom";
import { percent } from "./numbers";
import { cornerOf, isKnown, nearestPlace, probabilityAt, type Sweep } from "./sweep";
import { ticks, tickLine } from "./ticks";

export interface ProfileView {
  sweep: Sweep;
  row: number;
  /** Where the cover is along it; below 0: nowhere. */
  column: number;
  target: number;
  clean: number;
  /** Of the picture. */
  width: number;
  name: string;
}

export interface RowProfile {
  element: HTMLElement;
  show(view: ProfileView | null): void;
}

const HIGH = 56;

export function rowProfile(): RowProfile {
  const title = h("span", { class: "cnn-clip" });
  const reach = h("span", { class: "cnn-num" });
  const lines = svg("svg", { viewBox: `0 0 100 ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const axis = h("div");
  const element = h("div", { class: "cnn-profile", role: "img" }, h("div", { class: "cnn-caption" }, title, reach), lines, axis);
  let drawn: unknown[] = [];
  const show = (view: ProfileView | null) => {
    const at = view ? nearestPlace(view.sweep, view.row, Math.max(0, view.column)) : -1;
    element.classList.toggle("cnn-hidden", at < 0 || view!.sweep.columns < 2);
    if (!view || at < 0) return;
    const next = [view.sweep, Math.floor(at / view.sweep.columns), view.column, view.target, view.clean];
    if (next.every((value, k) => value === drawn[k])) return;
    drawn = next;
    draw(view, Math.floor(at / view.sweep.columns));
  };
  const draw = ({ sweep, column, target, clean, width, name }: ProfileView, row: number) => {
    const places = Array.from({ length: sweep.columns }, (_, k) => row * sweep.columns + k);
    const values = places.map((place) => (isKnown(sweep, place) ? probabilityAt(sweep, place, target) : NaN));
    const top = Math.max(clean || 0, ...values.filter((value) => value === value), 0.001);
    const y = (share: number) => ((1 - share / top) * (HIGH - 2) + 1).toFixed(2);
    const x = (left: number) => ((Math.min(width, left + sweep.window / 2) / width) * 100).toFixed(2);
    const steps = values.map((value, k) => (value === value ? `${k === 0 || Number.isNaN(values[k - 1]) ? "M" : "L"}${x(k * sweep.stride)} ${y(value)}` : "")).join("");
    setText(title, `${name}, cover along row ${cornerOf(sweep, places[0])[0]}`);
    setText(reach, `up to ${percent(top)}`);
    fill(lines,
      svg("path", { class: "cnn-profile-base", d: `M0 ${HIGH - 1}H100` }),
      clean === clean && svg("path", { class: "cnn-profile-clean", d: `M0 ${y(clean)}H100` }),
      svg("path", { class: "cnn-profile-line", d: steps }),
      column >= 0 && svg("path", { class: "cnn-profile-here", d: `M${x(column)} 0V${HIGH}` }));
    fill(axis, tickLine(ticks(0, width, 4)));
    setAttribute(element, "aria-label", `${title.textContent}: from ${percent(Math.min(...values.filter((value) => value === value)))} to ${percent(Math.max(...values.filter((value) => value === value)))}, uncovered ${percent(clean)}`);
  };
  return { element, show };
}
