/** What is asked of a network whose picture is covered, and asking it for something else: Python, or what a page has kept. */

import type { OcclusionSliderTraits, Picture } from "../traits";
import { fillName } from "./fill_picture";
import { assign, type Model } from "./model";
import { className, scoresOf } from "./pictures";
import { columnOf, type Sweep, type SweepQuestion } from "./sweep";
import { sweepStore } from "./sweep_store";

export type Comparison = "none" | "class" | "fill";
type Values = Partial<OcclusionSliderTraits>;

/** One of the maps wanted. */
export interface Side {
  /** Empty for one alone. */
  letter: string;
  name: string;
  question: SweepQuestion;
  target: number;
}

export interface CoverQuestion {
  /** Python is there. */
  live(): boolean;
  picture(): Picture | undefined;
  scores(): Float32Array;
  nameOf(target: number): string;
  comparison(): Comparison;
  sides(): Side[];
  /** The map of the settings as they are, if it is here. */
  sweep(): Sweep | null;
  find(question: SweepQuestion): Sweep | null;
  /** A map with another fill is here. */
  hasFill(fill: string): boolean;
  /** Another window has a map in the page. */
  hasOtherWindow(): boolean;
  /** A class can be shown. */
  able(target: number): boolean;
  offers(values: Values): boolean;
  /** Settings that need Python; without it, the saved map nearest to them. */
  set(values: Values): void;
  /** Set what needs Python only if the class is not among those kept. */
  setClass(target: number, values: Values): void;
}

const ASKED = ["image", "fill", "shape", "window", "exact", "stride"] as const;

export interface CoverKernel {
  live(): boolean;
  ask(values: Values): void;
  /** What was said before is of another picture or network. */
  forgotten(): void;
}

export function coverQuestion(model: Model<OcclusionSliderTraits>, { live, ask, forgotten }: CoverKernel, signal: AbortSignal): CoverQuestion {
  const store = sweepStore(model, forgotten, signal);
  const picture = (): Picture | undefined => model.get("pictures")[model.get("image")];
  const nameOf = (target: number) => className(model.get("labels"), target);
  const question = (of: Partial<SweepQuestion> = {}) => ({ ...Object.fromEntries(ASKED.map((name) => [name, model.get(name)])), ...of }) as unknown as SweepQuestion;
  const comparison = (): Comparison => (model.get("compare_fill") && model.get("compare_fill") !== model.get("fill") ? "fill" : model.get("compare") >= 0 && model.get("compare") !== model.get("target") ? "class" : "none");
  const sides = (): Side[] => {
    const [target, compare, other] = [model.get("target"), model.get("compare"), model.get("compare_fill")];
    const side = (letter: string, name: string, of: number, more = {}) => ({ letter, name, target: of, question: question(more) });
    if (comparison() === "fill") return [side("A", fillName(model.get("fill")), target), side("B", fillName(other), target, { fill: other })];
    return comparison() === "class" ? [side("A", nameOf(target), target), side("B", nameOf(compare), compare)] : [side("", nameOf(target), target)];
  };
  const keeps = (sweep: Sweep | null, target: number) => sweep !== null && columnOf(sweep, target) >= 0;

  /** All that is asked for must fit, but the window, which is the nearest there is; then as much of the rest as can be. */
  const savedFor = (values: Values): SweepQuestion | null => {
    const asked = { ...question(), ...values } as SweepQuestion;
    const must = ASKED.filter((name) => name === "image" || (name in values && name !== "window"));
    const far = (each: SweepQuestion) => 1e6 * Number("window" in values) * Math.abs(each.window - asked.window) + ASKED.reduce((sum, name, k) => sum + Number(each[name] !== asked[name]) * 2 ** (ASKED.length - k), 0);
    return store.archived().filter((each) => must.every((name) => each[name] === asked[name])).sort((a, b) => far(a) - far(b))[0] ?? null;
  };
  const adopt = (values: Values) => {
    const found = savedFor(values);
    if (!found) return "image" in values && assign(model, { image: values.image });
    const settings = Object.fromEntries(ASKED.map((name) => [name, found[name]])) as Values;
    assign(model, { ...settings, ...(found.fill === model.get("compare_fill") ? { compare_fill: "" } : {}) });
  };
  const set = (values: Values) => { if (live()) ask(values); else adopt(values); };
  return {
    live, picture, nameOf, comparison, sides, set,
    scores: () => scoresOf(picture()),
    sweep: () => store.get(question()),
    find: store.get,
    hasFill: (fill) => store.has(question({ fill })),
    hasOtherWindow: () => store.archived().some((each) => each.image === model.get("image") && each.window !== model.get("window")),
    able: (target) => live() || sides().some((side) => keeps(store.get(side.question), target)),
    offers: (values) => live() || savedFor(values) !== null,
    setClass: (target, values) => { if (live() && !keeps(store.get(question()), target)) ask(values); else assign(model, values); },
  };
}
