/** The head of a panel: a title with what belongs to it, and one line below. */

import { spring } from "./controls";
import { h } from "./dom";

export function panelHead(title: string | HTMLElement, control: HTMLElement | null, below: HTMLElement, beside: HTMLElement | null): HTMLElement {
  const name = typeof title === "string" ? h("h3", { class: "cnn-title cnn-clip" }, title) : title;
  return h("header", { class: "cnn-panel-head" }, h("div", null, name, spring(), control), h("p", null, below, spring(), beside));
}
