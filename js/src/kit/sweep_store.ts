/** Sweeps that have come from Python or lie in the page, by what they answer. */

import type { OcclusionInfo, OcclusionSliderTraits } from "../traits";
import { Cache } from "./cache";
import { forgetReplaced } from "./map_store";
import { filled, listen, type Model } from "./model";
import { readSweep, sweepKey, type Sweep, type SweepQuestion } from "./sweep";

export interface SweepStore {
  get(question: SweepQuestion): Sweep | null;
  /** It is here as a whole, or will be without Python. */
  has(question: SweepQuestion): boolean;
  /** Every sweep of the page. */
  archived(): SweepQuestion[];
}

const MEMORY = 24e6;

/** `forgotten` is called when pictures or the network are others, so that what was shown is of something else. */
export function sweepStore(model: Model<OcclusionSliderTraits>, forgotten: () => void, signal: AbortSignal): SweepStore {
  const sweeps = new Cache<Sweep>(MEMORY);
  const entries = () => Object.values((filled(model.get("archive"))?.entries ?? {}) as Record<string, OcclusionInfo>);
  const keep = (info: OcclusionInfo) => {
    const before = sweeps.get(sweepKey(info));
    if (info.done < 1 && before?.done === 1 && before.classes.join() === info.classes.join()) return;
    sweeps.set(sweepKey(info), readSweep(info), info.probabilities.byteLength * 2 + info.boxes.byteLength);
  };
  const read = () => (model.get("maps") ?? []).forEach(keep);
  const forget = () => { sweeps.clear(); forgotten(); read(); };
  const get = (question: SweepQuestion) => {
    const found = sweeps.get(sweepKey(question));
    if (found) return found;
    const saved = entries().find((entry) => sweepKey(entry) === sweepKey(question));
    if (saved) keep(saved);
    return saved ? sweeps.get(sweepKey(question))! : null;
  };
  // Python takes all maps back when the network was trained.
  listen(model, "change:maps", () => (model.get("maps").length ? read() : forget()), signal);
  listen(model, "change:layers", forget, signal);
  listen(model, "change:pictures", forgetReplaced(model, forget), signal);
  read();
  return { get, has: (question) => get(question)?.done === 1, archived: () => [...(model.get("maps") ?? []), ...entries()] };
}
