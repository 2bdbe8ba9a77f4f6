/** The pictures of the laboratory: one large or both side by side, what the unit likes most beside them, and the film. */

import type { LabFrame, LabPreset, LabReference } from "../traits";
import { copyButton } from "./controls";
import { fill, h, setAttribute, setText } from "./dom";
import { filmStrip, isThere } from "./film_strip";
import { labPicture, type LabPicture } from "./lab_picture";
import { titleOf } from "./lab_recipe";
import { valueAt, type Run } from "./lab_run";
import { MINUS, number, percent, TIMES } from "./numbers";

export type Side = "A" | "B";

/** What a side has to show. */
export interface Shown {
  run: Run | null;
  frames: LabFrame[];
  /** Which frame is shown; the last one is the picture as it is now. */
  frame: number;
  step: number;
}

export interface FieldView {
  side: Side;
  both: boolean;
  sides: Record<Side, Shown>;
  presets: LabPreset[];
  reference: LabReference | null;
  seed: number;
  unit: string;
  stale: string;
  instead: HTMLElement | null;
}

export interface LabField {
  element: HTMLElement;
  show(view: FieldView): void;
}

export function labField(choose: (side: Side) => void, go: (frame: number) => void, signal: AbortSignal): LabField {
  let view: FieldView;
  const address = h("h3", { class: "cnn-title cnn-mono cnn-clip" });
  const told = h("span", { class: "cnn-small" });
  const older = h("p", { class: "cnn-small fl-older", role: "status" });
  const sides: Record<Side, Slot> = { A: slot("A", choose, signal), B: slot("B", choose, signal) };
  const patch = labPicture(signal);
  const patchName = h("b");
  const patchAbout = h("span", { class: "cnn-small" });
  const beside = h("div", { class: "fl-patch" }, patch.element, h("span", { class: "fl-caption" }, patchName, patchAbout));
  const pictures = h("div", { class: "fl-show" }, sides.A.element, sides.B.element, beside);
  const film = filmStrip(go, signal);
  const filmOf = h("span", { class: "cnn-small", "aria-hidden": "true" });
  const finding = h("p", { class: "fl-finding" });
  const place = h("div", { class: "fl-place" });
  const parts = [pictures, h("div", { class: "fl-film-place" }, filmOf, film.element), finding];
  const element = h("section", { class: "fl-field", "aria-label": "Pictures" },
    h("header", { class: "fl-head" }, address, copyButton(() => view.unit), h("span", { class: "cnn-grow" }), told), older, place);

  const show = (next: FieldView) => {
    view = next;
    const { run, frames, frame } = view.sides[view.side];
    setText(address, view.unit);
    setText(told, run ? `${run.height}${TIMES}${run.width} px, seed ${view.seed}` : "");
    setText(older, view.stale);
    older.hidden = !view.stale;
    const wanted = [...(view.instead ? [view.instead] : []), ...(run ? parts : [])];
    if (wanted.length !== place.children.length || wanted.some((part, k) => part !== place.children[k])) fill(place, ...wanted);
    if (!run) return;
    setAttribute(pictures, "data-both", view.both);
    setAttribute(pictures, "data-patch", view.reference !== null);
    (["A", "B"] as const).forEach((side) => sides[side].show(view, side));
    beside.hidden = !view.reference;
    showPatch();
    film.show(frames, frame);
    setText(filmOf, `Film of ${view.side}`);
    setText(finding, compared(view));
    finding.hidden = !finding.textContent;
  };
  const showPatch = () => {
    const { reference } = view;
    if (!reference) return;
    patch.show(reference.data.byteLength ? reference.data : null, reference.kind === "patch" ? `Strongest patch, from ${reference.name}` : `Reference: ${reference.name}`);
    setText(patchName, reference.kind === "patch" ? "Strongest patch" : "Reference");
    setText(patchAbout, reference.about);
  };
  return { element, show };
}

interface Slot {
  element: HTMLElement;
  show(view: FieldView, side: Side): void;
}

/** The picture of one recipe with its caption; the small one of two is a way to the other. */
function slot(side: Side, choose: (side: Side) => void, signal: AbortSignal): Slot {
  const picture: LabPicture = labPicture(signal);
  const chip = h("b", { class: "fl-chip" }, side);
  const name = h("span", { class: "cnn-clip" });
  const step = h("span", { class: "fl-step" });
  const element = h("div", { class: "fl-slot" }, picture.element, h("div", { class: "fl-caption fl-named" }, chip, name, step));
  element.addEventListener("click", () => { if (element.dataset.chosen !== "true") choose(side); });
  const show = (view: FieldView, own: Side) => {
    const { run, frames, frame, step: at } = view.sides[own];
    const last = run !== null && at >= run.done;
    const data = last ? run.picture : isThere(frames[frame]) ? frames[frame].data : run?.picture ?? null;
    const title = run ? called(run, view) : "not climbed yet";
    picture.show(data && data.byteLength ? data : null, run ? `Recipe ${own}, ${title}, step ${at} of ${run.total}` : `Recipe ${own}, not climbed yet`);
    setText(name, title);
    setText(step, run ? `step ${at}` : "");
    setAttribute(element, "data-chosen", own === view.side);
    setAttribute(element, "data-side", own);
  };
  return { element, show };
}

const called = (run: Run, view: FieldView) => {
  const { title, own } = titleOf(run.recipe, view.presets);
  return own ? `${title}, changed` : title;
};

/** One sentence about A and B at the steps shown. */
export function compared({ sides: { A, B }, reference }: FieldView): string {
  if (!A.run || !B.run) return "";
  const [near, far] = [A, B].map(({ run, step }) => valueAt(run, "distances", step));
  const [mine, other] = [A, B].map(({ run, step }) => valueAt(run, "responses", step));
  const times = other > 0 && Number.isFinite(mine) ? `${number(mine / other, 2)} times its response` : "";
  if (!(far > 0) || !Number.isFinite(near) || !reference) return times ? `A reaches ${times.replace("its", "B’s")}.` : "";
  const gap = 1 - near / far;
  const what = reference.kind === "patch" ? "the strongest patch" : "the reference";
  if (Math.abs(gap) < 2e-3) return `A and B are equally far from ${what}${times ? `; A has ${times.replace("its", "B’s")}` : ""}.`;
  return `A is ${percent(Math.abs(gap))} ${gap > 0 ? "closer to" : "farther from"} ${what} than B${times ? `, at ${times}` : ""}.`.replace("-", MINUS);
}
