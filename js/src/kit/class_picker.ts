/** One class out of many: the most probable ones as a short list, any other by its name. */

import { claim, isDisabled, onCommit } from "./controls";
import { fill, h, holdsFocus, setAttribute } from "./dom";
import { percent } from "./numbers";
import { className, strongest } from "./pictures";
import { probabilityBar } from "./predictions";

export interface ClassPickerView {
  labels: string[];
  scores: Float32Array;
  chosen: number;
  available: (target: number) => boolean;
}

export interface ClassPicker {
  element: HTMLElement;
  show(view: ClassPickerView): void;
  /** The class after the chosen one in the list. */
  next(): void;
}

const LISTED = 3;
let made = 0;

export function classPicker(choose: (target: number) => void): ClassPicker {
  const list = h("div", { class: "cnn-picks", role: "radiogroup", "aria-label": "Class" });
  const names = h("datalist", { id: `cnn-classes-${++made}` });
  const search = h("input", { class: "cnn-input cnn-pick-search", type: "text", list: names.id, placeholder: "Another class", "aria-label": "Another class" });
  const element = h("div", { class: "cnn-picker" }, list, search, names);
  let now: ClassPickerView | null = null;
  let targets: number[] = [];
  let basis: unknown[] = [];

  const show = (view: ClassPickerView) => {
    now = view;
    const { labels, scores, chosen } = view;
    const top = strongest(scores, LISTED);
    const listed = chosen >= 0 && !top.includes(chosen) && scores.length ? [...top, chosen] : top;
    const next = [labels, scores.buffer, scores.byteOffset, listed.join()];
    if (next.some((value, k) => value !== basis[k])) relist(listed, view);
    basis = next;
    search.hidden = scores.length <= LISTED || !targets.length;
    for (const row of list.children as Iterable<Element>) mark(row as HTMLElement);
  };
  const relist = (listed: number[], view: ClassPickerView) => {
    const had = holdsFocus(list);
    targets = listed;
    fill(list, ...listed.map((target) => row(target, view)));
    if (names.dataset.labels !== String(view.labels.length)) fill(names, ...view.labels.map((name) => h("option", { value: name })));
    names.dataset.labels = String(view.labels.length);
    if (had) focusChosen();
  };
  const row = (target: number, { labels, scores }: ClassPickerView) => {
    const name = className(labels, target);
    return h("button", { type: "button", role: "radio", class: "cnn-pick", "data-target": target, "aria-label": `${name}, ${percent(scores[target] || 1e-9)}`, onclick: () => pick(target) },
      h("span", { class: "cnn-clip", title: name }, name), probabilityBar(scores[target]), h("span", { class: "cnn-num" }, percent(scores[target] || 1e-9)));
  };
  const mark = (part: HTMLElement) => {
    const target = Number(part.dataset.target);
    setAttribute(part, "aria-checked", target === now!.chosen);
    setAttribute(part, "aria-disabled", now!.available(target) ? null : "true");
    part.tabIndex = target === (targets.includes(now!.chosen) ? now!.chosen : targets[0]) ? 0 : -1;
  };
  const focusChosen = () => list.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
  const pick = (target: number) => { if (now?.available(target)) choose(target); };
  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    const target = now!.labels.findIndex((label) => label.toLowerCase() === wanted);
    const index = target >= 0 ? target : /^\d+$/.test(wanted) ? Number(wanted) : -1;
    const known = index >= 0 && index < now!.scores.length;
    search.setCustomValidity(wanted && !known ? "No class of that name" : "");
    if (!known || !now!.available(index)) return;
    search.value = "";
    choose(index);
  };
  const step = (by: number) => {
    const able = targets.filter((target) => now!.available(target));
    if (able.length) pick(able[(able.indexOf(now!.chosen) + by + able.length) % able.length]);
  };
  onCommit(search, find);
  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by || !now || isDisabled(event.target as Element)) return;
    claim(event);
    step(by);
    queueMicrotask(focusChosen);
  });
  return { element, show, next: () => now && step(1) };
}
