/** The stages as a film: one row each, in the order of computing. Up and Down walk it. */

import { claim } from "./controls";
import { fill, h, holdsFocus, reveal, setAttribute } from "./dom";
import { paintRoot } from "./root_scale";
import { deedOf, nameOfStage, shapeOf, type Stage, type Walk } from "./stages";

export interface StageFilm {
  element: HTMLElement;
  show(walk: Walk, step: number): void;
  focus(): void;
}

const ROW = 64;

export function stageFilm(choose: (step: number) => void): StageFilm {
  const element = h("div", { class: "sv-film", role: "listbox", "aria-label": "Stages, from the signal’s beginning back to the pixels" });
  let shown: Walk | null = null;
  let at = 0;
  const rows = () => [...element.children] as HTMLElement[];

  const show = (walk: Walk, step: number) => {
    const had = holdsFocus(element);
    if (walk !== shown) {
      fill(element, ...walk.rows.map((stage, k) => row(stage, k, walk)));
      element.scrollTop = 0;
    }
    const moved = walk !== shown || step !== at;
    [shown, at] = [walk, step];
    rows().forEach((each, k) => {
      setAttribute(each, "aria-selected", k === step);
      each.tabIndex = k === step ? 0 : -1;
    });
    if (moved) reveal(element, step * ROW, ROW, "y");
    if (had) focus();
  };
  const row = (stage: Stage, k: number, walk: Walk) => {
    const canvas = h("canvas", { "aria-hidden": "true" });
    paintRoot(canvas, stage.signal);
    const name = nameOfStage(stage, walk);
    return h("div", { class: "sv-frame", role: "option", "aria-label": `Stage ${k}, ${name}, ${deedOf(stage.deed)}, ${shapeOf(stage.shape)}`, onclick: () => { choose(k); focus(); } },
      canvas, h("span", { class: "sv-frame-told" }, h("span", { class: stage.layer ? "cnn-mono cnn-clip" : "cnn-quiet cnn-clip", title: name }, name), h("span", { class: "cnn-small cnn-clip" }, deedOf(stage.deed)), h("span", { class: "cnn-small" }, shapeOf(stage.shape))));
  };
  const focus = () => rows()[at]?.focus({ preventScroll: true });
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !shown) return;
    const page = Math.max(1, Math.floor(element.clientHeight / ROW) - 1);
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
    if (!by) return;
    claim(event);
    choose(at + by * (event.shiftKey ? 10 : 1));
  });
  return { element, show, focus };
}
