/** The dream, the photo, or both with a line between them that can be dragged. */

import { claim } from "./controls";
import { h, setAttribute } from "./dom";

export type DreamLook = "dream" | "split" | "photo";

export interface DreamFigureView {
  dream: string;
  photo: string;
  height: number;
  width: number;
  look: DreamLook;
  /** What the dream shows, for who cannot see it. */
  told: string;
  name: string;
}

export interface DreamFigure {
  element: HTMLElement;
  show(view: DreamFigureView): void;
}

export function dreamFigure(): DreamFigure {
  const [dream, photo] = [h("img", { alt: "", draggable: "false" }), h("img", { alt: "", draggable: "false", class: "dc-photo" })];
  const line = h("div", { class: "dc-line", role: "slider", tabindex: 0, "aria-label": "How much of the photo", "aria-valuemin": 0, "aria-valuemax": 100, hidden: true });
  const picture = h("div", { class: "dc-picture", role: "img" }, dream, photo);
  const element = h("div", { class: "dc-figure" }, picture, line);
  let share = 50;

  const divide = (next: number) => {
    share = Math.max(0, Math.min(100, next));
    element.style.setProperty("--share", `${share}%`);
    setAttribute(line, "aria-valuenow", Math.round(share));
    setAttribute(line, "aria-valuetext", `${Math.round(share)} % photo at the left`);
  };
  const show = ({ dream: shown, photo: original, height, width, look, told, name }: DreamFigureView) => {
    element.style.setProperty("--shape", String(width / height));
    element.dataset.look = look;
    if (dream.getAttribute("src") !== shown) dream.src = shown;
    if (photo.getAttribute("src") !== original) photo.src = original;
    line.hidden = look !== "split";
    setAttribute(picture, "aria-label", { dream: told, photo: `The photo: ${name}`, split: `${told}; at the left the photo` }[look]);
  };
  const point = (event: PointerEvent) => { const box = element.getBoundingClientRect(); if (box.width) divide(((event.clientX - box.left) / box.width) * 100); };
  let held = false;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || element.dataset.look !== "split") return;
    event.preventDefault();
    held = true;
    element.setPointerCapture?.(event.pointerId);
    line.focus({ preventScroll: true });
    point(event);
  });
  element.addEventListener("pointermove", (event) => { if (held) point(event); });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) element.addEventListener(end, () => (held = false));
  line.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 2, ArrowUp: 2, ArrowLeft: -2, ArrowDown: -2, PageUp: 10, PageDown: -10, Home: -100, End: 100 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    divide(share + by * (event.shiftKey ? 5 : 1));
  });
  divide(50);
  return { element, show };
}
