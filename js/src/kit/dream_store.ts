/** The frames of a dream as addresses of pictures: those that came one by one, and the film that came as a whole. */

import type { DreamFilm, DreamPlan, LiveFrame } from "../traits";
import { addressOf, nearest } from "./film";
import { filled } from "./model";
import { uint8, type Bytes } from "./ndarray";

export interface DreamStore {
  /** Take in what has come; whether anything changed. */
  take(plan: DreamPlan | null, live: unknown, film: unknown): boolean;
  /** The steps of which there is a frame, in order. */
  steps(): number[];
  /** The last frame that is no later than a step, or the first one. */
  at(step: number): { step: number; url: string } | null;
  /** The bytes of the frame at a step. */
  bytes(step: number): Uint8Array | null;
}

interface Kept {
  url: string;
  data: Bytes;
}

export function dreamStore(signal: AbortSignal): DreamStore {
  const frames = new Map<number, Kept>();
  let order: number[] = [];
  let reel = -1;
  let [seen, told]: [unknown, unknown] = [null, null];
  let planned: DreamPlan | null = null;
  signal.addEventListener("abort", () => drop(() => true), { once: true });

  const drop = (goes: (step: number) => boolean) => {
    for (const [step, { url }] of [...frames]) if (goes(step)) { URL.revokeObjectURL(url); frames.delete(step); }
  };
  const put = (step: number, data: Bytes) => {
    const before = frames.get(step);
    if (before?.data === data) return;
    if (before) URL.revokeObjectURL(before.url);
    frames.set(step, { url: addressOf(data), data });
  };
  const take = (plan: DreamPlan | null, live: unknown, film: unknown) => {
    if (plan === planned && live === seen && film === told) return false;
    const [one, all] = [filled<LiveFrame>(live as LiveFrame), filled<DreamFilm>(film as DreamFilm)];
    if (!plan || plan.reel !== reel) { drop(() => true); reel = plan?.reel ?? -1; told = null; }
    if (plan && plan !== planned) { const kept = new Set(plan.kept); drop((step) => !kept.has(step)); }
    if (all && all.reel === reel && film !== told) for (const { step, data } of all.frames) put(step, data);
    if (one && one.reel === reel) put(one.step, one.data);
    [planned, seen, told] = [plan, live, film];
    order = [...frames.keys()].sort((a, b) => a - b);
    return true;
  };
  const at = (step: number) => {
    if (!order.length) return null;
    const found = nearest(order, step);
    return { step: found, url: frames.get(found)!.url };
  };
  return { take, steps: () => order, at, bytes: (step) => (frames.has(step) ? uint8(frames.get(step)!.data) : null) };
}
