/** Waiting that shows only when it lasts. */

import { onEnd } from "./ending";

const QUIET_TIME = 150;

/**
 * Returns `late(key)`: true once the same wait (a text that is not empty) has gone on for a while.
 * `changed` is called at that moment.
 */
export function patience(changed: () => void, signal: AbortSignal, quietTime = QUIET_TIME): (key: string) => boolean {
  let waiting = "";
  let passed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  onEnd(signal, () => clearTimeout(timer));
  return (key) => {
    if (key === waiting) return passed;
    clearTimeout(timer);
    [waiting, passed] = [key, false];
    if (key) timer = setTimeout(() => { passed = true; changed(); }, quietTime);
    return false;
  };
}
