/** The still picture that stays in a saved notebook is an output of its own, just above the widget's: a live widget hides it. */

import { onEnd } from "./ending";

const MARK = "cnnvis_widgets poster";
const HEAD = 200;

/** Hide the poster above `el`, which may not be in the page yet, nor may the poster; one that is taken again, again. */
export function hidePoster(el: HTMLElement, signal: AbortSignal): void {
  const observer = new MutationObserver(() => hide(el));
  const look = () => {
    hide(el);
    const area = el.closest(".jp-OutputArea");
    if (area) observer.observe(area, { childList: true });
  };
  const timers = [0, 200, 1000, 3000].map((delay) => setTimeout(look, delay));
  onEnd(signal, () => { timers.forEach(clearTimeout); observer.disconnect(); });
}

function hide(el: HTMLElement): void {
  const above = el.closest(".jp-OutputArea-child")?.previousElementSibling;
  const image = above?.querySelector("img");
  if (above && image && isPoster(image.src)) (above as HTMLElement).style.display = "none";
}

/** Whether this is the address of a PNG file whose first bytes hold the mark. */
export function isPoster(address: string): boolean {
  const prefix = "data:image/png;base64,";
  if (!address.startsWith(prefix)) return false;
  const start = address.slice(prefix.length, prefix.length + HEAD);
  return atob(start.slice(0, start.length - (start.length % 4))).includes(MARK);
}
