/** Round ticks at their true place on an axis. */

import { h } from "./dom";
import { MINUS } from "./numbers";

export interface Tick {
  /** Place along the axis, 0 to 1. */
  at: number;
  text: string;
}

/** Around `want` round values between `low` and `high`, never fewer than two: one number alone is no scale. */
export function ticks(low: number, high: number, want = 4): Tick[] {
  if (!(high > low) || !Number.isFinite(high - low)) return [];
  for (let more = want; ; more++) {
    const found = stepped(low, high, roundStep((high - low) / more));
    if (found.length > 1 || more > 10) return found;
  }
}

function stepped(low: number, high: number, step: number): Tick[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-6);
  const out: Tick[] = [];
  for (let k = first; k <= last; k++) out.push({ at: clamp((k * step - low) / (high - low)), text: label(k, step) });
  return out;
}

const clamp = (share: number) => Math.min(1, Math.max(0, share));

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const first = raw / power;
  return power * (first < 1.5 ? 1 : first < 3 ? 2 : first < 7 ? 5 : 10);
}

function label(k: number, step: number): string {
  if (k === 0) return "0";
  const size = Math.abs(k * step);
  if (size >= 1e5 || step < 1e-4) return (k < 0 ? MINUS : "") + size.toExponential(0).replace("e+", "e").replace("e-", `e${MINUS}`);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return (k < 0 ? MINUS : "") + size.toFixed(decimals);
}

/** Ticks with their text; only those at the two ends are pulled inwards. */
export function tickLine(list: Tick[]): HTMLElement {
  const line = h("div", { class: "cnn-ticks", "aria-hidden": "true" });
  for (const { at, text } of list) {
    const tick = h("span", { "data-end": at < 0.04 ? "lo" : at > 0.96 ? "hi" : null }, text);
    tick.style.left = `${at * 100}%`;
    line.append(tick);
  }
  return line;
}
