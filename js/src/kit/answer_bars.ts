/** Classes as bars before and after: gray is what is left, hatched what was lost, solid what was gained, a tick the value before. */

import { claim, isDisabled } from "./controls";
import { fill, h, holdsFocus, setAttribute, setText } from "./dom";
import { percent, points, within } from "./numbers";

export interface Bar {
  target: number;
  name: string;
  before: number;
  /** NaN where it is not known; null where nothing is covered. */
  now: number | null;
  /** A letter where two classes are told apart. */
  letter: string;
  able: boolean;
}

export interface AnswerBars {
  element: HTMLElement;
  show(bars: Bar[], chosen: number): void;
}

interface Row {
  element: HTMLElement;
  name: HTMLElement;
  letter: HTMLElement;
  share: HTMLElement;
  change: HTMLElement;
  left: HTMLElement;
  lost: HTMLElement;
  gained: HTMLElement;
  tick: HTMLElement;
}

/** `choose` gets the class whose map is to be shown. */
export function answerBars(choose: (target: number) => void): AnswerBars {
  const element = h("div", { class: "cnn-answers", role: "radiogroup", "aria-label": "Class whose map is shown" });
  const rows = new Map<number, Row>();
  let order: number[] = [];
  let able: number[] = [];
  let now = -1;

  const show = (bars: Bar[], chosen: number) => {
    const next = bars.map((bar) => bar.target);
    [now, able] = [chosen, bars.filter((bar) => bar.able).map((bar) => bar.target)];
    for (const bar of bars) if (!rows.has(bar.target)) rows.set(bar.target, barRow(() => pick(bar.target)));
    for (const target of rows.keys()) if (!next.includes(target)) rows.delete(target);
    if (next.join() !== order.join()) arrange(next);
    const stop = next.includes(chosen) ? chosen : next[0];
    bars.forEach((bar) => draw(rows.get(bar.target)!, bar, bar.target === chosen, bar.target === stop));
  };
  const arrange = (next: number[]) => {
    const at = holdsFocus(element) ? order.find((target) => rows.has(target) && holdsFocus(rows.get(target)!.element)) : undefined;
    order = next;
    const had = holdsFocus(element);
    fill(element, ...next.map((target) => rows.get(target)!.element));
    if (had) rows.get(at ?? next[0])?.element.focus({ preventScroll: true });
  };
  const pick = (target: number) => { if (able.includes(target)) choose(target); };
  element.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by || !able.length || isDisabled(event.target as Element)) return;
    claim(event);
    const list = order.filter((target) => able.includes(target));
    const next = list[(list.indexOf(now) + by + list.length) % list.length];
    pick(next);
    rows.get(next)?.element.focus({ preventScroll: true });
  });
  return { element, show };
}

function barRow(press: () => void): Row {
  const [name, letter, share, change] = ["cnn-clip", "cnn-letter", "cnn-num", "cnn-num cnn-answer-change"].map((names) => h("span", { class: names }));
  const [left, lost, gained, tick] = ["cnn-answer-left", "cnn-answer-lost", "cnn-answer-gained", "cnn-answer-tick"].map((names) => h("i", { class: names }));
  const bar = h("span", { class: "cnn-barline", "aria-hidden": "true" }, left, lost, gained, tick);
  const element = h("button", { type: "button", role: "radio", class: "cnn-answer", onclick: press }, h("span", { class: "cnn-answer-dot", "aria-hidden": "true" }), letter, name, share, change, bar);
  return { element, name, letter, share, change, left, lost, gained, tick };
}

function draw(row: Row, { name, before, now: given, letter, able }: Bar, chosen: boolean, stop: boolean): void {
  const now = given ?? before;
  const known = now === now;
  const change = known && given !== null ? points(100 * (now - before)) : "";
  setText(row.name, name);
  row.name.title = name;
  setText(row.letter, letter);
  row.letter.hidden = !letter;
  setText(row.share, known ? percent(now || 1e-9) : "not kept");
  setText(row.change, change);
  extend(row.left, 0, known ? Math.min(now, before) : 0);
  extend(row.lost, known ? now : 0, known ? Math.max(now, before) : 0);
  extend(row.gained, before, known ? Math.max(now, before) : before);
  row.tick.style.left = width(before);
  setAttribute(row.element, "aria-checked", chosen);
  setAttribute(row.element, "aria-disabled", able ? null : "true");
  setAttribute(row.element, "aria-label", `${letter ? `${letter}: ` : ""}${name}, ${known ? percent(now || 1e-9) : "not kept here"}${change ? `, ${change} points` : ""}`);
  row.element.tabIndex = stop ? 0 : -1;
}

const width = (share: number) => `${within(share || 0, 1) * 100}%`;

function extend(part: HTMLElement, from: number, to: number): void {
  part.style.left = width(from);
  part.style.width = width(to - from);
}
