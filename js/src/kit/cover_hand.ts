/** The hand that moves the cover: any place with Python, the places that were computed without. */

import type { OcclusionSliderTraits, Picture } from "../traits";
import type { CoverQuestion } from "./cover_question";
import { onEnd } from "./ending";
import { assign, type Model } from "./model";
import { cornerOf, nearestPlace, walkedPlace } from "./sweep";

export type Corner = [row: number, column: number];

export interface CoverHand {
  /** The upper left corner; null where nothing is covered. */
  place(): Corner | null;
  /** The map is to wait. */
  held(): boolean;
  hold(held: boolean): void;
  putAt(row: number, column: number, held: boolean): void;
  walk(step: [down: number, across: number], how: "stride" | "window" | "pixel"): void;
  /** Take the cover away; whether there was one. */
  lift(): boolean;
  /** Another window around the same middle. */
  resize(window: number, held: boolean): void;
  /** Go to the nearest place of another saved map. */
  snap(): void;
}

export function coverHand(model: Model<OcclusionSliderTraits>, of: CoverQuestion, moved: () => void, signal: AbortSignal): CoverHand {
  let holding = false;
  const place = () => (model.get("place").length === 2 ? (model.get("place") as Corner) : null);
  const hold = (held: boolean) => {
    if (holding === held) return;
    holding = held;
    if (of.live()) assign(model, { held });
  };
  const putAt = (row: number, column: number, held: boolean) => {
    const here = of.picture();
    const next = !here ? null : of.live() ? within(here, row, column) : snapped(row, column);
    if (!next) return;
    moved();
    if (next.join() === model.get("place").join()) return hold(held && of.live());
    holding = held && of.live();
    of.live() ? of.set({ place: next, held }) : assign(model, { place: next });
  };
  /** The last place of the map may reach beyond the edge. */
  const within = ({ height, width }: Picture, row: number, column: number): Corner => {
    const [window, stride] = [model.get("window"), model.get("stride")];
    const clamp = (value: number, side: number) => Math.round(Math.max(0, Math.min(value, lastStart(side, window, stride))));
    return [clamp(row, height), clamp(column, width)];
  };
  const snapped = (row: number, column: number): Corner | null => {
    const sweep = of.sweep();
    const found = sweep ? nearestPlace(sweep, row, column) : -1;
    return found >= 0 ? cornerOf(sweep!, found) : null;
  };
  const walk = ([down, across]: [number, number], how: "stride" | "window" | "pixel") => {
    const here = of.picture();
    if (!here) return;
    const [window, stride] = [model.get("window"), model.get("stride")];
    const far = how === "window" ? Math.max(1, Math.round(window / stride)) : 1;
    const [row, column] = place() ?? within(here, (here.height - window) / 2, (here.width - window) / 2);
    if (!of.live()) walkSaved(row, column, [down, across], far);
    else if (how === "pixel") putAt(row + down, column + across, true);
    else putAt(onGrid(row, down * far, stride), onGrid(column, across * far, stride), true);
  };
  const walkSaved = (row: number, column: number, step: [number, number], far: number) => {
    const sweep = of.sweep();
    const from = sweep ? nearestPlace(sweep, row, column) : -1;
    if (from >= 0) putAt(...cornerOf(sweep!, place() ? walkedPlace(sweep!, from, step, far) : from), false);
  };
  const lift = () => {
    if (!place()) return false;
    holding = false;
    of.live() ? of.set({ place: [], held: false }) : assign(model, { place: [] });
    return true;
  };
  const resize = (window: number, held: boolean) => {
    const here = of.picture();
    if (!here) return;
    const next = Math.max(1, Math.min(window, here.height, here.width));
    if (!of.live()) { of.set({ window: next }); return snap(); }
    const [at, shift] = [place(), (model.get("window") - next) / 2];
    const clamp = (value: number, side: number) => Math.round(Math.max(0, Math.min(value + shift, side - next)));
    holding = held;
    of.set({ window: next, held, ...(at ? { place: [clamp(at[0], here.height), clamp(at[1], here.width)] } : {}) });
  };
  const snap = () => { const at = place(); if (at && !of.live()) putAt(...at, false); };
  onEnd(signal, () => hold(false));
  return { place, held: () => holding, hold, putAt, walk, lift, resize, snap };
}

/** Where the last place of a row or column begins: as many places as are needed to reach the edge. */
function lastStart(side: number, window: number, stride: number): number {
  return Math.max(0, Math.ceil((side - window) / stride) * stride);
}

/** The place of the grid `by` steps away, counted from the one passed last. */
function onGrid(value: number, by: number, stride: number): number {
  return by ? ((by > 0 ? Math.floor(value / stride) : Math.ceil(value / stride)) + by) * stride : value;
}
