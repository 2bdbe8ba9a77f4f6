/** Keys of a widget: they act inside it, not in its text fields, and go no further when used. */

import { claim } from "./controls";

/** Returns true if the key did something. */
export type KeyActions = Record<string, (event: KeyboardEvent) => boolean | void>;

const MOVES = /^(Arrow|Page|Home|End)/;

export function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element?.matches) return false;
  return element.matches("input, select, textarea, [contenteditable=''], [contenteditable='true']");
}

export function onKeys(root: HTMLElement, actions: KeyActions): void {
  root.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.composedPath()[0] ?? event.target) && event.key !== "Escape") {
      if (MOVES.test(event.key)) event.stopPropagation(); // JupyterLab takes them even from a slider or a list
      return;
    }
    const act = actions[event.key];
    if (act && act(event) !== false) claim(event);
  });
}
