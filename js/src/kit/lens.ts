/**
 * One window into the picture and one pointer for any number of figures: variables on the root, so that moving either
 * redraws nothing. A point is a share of the picture's height and width.
 */

import { claim } from "./controls";
import { within } from "./numbers";

export interface Point {
  y: number;
  x: number;
}

export interface Lens {
  zoom(): number;
  point(): Point | null;
  /** Show another window; what is pointed at, or else the middle, stays where it is. */
  magnify(zoom: number): void;
  pointAt(point: Point | null): void;
  /** Move the window by shares of itself. */
  pan(down: number, right: number): void;
  /** Let a figure point and drag. */
  attach(figure: HTMLElement): void;
}

const INSIDE = 0.9999;
const DRAGGED = 4;

export function lens(root: HTMLElement, pointed: (point: Point | null) => void): Lens {
  let zoom = 1;
  let corner: Point = { y: 0, x: 0 };
  let at: Point | null = null;

  const place = () => {
    const room = 1 - 1 / zoom;
    corner = { y: within(corner.y, room), x: within(corner.x, room) };
    set({ "--z": zoom, "--oy": corner.y, "--ox": corner.x });
    root.toggleAttribute("data-zoomed", zoom > 1);
  };
  const set = (values: Record<string, number>) => Object.entries(values).forEach(([name, value]) => root.style.setProperty(name, String(value)));
  const pointAt = (point: Point | null) => {
    at = point;
    root.toggleAttribute("data-cross", point !== null);
    if (point) set({ "--hy": point.y, "--hx": point.x });
    pointed(point);
  };
  const magnify = (next: number) => {
    const fixed = at ?? { y: corner.y + 0.5 / zoom, x: corner.x + 0.5 / zoom };
    const keep = (axis: "y" | "x") => fixed[axis] - ((fixed[axis] - corner[axis]) * zoom) / next;
    corner = { y: keep("y"), x: keep("x") };
    zoom = next;
    place();
  };
  const pan = (down: number, right: number) => {
    corner = { y: corner.y + down / zoom, x: corner.x + right / zoom };
    place();
  };
  /** Keep a point that the keyboard moves in sight. */
  const follow = (point: Point) => {
    const into = (axis: "y" | "x") => Math.min(point[axis], Math.max(corner[axis], point[axis] - 1 / zoom + 0.001));
    corner = { y: into("y"), x: into("x") };
    place();
  };

  const attach = (figure: HTMLElement) => {
    let drag: { y: number; x: number; corner: Point; id: number } | null = null;
    figure.addEventListener("pointerdown", (event) => {
      drag = zoom > 1 && event.button === 0 ? { y: event.clientY, x: event.clientX, corner, id: event.pointerId } : null;
      delete figure.dataset.moved;
    });
    figure.addEventListener("pointermove", (event) => {
      const area = figure.getBoundingClientRect();
      if (drag) dragTo(figure, event, drag, area);
      const y = corner.y + (event.clientY - area.top) / area.height / zoom;
      const x = corner.x + (event.clientX - area.left) / area.width / zoom;
      pointAt({ y: within(y, INSIDE), x: within(x, INSIDE) });
    });
    const end = () => (drag = null);
    figure.addEventListener("pointerup", end);
    figure.addEventListener("pointercancel", end);
    figure.addEventListener("pointerleave", () => { if (!drag) pointAt(null); });
    // A drag is no choice.
    figure.addEventListener("click", (event) => { if (figure.dataset.moved) event.stopPropagation(); delete figure.dataset.moved; });
  };
  const dragTo = (figure: HTMLElement, event: PointerEvent, drag: { y: number; x: number; corner: Point; id: number }, area: DOMRect) => {
    const [down, right] = [event.clientY - drag.y, event.clientX - drag.x];
    if (!figure.dataset.moved && Math.hypot(down, right) < DRAGGED) return;
    if (!figure.dataset.moved) figure.setPointerCapture?.(drag.id);
    figure.dataset.moved = "true";
    corner = { y: drag.corner.y - down / area.height / zoom, x: drag.corner.x - right / area.width / zoom };
    place();
  };

  place();
  return { zoom: () => zoom, point: () => at, magnify, pointAt: (point) => { pointAt(point); if (point) follow(point); }, pan, attach };
}

/** The cell of a field that a point lies in. */
export function cellOf({ y, x }: Point, { height, width }: { height: number; width: number }): { row: number; column: number } {
  return { row: Math.min(height - 1, Math.floor(y * height)), column: Math.min(width - 1, Math.floor(x * width)) };
}

/** Arrows move the pointer over a focused figure by the cells of what it shows; Shift takes ten at a time. */
export function walkable(figure: HTMLElement, view: Lens, size: () => { height: number; width: number } | null): void {
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const grid = size();
    if (!step || !grid || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    const { row, column } = cellOf(view.point() ?? { y: 0.5, x: 0.5 }, grid);
    const many = event.shiftKey ? 10 : 1;
    const next = (value: number, by: number, count: number) => (within(value + by * many, count - 1) + 0.5) / count;
    view.pointAt({ y: next(row, step[0], grid.height), x: next(column, step[1], grid.width) });
  });
  figure.addEventListener("blur", () => view.pointAt(null));
}
