/** A film over a number of places, of a few seconds however many there are. */

import { onEnd } from "./ending";

export interface Replay {
  start(count: number): void;
  stop(): void;
  /** The place shown, or -1. */
  at(): number;
}

const LONGEST = 6000;
const PACE = 40;

/** `changed` is called at every place. */
export function replay(changed: () => void, signal: AbortSignal): Replay {
  let place = -1;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => { clearTimeout(timer); place = -1; };
  const start = (count: number) => {
    stop();
    if (count < 1) return;
    const begun = performance.now();
    const lasts = Math.min(LONGEST, count * PACE);
    const next = () => {
      place = Math.floor(((performance.now() - begun) / lasts) * count);
      if (place >= count) stop();
      else timer = setTimeout(next, PACE);
      changed();
    };
    next();
  };
  onEnd(signal, stop);
  return { start, stop, at: () => place };
}
