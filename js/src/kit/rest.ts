/** Rest of what nobody sees: every canvas is a layer of its own, which a browser without a GPU composes again with each frame. */

import { onEnd } from "./ending";

/** So far before it comes into view a widget is awake: a part of the screen. What is scrolled to is painted. */
const NEAR = "25%";

/** Mark `root` while it is out of sight of the panel that scrolls it; what rests then is for the style to say. */
export function restOutOfSight(root: HTMLElement, signal: AbortSignal): void {
  if (!globalThis.IntersectionObserver) return;
  let observer: IntersectionObserver | undefined;
  onEnd(signal, () => observer?.disconnect());
  // The host attaches the element after render: only then is it known what scrolls it.
  requestAnimationFrame(() => {
    const scroller = signal.aborted ? null : scrollerOf(root);
    if (!scroller) return;
    const look = (seen: IntersectionObserverEntry[]) => root.toggleAttribute("data-away", !seen.at(-1)!.isIntersecting);
    observer = new IntersectionObserver(look, { root: scroller, rootMargin: NEAR });
    observer.observe(root);
  });
}

/** The panel that scrolls the element; null if that is the page, of which a picture may be taken beyond what is in sight. */
function scrollerOf(element: HTMLElement): HTMLElement | null {
  const scrolls = (node: HTMLElement) => node.scrollHeight > node.clientHeight && /auto|scroll/.test(getComputedStyle(node).overflowY);
  for (let node = element.parentElement; node && node !== document.body; node = node.parentElement) if (scrolls(node)) return node;
  return null;
}
