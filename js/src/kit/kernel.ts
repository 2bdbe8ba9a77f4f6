/** Whether there is a Python behind the widget, and the messages that go to it. */

import type { ViewerTraits } from "../traits";
import { onEnd } from "./ending";
import { filled, listen, watch, type Model } from "./model";

export type KernelState = "live" | "silent" | "archived";

export interface Kernel {
  state(): KernelState;
  /** A trait was set that needs Python: a sign of life is due. */
  expect(): void;
  run(): void;
  cancel(): void;
  send(content: object, buffers?: ArrayBuffer[]): void;
}

const PATIENCE = 3000;
/** While it computes it tells so now and then; after so long without a word it is asked. */
const QUIET = 5000;

/** Traits that Python alone writes: a change of one is a sign of life. */
const SIGNS = ["status", "progress", "message", "notice", "layers", "pictures", "maps", "unit", "activity", "heatmaps", "answer"] as const;

export function kernelOf(model: Model<ViewerTraits & { archive: object }>, changed: () => void, signal: AbortSignal): Kernel {
  let state: KernelState = filled(model.get("archive")) ? "archived" : "live";
  let ping: ReturnType<typeof setTimeout> | undefined;
  let verdict: ReturnType<typeof setTimeout> | undefined;
  let quiet: ReturnType<typeof setTimeout> | undefined;
  const rest = () => { clearTimeout(quiet); clearTimeout(ping); clearTimeout(verdict); verdict = undefined; };
  const attend = () => { clearTimeout(quiet); if (state === "live" && model.get("status") === "busy") quiet = setTimeout(expect, QUIET); };
  const become = (next: KernelState) => { if (next !== state) { state = next; changed(); } };
  const send = (content: object, buffers?: ArrayBuffer[]) => model.send(content, undefined, buffers);
  const heard = () => { rest(); if (state === "silent") become("live"); attend(); };
  const expect = () => {
    if (state === "archived" || verdict !== undefined) return;
    ping = setTimeout(() => send({ type: "run" }), PATIENCE / 2);
    verdict = setTimeout(() => { rest(); become("silent"); }, PATIENCE);
  };
  const run = () => { if (state !== "archived") { rest(); send({ type: "run" }); expect(); } };
  watch(model as Model<any>, SIGNS, heard, signal);
  listen(model, "msg:custom", heard, signal);
  onEnd(signal, rest);
  run();
  return { state: () => state, expect, run, cancel: () => send({ type: "cancel" }), send };
}
