/** Choices of which any number may be on. */

import { h, fill, holdsFocus, setAttribute } from "./dom";

export interface Toggles {
  element: HTMLElement;
  show(options: [key: string, text: string][], on: string[]): void;
}

export function toggles(label: string, turn: (key: string) => void): Toggles {
  const element = h("span", { class: "cnn-toggles", role: "group", "aria-label": label });
  let listed = "";
  const show = (options: [string, string][], on: string[]) => {
    const key = JSON.stringify(options);
    const had = holdsFocus(element);
    if (key !== listed) {
      fill(element, ...options.map(([name, text]) => h("button", { type: "button", class: "cnn-toggle", "data-key": name, onclick: () => turn(name) }, text)));
      if (had) (element.lastElementChild as HTMLElement | null)?.focus();
    }
    listed = key;
    for (const part of element.children as Iterable<Element>) setAttribute(part, "aria-pressed", on.includes((part as HTMLElement).dataset.key!));
  };
  return { element, show };
}
