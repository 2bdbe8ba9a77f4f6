/** Sizes that change. */

import { onEnd } from "./ending";

/** Word of a new size, at most once a frame and never for the first look. */
export function onResize(element: HTMLElement, changed: () => void, signal: AbortSignal): void {
  if (!globalThis.ResizeObserver) return;
  let [width, height] = [-1, -1];
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (Math.round(contentRect.width) === width && Math.round(contentRect.height) === height) return;
    [width, height] = [Math.round(contentRect.width), Math.round(contentRect.height)];
    requestAnimationFrame(() => signal.aborted || changed());
  });
  observer.observe(element);
  onEnd(signal, () => observer.disconnect());
}
