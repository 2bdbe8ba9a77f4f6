/** The film as a strip of frames at their true place in time; dragging along it, or arrows, choose the one shown. */

import type { DreamPlan } from "../traits";
import { onArrows } from "./arrows";
import type { DreamStore } from "./dream_store";
import { whereIs } from "./dream_plan";
import { fill, h, setAttribute } from "./dom";
import { moved } from "./film";
import { onHold } from "./hold";
import { onResize } from "./resize";

export interface DreamStrip {
  element: HTMLElement;
  /** `photo` is the address of the picture it began with, whose frame comes late. */
  show(plan: DreamPlan, store: DreamStore, step: number, photo: string): void;
}

const [SIDE, GAP] = [40, 4];

/** Where the middle of a frame lies on a strip so many pixels wide: the photo at its left end, the steps behind it at even distances. */
export function placeOf(step: number, total: number, wide: number): number {
  if (step === 0) return SIDE / 2;
  const room = wide - SIDE - GAP - SIDE;
  return SIDE + GAP + SIDE / 2 + (total > 1 ? ((step - 1) / (total - 1)) * room : 0);
}

export function dreamStrip(choose: (step: number) => void, signal: AbortSignal): DreamStrip {
  const heads = h("div", { class: "dc-heads", "aria-hidden": "true" });
  const cells = h("div", { class: "dc-cells", "aria-hidden": "true" });
  const marked = h("img", { alt: "", draggable: "false" });
  const mark = h("div", { class: "dc-mark", "aria-hidden": "true" }, marked);
  const track = h("div", { class: "dc-track", role: "slider", tabindex: 0, "aria-label": "Film" }, cells, mark);
  const element = h("div", { class: "dc-strip" }, heads, track);
  let last: { plan: DreamPlan; store: DreamStore; step: number; photo: string } | null = null;
  let drawn = "";

  const width = () => track.clientWidth || 512;
  const photoEnds = SIDE + GAP;
  const stepAt = (x: number, { plan, store }: { plan: DreamPlan; store: DreamStore }) => {
    const [steps, total] = [store.steps(), plan.total];
    return steps.reduce((best, step) => (Math.abs(placeOf(step, total, width()) - x) < Math.abs(placeOf(best, total, width()) - x) ? step : best), steps[0] ?? 0);
  };

  const show: DreamStrip["show"] = (plan, store, step, photo) => {
    last = { plan, store, step, photo };
    const steps = store.steps();
    const key = `${width()}|${plan.total}|${steps.length}|${steps.at(-1)}|${store.at(0)?.url}|${plan.sections.length}|${store.at(plan.total)?.url}|${photo}`;
    if (key !== drawn) { drawn = key; drawCells(plan, store, photo); drawHeads(plan); }
    const shown = store.at(step);
    if (shown && marked.getAttribute("src") !== shown.url) marked.src = shown.url;
    mark.style.left = `${placeOf(step, plan.total, width()) - SIDE / 2}px`;
    setAttribute(track, "aria-valuemin", 0);
    setAttribute(track, "aria-valuemax", steps.at(-1) ?? 0);
    setAttribute(track, "aria-valuenow", step);
    setAttribute(track, "aria-valuetext", `step ${step}, ${whereIs(plan, step)}`);
  };

  /** As many frames as fit side by side, each the one of its place in time. */
  const drawCells = ({ total }: DreamPlan, store: DreamStore, photo: string) => {
    const room = width() - photoEnds;
    const count = Math.max(1, Math.min(total, Math.floor((room + GAP) / (SIDE + GAP))));
    const wide = Math.min((room + GAP) / count - GAP, 2 * SIDE);
    const steps = store.steps();
    const frame = (step: number, reach: number) => {
      const found = store.at(step);
      return found && step <= (steps.at(-1) ?? -1) + reach / 2 && Math.abs(found.step - step) <= reach ? found.url : "";
    };
    const cell = (src: string, left: number, size: number) => {
      const box = h("i", null, src ? h("img", { src, alt: "", draggable: "false" }) : null);
      [box.style.left, box.style.width] = [`${left}px`, `${size}px`];
      return box;
    };
    const every = count > 1 ? (total - 1) / (count - 1) : 1;
    const pitch = count > 1 ? (room - wide) / (count - 1) : 0;
    fill(cells, cell(frame(0, 0) || photo, 0, SIDE), ...Array.from({ length: count }, (_, k) => cell(frame(Math.round(1 + k * every), Math.max(1, every)), photoEnds + k * pitch, wide)));
  };
  const drawHeads = (plan: DreamPlan) => {
    const zooms = plan.sections.filter((each) => each.kind === "zoom");
    const groups = plan.sections.filter((each) => each.kind === "octave").map(({ number, first, last: end }) => ({ text: `octave ${number}`, short: String(number), first, end }));
    if (zooms.length) groups.push({ text: zooms.length > 1 ? `${zooms.length} zooms` : "zoom", short: "zoom", first: zooms[0].first, end: zooms.at(-1)!.last });
    const half = plan.total > 1 ? (placeOf(2, plan.total, width()) - placeOf(1, plan.total, width())) / 2 : SIDE / 2;
    fill(heads, head("photo", 0, SIDE), ...groups.map(({ text, short, first, end }, k) => {
      const from = k === 0 ? photoEnds : placeOf(first, plan.total, width()) - half + GAP / 2;
      const to = k === groups.length - 1 ? width() : placeOf(end, plan.total, width()) + half - GAP / 2;
      return head(to - from > 56 ? text : short, from, to - from);
    }));
  };
  const head = (text: string, left: number, wide: number) => {
    const box = h("span", null, text);
    box.style.left = `${left}px`;
    box.style.width = `${Math.max(1, wide)}px`;
    return box;
  };

  onHold(track, (x) => { if (last) choose(stepAt(x, last)); });
  onArrows(track, (by) => { if (last) choose(moved(last.store.steps(), last.step, by)); });
  onResize(track, () => { drawn = ""; if (last) show(last.plan, last.store, last.step, last.photo); }, signal);
  return { element, show };
}
