/** A value on a range: its name, a slider, the value. */

import { claim } from "./controls";
import { h, setAttribute } from "./dom";

export interface KnobOptions {
  label: string;
  low: number;
  high: number;
  step: number;
  text: (value: number) => string;
  /** What a screen reader says instead. */
  spoken?: (value: number) => string;
  slide: (value: number) => void;
  /** What the key 0 sets. */
  zero?: number;
}

export interface Knob {
  name: HTMLElement;
  input: HTMLInputElement;
  output: HTMLElement;
  show(value: number, able?: boolean): void;
}

/** Values beyond the range widen it. */
export function knob({ label, low, high, step, text, spoken = text, slide, zero }: KnobOptions): Knob {
  const name = h("span", { class: "cnn-label", "aria-hidden": "true" }, label);
  const output = h("span", { class: "cnn-num", "aria-hidden": "true" });
  const input = h("input", { class: "cnn-range", type: "range", min: low, max: high, step, "aria-label": label, oninput: () => { draw(Number(input.value)); slide(Number(input.value)); } });
  const draw = (value: number) => {
    const [from, to] = [Number(input.min), Number(input.max)];
    input.style.setProperty("--fill", `${to > from ? ((value - from) / (to - from)) * 100 : 0}%`);
    output.textContent = text(value);
    setAttribute(input, "aria-valuetext", spoken(value));
  };
  const show = (value: number, able = true) => {
    input.disabled = !able;
    const [from, to] = [String(Math.min(low, value)), String(Math.max(high, value))];
    if (input.min !== from) input.min = from;
    if (input.max !== to) input.max = to;
    if (Number(input.value) !== value) input.value = String(value);
    draw(value);
  };
  if (zero !== undefined) {
    input.addEventListener("keydown", (event) => {
      if (event.key !== "0" || event.ctrlKey || event.metaKey || event.altKey) return;
      claim(event);
      input.value = String(zero);
      draw(zero);
      slide(zero);
    });
  }
  return { name, input, output, show };
}
