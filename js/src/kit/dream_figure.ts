/** The dream, the photo, or both with a line between them that can be dragged. */

import { onArrows } from "./arrows";
import { h, setAttribute } from "./dom";
import { onHold } from "./hold";

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
  const point = (x: number) => { const { width } = element.getBoundingClientRect(); if (width) divide((x / width) * 100); };
  const isSplit = () => element.dataset.look === "split";
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !isSplit()) return;
    event.preventDefault();
    line.focus({ preventScroll: true });
  });
  onHold(element, point, isSplit);
  onArrows(line, (by) => divide(share + by));
  divide(50);
  return { element, show };
}
