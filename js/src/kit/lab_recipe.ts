/** The sliders of a recipe: where they end, what their values are called, where the usual range lies. */

import type { LabPreset, LabRecipe } from "../traits";
import { number, THIN } from "./numbers";

export type KnobName = "pad" | "jitter" | "scale" | "rotate" | "settle" | "octaves" | "ratio" | "l2" | "l1" | "tv" | "blur" | "rate" | "steps";

export interface Setting {
  name: KnobName;
  label: string;
  /** What it does, for the help of the slider. */
  about: string;
  /** Places of the slider; a value is `value(place)`, its place `place(value)`. */
  low: number;
  high: number;
  step: number;
  value(place: number): number;
  place(value: number): number;
  text(value: number, recipe: LabRecipe): string;
  /** The key of the usual range, if there is one. */
  range?: string;
}

const same = (value: number) => value;
const linear = { value: same, place: same };
const round = (value: number, digits = 2) => Number(value.toPrecision(digits));
/** Powers of ten between two ends, in round numbers. */
const powers = { value: (place: number) => round(10 ** place), place: (value: number) => Math.log10(value) };
/** The same with nothing at all at the lower end. */
const weights = { value: (place: number) => (place <= -2 ? 0 : round(10 ** place)), place: (value: number) => (value > 0 ? Math.log10(value) : -2) };
const doublings = { value: (place: number) => 8 * Math.round(2 ** place / 8), place: (value: number) => Math.log2(value) };

const pixels = (value: number) => (value ? `${value}${THIN}px` : "off");
const weight = (value: number) => (value ? number(value, 2) : "off");
const penalty = { low: -2, high: 2, step: 0.1, ...weights, text: weight };

export const TRANSFORMS: Setting[] = [
  { name: "pad", label: "Pad", about: "Gray around the picture before it is moved", low: 0, high: 32, step: 2, ...linear, text: pixels },
  { name: "jitter", label: "Jitter", about: "Shift, up to half of it each way", low: 0, high: 96, step: 2, ...linear, text: pixels, range: "jitter" },
  { name: "scale", label: "Scale", about: "Enlarged or reduced up to so many times", low: 1, high: 1.8, step: 0.05, ...linear, text: (_, { scale }) => scaled(scale), range: "scale" },
  { name: "rotate", label: "Rotate", about: "Turned up to so far each way", low: 0, high: 180, step: 5, ...linear, text: (value) => (value ? `±${value}°` : "off"), range: "rotate" },
  { name: "settle", label: "Jitter again", about: "A second, smaller shift after all else", low: 0, high: 32, step: 1, ...linear, text: pixels },
];
export const OCTAVES: Setting[] = [
  { name: "octaves", label: "Octaves", about: "How many sizes, from coarse to fine", low: 1, high: 6, step: 1, ...linear, text: (value) => String(value) },
  { name: "ratio", label: "Each larger", about: "From one size to the next", low: 1, high: 1.6, step: 0.05, ...linear, text: (value, { octaves }) => (octaves > 1 ? `${value.toFixed(2)}${THIN}×` : "one size"), range: "octave" },
];
export const PENALTIES: Setting[] = [
  { name: "l2", label: "L2", about: "Against strong color: the mean of (x − ½)²", ...penalty },
  { name: "l1", label: "L1", about: "Against any color: the mean of |x − ½|", ...penalty },
  { name: "tv", label: "Variation", about: "Against differences between neighbors", ...penalty },
  { name: "blur", label: "Blur", about: "Against what is lost when the picture is blurred", ...penalty },
];
export const CLIMB: Setting[] = [
  { name: "rate", label: "Rate", about: "How far a step goes", low: -3, high: 1, step: 0.05, ...powers, text: (value) => number(value, 2) },
  { name: "steps", label: "Steps", about: "From the start, or from the last change on", low: 4, high: 11, step: 0.25, ...doublings, text: (value) => String(value) },
];

const scaled = ([low, high]: [number, number]) => (low === 1 && high === 1 ? "off" : `${low.toFixed(2)}–${high.toFixed(2)}`);

export const OBJECTIVES: [string, string][] = [["mean", "Mean of the map"], ["center", "Neuron in the middle"], ["square", "Mean square of the map"], ["peak", "Strongest neuron"]];
export const PAINTED: [string, string][] = [["fourier", "Fourier"], ["pixels", "Pixels"], ["maco", "MaCo: phases only"], ["laplacian", "Laplacian pyramid"]];
export const OPAQUE: [string, string][] = [["everywhere", "everywhere"], ["needed", "where needed"]];
export const CLIMBERS: [string, string][] = [["adam", "Adam"], ["plain", "Normalized gradient"], ["lbfgs", "L-BFGS"]];
/** Rates that suit them: steps of L-BFGS find their own length. */
export const RATES: Record<string, number> = { adam: 0.05, plain: 0.05, lbfgs: 1 };

export function valueOf(recipe: LabRecipe, name: KnobName): number {
  return name === "scale" ? recipe.scale[1] : recipe[name];
}

/** The recipe with one slider elsewhere; a scale reaches as far down as up. */
export function changed(recipe: LabRecipe, name: KnobName, value: number): LabRecipe {
  return { ...recipe, [name]: name === "scale" ? [round(1 / value), value] : value };
}

export function isSame(a: LabRecipe, b: LabRecipe): boolean {
  return (Object.keys(b) as (keyof LabRecipe)[]).every((name) => String(a[name]) === String(b[name]));
}

/** The title of what a recipe began as, and whether it still is that; how many steps it takes does not make it another. */
export function titleOf(recipe: LabRecipe, presets: LabPreset[]): { title: string; preset: LabPreset | null; own: boolean } {
  const preset = presets.find(({ key }) => key === recipe.preset) ?? null;
  return { title: preset?.title ?? "Own recipe", preset, own: !preset || !isSame({ ...recipe, steps: preset.recipe.steps }, preset.recipe) };
}
