/** A cover moved over a picture, place by place, and what the network said at each: numbers for the map, and for any place of it. */

import type { OcclusionInfo } from "../traits";
import { float16 } from "./float16";
import { float32, int32 } from "./ndarray";

/** Which sweep: what is the same for all of its places. */
export interface SweepQuestion {
  image: number;
  fill: string;
  shape: string;
  window: number;
  stride: number;
  exact: boolean;
}

export interface Sweep extends SweepQuestion {
  rows: number;
  columns: number;
  /** Top, left, bottom, right of each place. */
  boxes: Int32Array;
  classes: number[];
  /** (places, classes), NaN where not computed. */
  probabilities: Float32Array;
  logits: Float32Array;
  uncovered: Float32Array;
  best: Int32Array;
  done: number;
  left: number;
  note: string;
}

export type Measure = "probability" | "score";

/** Python writes the same. */
export const sweepKey = ({ image, fill, shape, window, stride, exact }: SweepQuestion) => [image, fill, shape, window, stride, exact].join("|");

export function readSweep(info: OcclusionInfo): Sweep {
  const boxes = int32(info.boxes);
  const wide = info.probabilities.byteLength >= boxes.length * info.classes.length;
  const numbers = wide ? float32 : float16;
  return { ...info, boxes, probabilities: numbers(info.probabilities), logits: numbers(info.logits), uncovered: float32(info.uncovered), best: int32(info.best), note: info.note ?? "" };
}

export const placesOf = (sweep: Sweep) => sweep.boxes.length / 4;
export const isKnown = (sweep: Sweep, place: number) => sweep.best[place] >= 0;
export const cornerOf = (sweep: Sweep, place: number): [row: number, column: number] => [sweep.boxes[4 * place], sweep.boxes[4 * place + 1]];

/** The place whose upper left corner is there, or -1. */
export function placeOf(sweep: Sweep, row: number, column: number): number {
  for (let place = 0; place < placesOf(sweep); place++) {
    if (sweep.boxes[4 * place] === row && sweep.boxes[4 * place + 1] === column) return place;
  }
  return -1;
}

/** The computed place nearest to a corner, or -1. */
export function nearestPlace(sweep: Sweep, row: number, column: number): number {
  let [best, least] = [-1, Infinity];
  for (let place = 0; place < placesOf(sweep); place++) {
    if (!isKnown(sweep, place)) continue;
    const far = (sweep.boxes[4 * place] - row) ** 2 + (sweep.boxes[4 * place + 1] - column) ** 2;
    if (far < least) [best, least] = [place, far];
  }
  return best;
}

/** The next computed place in a direction, `by` places further and then on; or the same. */
export function walkedPlace(sweep: Sweep, place: number, [down, across]: [number, number], by = 1): number {
  const [row, column] = [Math.floor(place / sweep.columns), place % sweep.columns];
  const last = down ? (down > 0 ? sweep.rows - 1 - row : row) : across > 0 ? sweep.columns - 1 - column : column;
  const at = (far: number) => (row + down * far) * sweep.columns + column + across * far;
  const near = Math.min(by, last);
  for (let far = near; far > 0 && far <= last; far++) if (isKnown(sweep, at(far))) return at(far);
  for (let far = near - 1; far > 0; far--) if (isKnown(sweep, at(far))) return at(far);
  return place;
}

/** The number of a class among those of a sweep, or -1. */
export const columnOf = (sweep: Sweep, target: number) => sweep.classes.indexOf(target);

export function probabilityAt(sweep: Sweep, place: number, target: number): number {
  const column = columnOf(sweep, target);
  return column < 0 ? NaN : sweep.probabilities[place * sweep.classes.length + column];
}

/** By how much a class falls at each place, in points or as a score; NaN where that is not computed. */
export function drops(sweep: Sweep, target: number, measure: Measure, clean: number): Float32Array {
  const [column, wide] = [columnOf(sweep, target), sweep.classes.length];
  const values = new Float32Array(placesOf(sweep)).fill(NaN);
  if (column < 0) return values;
  const [from, times, top] = measure === "score" ? [sweep.logits, 1, sweep.uncovered[column]] : [sweep.probabilities, 100, clean];
  for (let place = 0; place < values.length; place++) values[place] = times * (top - from[place * wide + column]);
  return values;
}

/** The place where a class falls most, or -1. */
export function strongestPlace(values: Float32Array): number {
  let best = -1;
  values.forEach((value, place) => { if (value === value && !(value <= values[best])) best = place; });
  return best;
}

/** Values with those not there yet taken from the nearest place of a coarser grid; NaN where there is none. */
export function completed({ rows, columns }: { rows: number; columns: number }, values: Float32Array): Float32Array {
  if (values.every((value) => value === value)) return values;
  const step = coarsest(values, rows, columns);
  if (!step) return values;
  const near = (at: number, count: number) => step * Math.min(Math.floor((at + (step >> 1)) / step), Math.ceil(count / step) - 1);
  return values.map((value, place) => (value === value ? value : values[near(Math.floor(place / columns), rows) * columns + near(place % columns, columns)]));
}

/** The finest step, a power of two, of which every place is known; 0 if even the first is not. */
function coarsest(values: Float32Array, rows: number, columns: number): number {
  const whole = (step: number) => {
    for (let row = 0; row < rows; row += step) for (let column = 0; column < columns; column += step) if (Number.isNaN(values[row * columns + column])) return false;
    return true;
  };
  for (let step = 1; ; step *= 2) {
    if (whole(step)) return step;
    if (step >= Math.max(rows, columns)) return 0;
  }
}
