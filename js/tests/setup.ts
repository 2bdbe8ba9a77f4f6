/** What jsdom leaves out; and no test leaves a timer behind, which would draw when the page is gone. */

import { setMaxListeners } from "node:events";
import { beforeEach, expect, onTestFinished } from "vitest";

setMaxListeners(0);

if (globalThis.document) {
  HTMLCanvasElement.prototype.getContext = (() => null) as never;
  URL.createObjectURL = () => "blob:picture";
  URL.revokeObjectURL = () => {};
  globalThis.matchMedia ??= (() => ({ matches: false, addEventListener() {} })) as never;
  performance.measure = (() => {}) as never;
  const left = timersLeft();
  beforeEach(() => {
    document.body.replaceChildren();
    // Deeds at the end of a test run from the last to the first: this one after all views have ended.
    onTestFinished(() => expect(left()).toEqual([]));
  });
}

function timersLeft(): () => string[] {
  const { setTimeout: begin, clearTimeout: end } = globalThis;
  const left = new Map<unknown, string>();
  globalThis.setTimeout = ((react: (...values: unknown[]) => void, delay?: number, ...values: unknown[]) => {
    const timer = begin(() => { left.delete(timer); react(...values); }, delay);
    const begun = new Error(`a timer of ${delay} ms`).stack!;
    const caller = begun.split("\n")[2] ?? "";
    // A download outlives its view: the browser may still be reading it.
    if (caller.includes("/js/src/") && !caller.includes("at download ")) left.set(timer, begun);
    return timer;
  }) as never;
  globalThis.clearTimeout = ((timer: ReturnType<typeof begin>) => { left.delete(timer); end(timer); }) as never;
  return () => [...left.values()];
}
