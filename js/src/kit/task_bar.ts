/** State dot, one sentence, actions at the right; progress on the upper edge. */

import { button } from "./controls";
import { fill, h, setAttribute, setText } from "./dom";
import type { Action } from "./message";

export interface TaskBar {
  element: HTMLElement;
  show(text: string, actions: Action[], progress: number | null): void;
}

/** Progress is null when nothing runs, below 0 when its end is unknown, else 0 to 1. */
export function taskBar(): TaskBar {
  const bar = h("i");
  const progress = h("div", { class: "cnn-progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, bar);
  const text = h("span", { class: "cnn-task-text", role: "status" });
  const actions = h("span", { class: "cnn-task-actions" });
  let named = "";
  const show = (sentence: string, list: Action[], share: number | null) => {
    setText(text, sentence);
    progress.hidden = share === null;
    setAttribute(progress, "aria-label", sentence || "Computing");
    setAttribute(progress, "aria-valuenow", share !== null && share >= 0 ? Math.round(share * 100) : null);
    bar.style.width = `${Math.max(0, share ?? 0) * 100}%`;
    const names = list.map((action) => action.label).join("|");
    if (names !== named) fill(actions, ...list.map(({ label, press }) => button(label, press, { kind: "plain" })));
    named = names;
  };
  const element = h("div", { class: "cnn-task" }, progress, h("span", { class: "cnn-state", "aria-hidden": "true" }), text, actions);
  return { element, show };
}
