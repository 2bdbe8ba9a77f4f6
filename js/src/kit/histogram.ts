/** A histogram of values. The count axis is a root scale, and says so. */

import { h, svg } from "./dom";
import { number } from "./numbers";
import { tickLine, ticks } from "./ticks";

/** Counts in `bins` equal steps from `low` to `high`; NaN counts nowhere. */
export function countBins(values: ArrayLike<number>, low: number, high: number, bins = 24): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const at = high > low ? Math.floor(((values[i] - low) / (high - low)) * bins) : 0;
    if (at === at && values[i] >= low && values[i] <= high) counts[Math.min(bins - 1, at)]++;
  }
  return counts;
}

const HEIGHT = 44;

export interface HistogramOptions {
  values: ArrayLike<number>;
  low: number;
  high: number;
  mark: number;
  /** What is counted: "Positions". */
  what: string;
}

export function histogram({ values, low, high, mark, what }: HistogramOptions): HTMLElement {
  const counts = countBins(values, low, high);
  const most = Math.max(1, ...counts);
  const place = high > low ? Math.min(0.996, Math.max(0.004, (mark - low) / (high - low))) : 0.5;
  const spoken = `${what} by value from ${number(low)} to ${number(high)}, most in one bar ${most}`;
  return h("div", { class: "cnn-histogram", role: "img", "aria-label": spoken },
    h("div", { class: "cnn-caption" }, h("span", null, `${what}, root scale`), h("span", null, `to ${most}`)),
    bars(counts, most, Number.isFinite(mark) ? place : null),
    tickLine(ticks(low, high, 4)));
}

function bars(counts: number[], most: number, mark: number | null): SVGElement {
  const tall = (count: number) => Math.sqrt(count / most) * (HEIGHT - 2);
  return svg("svg", { class: "cnn-bars-plot", viewBox: `0 0 ${counts.length} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...counts.map((count, k) => svg("rect", { x: k + 0.06, width: 0.88, y: HEIGHT - tall(count), height: tall(count) })),
    svg("path", { class: "cnn-base", d: `M0 ${HEIGHT - 0.5}H${counts.length}` }),
    mark === null ? null : svg("path", { class: "cnn-marker", d: `M${mark * counts.length} 0V${HEIGHT}` }));
}
