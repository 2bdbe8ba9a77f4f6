/** The recipe of one side: what is climbed, how it is painted, moved and penalized. */

import type { LabPreset, LabRecipe } from "../traits";
import { button, disable, select } from "./controls";
import { h, setText } from "./dom";
import { knob } from "./knob";
import { changed, CLIMB, CLIMBERS, OBJECTIVES, OCTAVES, OPAQUE, PAINTED, PENALTIES, RATES, titleOf, TRANSFORMS, valueOf, type Setting } from "./lab_recipe";

export interface RecipePanel {
  element: HTMLElement;
  show(view: { side: string; recipe: LabRecipe; presets: LabPreset[]; ranges: Record<string, [number, number]>; off: boolean }): void;
}

export function recipePanel(change: (recipe: LabRecipe) => void): RecipePanel {
  let recipe: LabRecipe;
  let presets: LabPreset[] = [];
  const row = (label: string, control: HTMLElement) => h("div", { class: "fl-pick" }, h("span", { "aria-hidden": "true" }, label), control);
  const title = h("h3", { class: "cnn-title" });
  const began = select("Preset", [], "", (key) => { const found = presets.find((each) => each.key === key); if (found) change(found.recipe); });
  const pick = (label: string, name: "objective" | "painted" | "climber", options: [string, string][]) => {
    const part = select(label, options, options[0][0], (value) => change({ ...recipe, [name]: value, ...(name === "climber" ? { rate: RATES[value] } : {}) }));
    return { element: row(label, part.element), show: (off: boolean) => { part.show(recipe[name]); part.element.disabled = off; } };
  };
  const opaque = select("Opaque", OPAQUE, OPAQUE[0][0], (value) => change({ ...recipe, alpha: value === "needed" }));
  const picks = [pick("Objective", "objective", OBJECTIVES), pick("Painted as", "painted", PAINTED), {
    element: row("Opaque", opaque.element), show: (off: boolean) => { opaque.show(OPAQUE[Number(Boolean(recipe.alpha))][0]); opaque.element.disabled = off; },
  }];
  const climber = pick("Climbed by", "climber", CLIMBERS);
  const slider = ({ name, text, ...setting }: Setting) => {
    const { element, show: turn } = knob({ ...setting, text: (value) => text(value, recipe), slide: (value) => change(changed(recipe, name, value)) });
    const show = (ranges: Record<string, [number, number]>, off: boolean) => turn(valueOf(recipe, name), !off && !(name === "ratio" && recipe.octaves < 2), ranges[setting.range ?? ""]);
    return { element, show };
  };
  const groups = [TRANSFORMS, OCTAVES, PENALTIES, CLIMB].map((settings) => settings.map(slider));
  const group = (name: string, about: string, k: number, ...before: HTMLElement[]) =>
    h("div", { class: "fl-group", role: "group", "aria-label": name }, h("div", { class: "fl-group-head" }, h("b", null, name), h("span", { class: "cnn-small cnn-clip" }, about)), ...before, ...groups[k].map((each) => each.element));
  const back = button("Back to the preset", () => { const { preset } = titleOf(recipe, presets); if (preset) change(preset.recipe); }, { kind: "plain" });
  const key = h("p", { class: "cnn-small fl-key" }, h("i", { class: "cnn-bracket", "aria-hidden": "true" }), "usual range", h("span", { class: "cnn-grow" }), back);
  const element = h("section", { class: "fl-recipe", "aria-label": "Recipe" },
    h("header", { class: "fl-head" }, title, h("span", { class: "cnn-grow" }), began.element),
    ...picks.map((each) => each.element),
    group("Transforms", "drawn anew each step", 0), group("Octaves", "from coarse to fine", 1), group("Penalties", "weight × response", 2), group("Ascent", "", 3, climber.element), key);

  const show: RecipePanel["show"] = (view) => {
    [recipe, presets] = [view.recipe, view.presets];
    setText(title, `Recipe ${view.side}`);
    const { own, preset } = titleOf(recipe, presets);
    began.show(recipe.preset, [...(preset ? [] : [[recipe.preset, "Own recipe"] as [string, string]]), ...presets.map((each) => [each.key, each.title] as [string, string])]);
    disable(back, view.off || !own || !preset);
    began.element.disabled = view.off;
    [...picks, climber].forEach((each) => each.show(view.off));
    groups.flat().forEach((each) => each.show(view.ranges, view.off));
  };
  return { element, show };
}
