/** Which class's map is shown, and what it is compared with: another class, another fill, or nothing. */

import type { OcclusionSliderTraits } from "../traits";
import { classSearch } from "./class_search";
import { disableParts, field, segmented, select, type Option } from "./controls";
import type { Comparison, CoverQuestion } from "./cover_question";
import { h } from "./dom";
import { fillTitle, FILLS } from "./fill_picture";
import { assign, type Model } from "./model";
import { strongest } from "./pictures";

export interface ComparisonPart {
  element: HTMLElement;
  show(): void;
  explain(target: number): void;
  /** Whether there was something to swap. */
  swap(): boolean;
}

/** Classes offered beside those that a map keeps. */
const LIKELY = 6;

export function comparisonPart(model: Model<OcclusionSliderTraits>, of: CoverQuestion): ComparisonPart {
  const explain = (target: number) => {
    if (of.able(target)) of.setClass(target, { target, ...(target === model.get("compare") ? { compare: model.get("target") } : {}) });
  };
  const against = (next: Comparison) => {
    if (next === "none") assign(model, { compare: -1, compare_fill: "" });
    else if (next === "class") againstClass(classes()[0]?.[0]);
    else againstFill(fills()[0]?.[0]);
    show();
  };
  const againstClass = (value?: string) => value && of.setClass(Number(value), { compare: Number(value), compare_fill: "" });
  const againstFill = (value?: string) => {
    const values = { compare_fill: value ?? "", compare: -1 };
    if (value && of.live()) of.set(values);
    else if (value && of.hasFill(value)) assign(model, values);
  };
  const classes = (): Option[] => {
    const likely = [...strongest(of.scores(), LIKELY), ...(of.sweep()?.classes ?? []), model.get("compare")];
    const found = likely.filter((target, k) => target >= 0 && target !== model.get("target") && likely.indexOf(target) === k && of.able(target));
    return found.map((target): Option => [String(target), of.nameOf(target)]);
  };
  const fills = (): Option[] => {
    const all = [...FILLS.map(([name]) => name), model.get("compare_fill")].filter((name, k, list) => name && name !== model.get("fill") && list.indexOf(name) === k);
    return all.filter((name) => of.live() || of.hasFill(name)).map((name): Option => [name, fillTitle(name)]);
  };
  const swap = () => {
    if (of.comparison() === "none") return false;
    if (of.comparison() === "class") assign(model, { target: model.get("compare"), compare: model.get("target") });
    else of.set({ fill: model.get("compare_fill"), ...(of.live() ? { compare_fill: model.get("fill") } : {}) });
    return true;
  };

  const search = classSearch(explain, of.able);
  const versus = segmented<Comparison>("Compare", [["none", "Off"], ["class", "Class"], ["fill", "Fill"]], "none", against);
  const other = select("Compared with", [], "", (value) => (of.comparison() === "fill" ? againstFill(value) : againstClass(value)));
  const element = h("div", { class: "cnn-comparison" }, search.element, h("div", null, field("Compare", versus.element), other.element));
  const show = () => {
    const chosen = of.comparison();
    versus.show(chosen);
    const offered = { none: true, class: classes().length > 0, fill: fills().length > 0 };
    disableParts(versus.element, (value) => !offered[value as Comparison]);
    other.element.hidden = chosen === "none";
    if (chosen === "class") other.show(String(model.get("compare")), classes());
    if (chosen === "fill") other.show(model.get("compare_fill"), fills());
    search.show({ labels: model.get("labels"), count: of.scores().length, all: of.live() });
  };
  return { element, show, explain, swap };
}
