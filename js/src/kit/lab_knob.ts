/** A slider with its value, and a bracket under the track where a range is usual. */

import type { LabRecipe } from "../traits";
import { h, setAttribute, setText } from "./dom";
import { valueOf, type Knob } from "./lab_recipe";

export interface KnobSlider {
  element: HTMLElement;
  show(recipe: LabRecipe, ranges: Record<string, [number, number]>, off: boolean): void;
}

export function knobSlider(knob: Knob, slide: (value: number) => void): KnobSlider {
  const bracket = h("i", { class: "fl-bracket", hidden: true });
  const output = h("span", { class: "cnn-num fl-value" });
  const input = h("input", { class: "cnn-range", type: "range", min: knob.low, max: knob.high, step: knob.step, "aria-label": knob.label, title: knob.about, oninput: () => slide(knob.value(Number(input.value))) });
  const element = h("div", { class: "fl-knob" }, h("span", { "aria-hidden": "true", class: "cnn-clip", title: knob.about }, knob.label), h("span", { class: "fl-track" }, bracket, input), output);
  const share = (place: number) => Math.max(0, Math.min(1, (place - knob.low) / (knob.high - knob.low)));

  const show = (recipe: LabRecipe, ranges: Record<string, [number, number]>, off: boolean) => {
    const value = valueOf(recipe, knob.name);
    const usual = knob.range ? ranges[knob.range] : undefined;
    const idle = knob.name === "ratio" && recipe.octaves < 2;
    const text = knob.text(value, recipe);
    if (Number(input.value) !== knob.place(value) && knob.value(Number(input.value)) !== value) input.value = String(knob.place(value));
    input.style.setProperty("--fill", `${share(knob.place(value)) * 100}%`);
    setText(output, text);
    setAttribute(input, "aria-valuetext", text + (usual && !idle ? `, ${value < usual[0] || value > usual[1] ? "outside" : "inside"} the usual ${usual[0]} to ${usual[1]}` : ""));
    input.disabled = off || idle;
    element.dataset.off = String(input.disabled);
    bracket.hidden = !usual;
    if (usual) [bracket.style.left, bracket.style.right] = [edge(share(knob.place(usual[0]))), edge(1 - share(knob.place(usual[1])))];
  };
  return { element, show };
}

/** Where the thumb's middle is. */
const edge = (share: number) => `calc(6px + (100% - 12px) * ${share.toFixed(4)})`;
