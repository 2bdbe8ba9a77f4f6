/** Light or dark, as the host is now, and word when that changes. */

import type { Theme } from "./colormap";
import { onEnd } from "./ending";

const WATCHED = ["class", "style", "data-jp-theme-light", "data-jp-theme-name", "data-theme", "data-vscode-theme-kind", "theme"];

export function followTheme(root: HTMLElement, changed: (theme: Theme) => void, signal: AbortSignal): void {
  let last: Theme | null = null;
  const look = () => {
    const theme = themeOf(root);
    root.dataset.cnnTheme = theme;
    if (theme !== last) changed((last = theme));
  };
  const observer = new MutationObserver(look);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true, attributeFilter: WATCHED });
  }
  observer.observe(document.head, { childList: true });
  preference()?.addEventListener("change", look, { signal });
  onEnd(signal, () => observer.disconnect());
  look();
  // The host attaches the element after render: only then is there a background to look at.
  requestAnimationFrame(() => signal.aborted || look());
}

const preference = () => globalThis.matchMedia?.("(prefers-color-scheme: dark)");

export function themeOf(root: HTMLElement): Theme {
  const declared = document.body.dataset.jpThemeLight;
  if (declared) return declared === "false" ? "dark" : "light";
  const behind = backgroundBehind(root);
  if (behind) return luminance(behind) < 0.5 ? "dark" : "light";
  return preference()?.matches ? "dark" : "light";
}

/** The first background outside the widget that can be seen, across shadow roots. */
function backgroundBehind(root: HTMLElement): number[] | null {
  for (let node = above(root); node; node = above(node)) {
    const parts = getComputedStyle(node).backgroundColor.match(/[\d.]+/g)?.map(Number);
    if (parts && parts.length >= 3 && (parts[3] ?? 1) > 0.5) return parts;
  }
  return null;
}

function above(element: Element): Element | null {
  const parent = element.parentNode;
  return parent instanceof ShadowRoot ? parent.host : parent instanceof Element ? parent : null;
}

function luminance([red, green, blue]: number[]): number {
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}
