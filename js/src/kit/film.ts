/** A film: pictures at steps, in order. One of them is shown; it is found, walked to, or reached by playing. */

import { onEnd } from "./ending";
import { uint8, type Bytes } from "./ndarray";

/** Of steps in order the last that is no later than one, or the first. */
export function nearest(steps: number[], step: number): number {
  return steps[Math.max(0, steps.findLastIndex((each) => each <= step))] ?? 0;
}

/** The step of the frame so many places further along. */
export function moved(steps: number[], step: number, by: number): number {
  const at = Math.max(0, steps.findLastIndex((each) => each <= step));
  return steps[Math.max(0, Math.min(steps.length - 1, at + by))] ?? 0;
}

const KINDS: Record<number, string> = { 0x89: "image/png", 0x52: "image/webp" };

/** What kind of file a frame is, by its first byte. */
export const mimeOf = (bytes: Uint8Array) => KINDS[bytes[0]] ?? "image/jpeg";

/** An address for an <img>; whoever asks gives it back. */
export function addressOf(data: Bytes): string {
  const bytes = uint8(data);
  return URL.createObjectURL(new Blob([bytes as BlobPart], { type: mimeOf(bytes) }));
}

export interface Player {
  /** From a step on, from the first one where that is the last; stops where it plays. */
  toggle(from: number): void;
  /** Whether it was playing. */
  stop(): boolean;
  /** The step that is shown while it plays, else −1. */
  at(): number;
}

export interface PlayerOptions {
  /** The steps of which there are frames, in order; more may come while it plays. */
  steps: () => number[];
  /** Milliseconds a frame. */
  pace: () => number;
  /** Another frame is to be drawn. */
  changed: () => void;
  /** It has come to its end, or was stopped, at a step. */
  ended: (step: number) => void;
}

/** Without motion it goes to the last frame at once. */
export function player({ steps, pace, changed, ended }: PlayerOptions, signal: AbortSignal): Player {
  let place = -1;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const last = () => steps().at(-1) ?? 0;
  const stop = () => {
    clearTimeout(timer);
    if (place < 0) return false;
    const at = place;
    place = -1;
    ended(at);
    changed();
    return true;
  };
  const next = () => {
    if (place >= last()) return void stop();
    place = moved(steps(), place, 1);
    changed();
    timer = setTimeout(next, pace());
  };
  const toggle = (from: number) => {
    if (stop() || steps().length < 2) return;
    if (globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches) return ended(last());
    place = from >= last() ? steps()[0] : from;
    timer = setTimeout(next, pace());
    changed();
  };
  onEnd(signal, () => clearTimeout(timer));
  return { toggle, stop, at: () => place };
}
