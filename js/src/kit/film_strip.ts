/** Pictures of an ascent in their order: one tab stop, arrows move. What is not computed yet is an empty well in its place. */

import type { LabFrame } from "../traits";
import { onArrows } from "./arrows";
import { fill, h, holdsFocus, setAttribute, setText } from "./dom";
import { moved } from "./film";
import { labPicture, type LabPicture } from "./lab_picture";

export interface FilmStrip {
  element: HTMLElement;
  /** `step` is that of the frame shown. */
  show(frames: LabFrame[], step: number): void;
}

interface Well {
  element: HTMLElement;
  picture: LabPicture;
  step: HTMLElement;
}

export const isThere = (frame: LabFrame | undefined) => Boolean(frame && frame.data.byteLength);

/** The steps of which there is a frame, in order. */
export const stepsThere = (frames: LabFrame[]) => frames.filter(isThere).map(({ step }) => step);

export function filmStrip(choose: (step: number) => void, signal: AbortSignal): FilmStrip {
  const element = h("div", { class: "fl-film", role: "radiogroup", "aria-label": "Film of the ascent" });
  let wells: Well[] = [];
  let shown: LabFrame[] = [];
  let at = 0;
  const well = (k: number): Well => {
    const [picture, step] = [labPicture(signal), h("small", { "aria-hidden": "true" })];
    setAttribute(picture.element, "role", null);
    return { element: h("button", { type: "button", role: "radio", onclick: () => { if (isThere(shown[k])) choose(shown[k].step); } }, picture.element, step), picture, step };
  };

  const show = (frames: LabFrame[], step: number) => {
    const had = holdsFocus(element);
    if (wells.length !== frames.length) {
      wells = frames.map((_, k) => well(k));
      fill(element, ...wells.map((each) => each.element));
    }
    shown = frames;
    at = Math.max(0, frames.findLastIndex((frame) => isThere(frame) && frame.step <= step));
    frames.forEach((frame, k) => {
      const each = wells[k];
      setText(each.step, String(frame.step));
      each.picture.show(isThere(frame) ? frame.data : null, "");
      setAttribute(each.picture.element, "aria-label", null);
      setAttribute(each.element, "aria-label", `Step ${frame.step}${isThere(frame) ? "" : ", not computed yet"}`);
      setAttribute(each.element, "aria-disabled", isThere(frame) ? null : "true");
      setAttribute(each.element, "aria-checked", k === at);
      each.element.tabIndex = k === at ? 0 : -1;
    });
    if (had) wells[at]?.element.focus({ preventScroll: true });
  };
  onArrows(element, (by) => {
    choose(moved(stepsThere(shown), shown[at]?.step ?? 0, by));
    wells[at]?.element.focus({ preventScroll: true });
  }, 1);
  return { element, show };
}
