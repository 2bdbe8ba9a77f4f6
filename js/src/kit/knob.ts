/** A value on a range: its name, a slider, the value; a bracket under the track where a range is usual. */

import { claim } from "./controls";
import { h, setAttribute, setText } from "./dom";

export interface KnobOptions {
  label: string;
  /** What stands for the label on the page, if not its text. */
  head?: HTMLElement;
  /** What it does, for who rests on it. */
  about?: string;
  /** The ends of the slider and its step, in places; a value beyond the ends widens it. */
  low: number;
  high: number;
  step: number;
  /** A slider's place as a value, and back; without, they are the same. */
  value?: (place: number) => number;
  place?: (value: number) => number;
  text: (value: number) => string;
  /** What a screen reader says instead. */
  spoken?: (value: number) => string;
  slide: (value: number) => void;
  /** What the key 0 sets. */
  zero?: number;
}

export interface Knob {
  element: HTMLElement;
  input: HTMLInputElement;
  /** `usual` is the range that has a bracket. */
  show(value: number, able?: boolean, usual?: [low: number, high: number]): void;
}

const same = (value: number) => value;

export function knob({ label, head, about, low, high, step, value: valueAt = same, place: placeOf = same, text, spoken = text, slide, zero }: KnobOptions): Knob {
  const bracket = h("i", { class: "cnn-bracket", hidden: true });
  const output = h("span", { class: "cnn-num", "aria-hidden": "true" });
  const input = h("input", { class: "cnn-range", type: "range", min: low, max: high, step, "aria-label": label, title: about, oninput: () => slide(valueAt(Number(input.value))) });
  const element = h("div", { class: "cnn-knob" }, head ?? h("span", { "aria-hidden": "true", class: "cnn-clip", title: about }, label), h("span", { class: "cnn-track" }, bracket, input), output);

  const show: Knob["show"] = (value, able = true, usual) => {
    const place = placeOf(value);
    const [from, to] = [Math.min(low, place), Math.max(high, place)];
    const share = (at: number) => Math.max(0, Math.min(1, (at - from) / (to - from || 1)));
    setAttribute(input, "min", from);
    setAttribute(input, "max", to);
    if (valueAt(Number(input.value)) !== value) input.value = String(place);
    input.style.setProperty("--fill", `${share(place) * 100}%`);
    setText(output, text(value));
    const side = usual && able ? `, ${value < usual[0] || value > usual[1] ? "outside" : "inside"} the usual ${usual[0]} to ${usual[1]}` : "";
    setAttribute(input, "aria-valuetext", spoken(value) + side);
    setAttribute(element, "data-off", (input.disabled = !able));
    bracket.hidden = !usual;
    if (usual) [bracket.style.left, bracket.style.right] = [edge(share(placeOf(usual[0]))), edge(1 - share(placeOf(usual[1])))];
  };
  input.addEventListener("keydown", (event) => {
    if (zero === undefined || event.key !== "0" || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    slide(zero);
  });
  return { element, input, show };
}

/** Where the thumb's middle is. */
const edge = (share: number) => `calc(6px + (100% - 12px) * ${share.toFixed(4)})`;
