/** The pictures of the laboratory: one large or both side by side, what the unit likes most beside them, and the film. */

import type { LabFrame, LabPreset, LabReference } from "../traits";
import { button, copyButton, disable, field, segmented, select, type Option } from "./controls";
import { fill, h, setAttribute, setText } from "./dom";
import { filmStrip, isThere, stepsThere } from "./film_strip";
import { labPicture, type LabPicture } from "./lab_picture";
import { titleOf } from "./lab_recipe";
import { valueAt, type Run } from "./lab_run";
import { legend } from "./legend";
import { extent, MINUS, number, percent, THIN } from "./numbers";

export type Side = "A" | "B";
type Look = "picture" | "mattered";

/** Sides of pictures that are offered. */
const SIZES = [64, 96, 128, 160, 224, 320, 512];

/** What a side has to show. */
export interface Shown {
  run: Run | null;
  frames: LabFrame[];
  /** That of the frame shown; at the end it is the picture as it is now. */
  step: number;
}

export interface FieldView {
  side: Side;
  both: boolean;
  sides: Record<Side, Shown>;
  presets: LabPreset[];
  reference: LabReference | null;
  /** Whether what mattered lies over the pictures that have it. */
  covered: boolean;
  /** The side that is wanted in pixels; 0: that of the network. */
  size: number;
  able: boolean;
  playing: boolean;
  seed: number;
  unit: string;
  stale: string;
  instead: HTMLElement | null;
}

export interface LabField {
  element: HTMLElement;
  show(view: FieldView): void;
}

export interface LabDeeds {
  choose: (side: Side) => void;
  go: (step: number) => void;
  play: () => void;
  cover: (on: boolean) => void;
  resize: (size: number) => void;
}

export function labField({ choose, go, play, cover, resize }: LabDeeds, signal: AbortSignal): LabField {
  let view: FieldView;
  const address = h("h3", { class: "cnn-title cnn-mono cnn-clip" });
  const told = h("span", { class: "cnn-small" });
  const sizes = select("Size", [], "", (size) => resize(Number(size)));
  const older = h("p", { class: "cnn-small fl-older", role: "status" });
  const sides: Record<Side, Slot> = { A: slot("A", choose, signal), B: slot("B", choose, signal) };
  const patch = labPicture(signal);
  const patchName = h("b");
  const patchAbout = h("span", { class: "cnn-small" });
  const beside = h("div", { class: "fl-patch" }, patch.element, h("span", { class: "fl-caption" }, patchName, patchAbout));
  const pictures = h("div", { class: "fl-show" }, sides.A.element, sides.B.element, beside);
  const film = filmStrip(go, signal);
  const filmOf = h("span", { class: "cnn-small cnn-grow" });
  const player = button("Play", play, { kind: "plain" });
  const covers = segmented<Look>("Show", [["picture", "Picture"], ["mattered", "What mattered"]], "picture", (look) => cover(look === "mattered"));
  const colors = legend("tide", [{ at: 0, text: "nothing" }, { at: 1, text: "the most" }], "how much each part of the picture mattered on the way, from nothing to the most");
  const later = h("p", { class: "cnn-small" }, "What mattered is summed over the whole way: it is shown on the newest picture.");
  const meant = h("div", { class: "fl-mattered" }, covers.element, colors, later);
  const finding = h("p", { class: "fl-finding" });
  const place = h("div", { class: "fl-place" });
  const parts = [pictures, meant, h("div", { class: "fl-film-place" }, h("div", { class: "fl-head" }, filmOf, player), film.element), finding];
  const element = h("section", { class: "fl-field", "aria-label": "Pictures" },
    h("header", { class: "fl-head" }, address, copyButton(() => view.unit), h("span", { class: "cnn-grow" }), field("Size", sizes.element), told), older, place);

  const show = (next: FieldView) => {
    view = next;
    const { run, frames, step } = view.sides[view.side];
    setText(address, view.unit);
    setText(told, run ? `seed ${view.seed}` : "");
    showSize(run);
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
    film.show(frames, step);
    setAttribute(film.element, "data-alpha", run.recipe.alpha ? "true" : null);
    setText(filmOf, `Film of ${view.side}`);
    setText(player, view.playing ? "Stop film" : "Play");
    disable(player, stepsThere(frames).length < 2);
    showMeant();
    setText(finding, compared(view));
    finding.hidden = !finding.textContent;
  };
  const showSize = (run: Run | null) => {
    const { size, able } = view;
    const known = SIZES.includes(size) || !size ? SIZES : [...SIZES, size].sort((a, b) => a - b);
    const auto = !size && run ? `auto, ${run.height === run.width ? run.height : extent(run.width, run.height)}${THIN}px` : "auto";
    sizes.show(String(size), [["0", auto], ...known.map((each): Option => [String(each), `${each}${THIN}px`])]);
    sizes.element.disabled = !able;
  };
  const showMeant = () => {
    const seen = (["A", "B"] as const).map((side) => view.sides[side]).filter(({ run }) => run?.mattered);
    meant.hidden = !seen.length;
    covers.show(view.covered ? "mattered" : "picture");
    const now = seen.some(({ run, step }) => step >= run!.done);
    [colors.hidden, later.hidden] = [!now || !view.covered, now || !view.covered];
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
    const { run, frames, step: at } = view.sides[own];
    const last = run !== null && at >= run.done;
    const data = last ? run.picture : (frames.find((frame) => isThere(frame) && frame.step === at)?.data ?? run?.picture ?? null);
    picture.cover(last && view.covered ? run.mattered : null);
    setAttribute(picture.element, "data-alpha", run?.recipe.alpha ? "true" : null);
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
