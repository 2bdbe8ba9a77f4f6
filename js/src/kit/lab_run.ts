/** An ascent that was sent: what was measured at which step. */

import type { LabLevels, LabRun } from "../traits";
import { filled } from "./model";
import { float32, int32 } from "./ndarray";

export interface Run extends Omit<LabRun, "mattered" | "steps" | "responses" | "distances"> {
  mattered: LabLevels | null;
  steps: Int32Array;
  responses: Float32Array;
  distances: Float32Array;
}

export type Measured = "responses" | "distances";

export function readRun(sent: LabRun | Record<string, never>): Run | null {
  const run = filled<LabRun>(sent as LabRun);
  return run && { ...run, mattered: filled<LabLevels>((run.mattered ?? {}) as LabLevels), steps: int32(run.steps), responses: float32(run.responses), distances: float32(run.distances) };
}

/** The last value measured at a step or before it; NaN if there is none. */
export function valueAt(run: Run | null, name: Measured, step: number): number {
  if (!run) return NaN;
  for (let k = run.steps.length - 1; k >= 0; k--) if (run.steps[k] <= step && run[name][k] === run[name][k]) return run[name][k];
  return NaN;
}

/** The smallest and largest number of some; none: NaN. */
export function reach(values: Iterable<number>): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low <= high ? [low, high] : [NaN, NaN];
}
