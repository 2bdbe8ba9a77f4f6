/** Arrows, Page, Home and End along a line; Shift goes ten times as far. */

import { claim } from "./controls";

const ENDS = 1e9;

/** Down is on in a row of things, and less on a slider. */
export function onArrows(element: HTMLElement, move: (by: number) => void, down: 1 | -1 = -1): void {
  const far: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: down, ArrowUp: -down, PageDown: 10 * down, PageUp: -10 * down, Home: -ENDS, End: ENDS };
  element.addEventListener("keydown", (event) => {
    const by = far[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    move(by * (event.shiftKey ? 10 : 1));
  });
}
