/** What the network said of a picture with a part of it covered: all classes, or those that were kept. */

import type { CoverAnswer } from "../traits";
import { float32 } from "./ndarray";
import { cornerOf, type Sweep } from "./sweep";

export interface Said {
  /** What was covered: nothing, a place, or what was drawn. */
  kind: "nothing" | "cover" | "brush";
  image: number;
  row: number;
  column: number;
  window: number;
  fill: string;
  shape: string;
  /** The classes that are known; null: all of them, by number. */
  classes: number[] | null;
  probabilities: Float32Array;
  best: number;
  /** Milliseconds the network took, or -1. */
  took: number;
}

const NOWHERE = { row: -1, column: -1, window: 0, fill: "", shape: "", took: -1 };

export function saidOfNothing(image: number, scores: Float32Array): Said {
  return { ...NOWHERE, kind: "nothing", image, classes: null, probabilities: scores, best: leaders(scores, 1)[0] ?? -1 };
}

export function saidByAnswer(answer: CoverAnswer): Said {
  const probabilities = float32(answer.probabilities);
  const { image, row, column, window, fill, shape, took } = answer;
  return { kind: answer.brush ? "brush" : "cover", image, row, column, window, fill, shape, took, classes: null, probabilities, best: leaders(probabilities, 1)[0] ?? -1 };
}

export function saidBySweep(sweep: Sweep, place: number): Said {
  const [row, column] = cornerOf(sweep, place);
  const wide = sweep.classes.length;
  const { image, window, fill, shape, classes } = sweep;
  return { kind: "cover", image, row, column, window, fill, shape, took: -1, classes, probabilities: sweep.probabilities.subarray(place * wide, (place + 1) * wide), best: sweep.best[place] };
}

/** The probability of a class, NaN where it is not known. */
export function sharedBy({ classes, probabilities }: Said, target: number): number {
  return probabilities[classes ? classes.indexOf(target) : target] ?? NaN;
}

/** The places of the largest numbers, largest first, in one walk: there may be many thousand. */
export function leaders(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  for (let k = 0; k < values.length; k++) {
    if (values[k] !== values[k] || (found.length === count && !(values[k] > values[found[count - 1]]))) continue;
    if (found.length === count) found.pop();
    let at = found.length;
    while (at > 0 && values[k] > values[found[at - 1]]) at--;
    found.splice(at, 0, k);
  }
  return found;
}

/** The `count` classes to tell: those that must be there, then the most probable. */
export function listed(said: Said, kept: number[], count: number): number[] {
  const top = leaders(said.probabilities, count + kept.length).map((k) => said.classes?.[k] ?? k);
  const wanted = kept.filter((target, k) => target >= 0 && kept.indexOf(target) === k);
  return [...wanted, ...top.filter((target) => !wanted.includes(target))].slice(0, Math.max(count, wanted.length));
}

/** By probability; or, so that nothing jumps under a moving hand, as before with each newcomer in place of one that has left. */
export function inOrder(said: Said, targets: number[], before: number[], steady: boolean): number[] {
  if (!steady || before.length !== targets.length) return [...targets].sort((a, b) => (sharedBy(said, b) || 0) - (sharedBy(said, a) || 0));
  const newcomers = targets.filter((target) => !before.includes(target));
  return before.map((target) => (targets.includes(target) ? target : newcomers.shift()!));
}

/** A finding in words. */
export function inWords(said: Said, scores: Float32Array, name: (target: number) => string): string {
  const clean = leaders(scores, 1)[0] ?? -1;
  if (clean < 0 || said.best < 0) return "";
  if (said.kind === "nothing") return `${capital(name(clean))}, with nothing covered`;
  if (said.best !== clean) return `Now ${name(said.best)} instead of ${name(clean)}`;
  const change = sharedBy(said, clean) - scores[clean];
  return `Still ${name(clean)}${change < -0.1 ? ", less sure" : change > 0.1 ? ", surer" : ""}`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
