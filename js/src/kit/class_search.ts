/** Any class by its name or number. */

import { onCommit } from "./controls";
import { fill, h } from "./dom";

export interface ClassSearchView {
  labels: string[];
  /** Number of classes, which may have no labels. */
  count: number;
  /** Every class can be had; else those that were kept. */
  all: boolean;
}

export interface ClassSearch {
  element: HTMLElement;
  show(view: ClassSearchView): void;
}

/** Fewer can be chosen elsewhere. */
const FEW = 5;
let made = 0;

export function classSearch(choose: (target: number) => void, able: (target: number) => boolean): ClassSearch {
  const names = h("datalist", { id: `cnn-search-${++made}` });
  const input = h("input", { class: "cnn-input", type: "text", list: names.id, "aria-label": "Map of another class", oninput: () => input.setCustomValidity("") });
  let now: ClassSearchView = { labels: [], count: 0, all: true };
  let listed: unknown[] = [];
  onCommit(input, () => {
    const wanted = input.value.trim().toLowerCase();
    const named = now.labels.findIndex((label) => label.toLowerCase() === wanted);
    const target = named >= 0 ? named : /^\d+$/.test(wanted) ? Number(wanted) : -1;
    const found = target >= 0 && target < now.count && able(target);
    input.setCustomValidity(wanted && !found ? "No class of that name here" : "");
    if (wanted && !found) input.reportValidity();
    if (!found) return;
    input.value = "";
    choose(target);
  });
  const show = (view: ClassSearchView) => {
    now = view;
    input.hidden = view.count <= FEW;
    input.placeholder = view.all ? "Map of another class" : "Map of another class that was kept";
    if (view.labels === listed[0] && view.all === listed[1]) return;
    listed = [view.labels, view.all];
    fill(names, ...view.labels.filter((_, target) => view.all || able(target)).map((name) => h("option", { value: name })));
  };
  return { element: h("span", { class: "cnn-search" }, input, names), show };
}
