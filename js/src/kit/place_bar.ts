/** Which place of the picture is asked about: the whole of it, a box, or the region around a pixel. */

import { button, select, type Option } from "./controls";
import { h, setText } from "./dom";
import { percent } from "./numbers";
import type { Regions } from "./regions";

export interface PlaceView {
  /** Null for networks that only classify. */
  regions: Regions | null;
  place: number[];
  /** The class that the network predicts there. */
  at: string;
  name: (label: number) => string;
  live: boolean;
}

export interface PlaceBar {
  element: HTMLElement;
  show(view: PlaceView): void;
}

/** `choose` gets the place and the class predicted there; an empty place is the whole picture. */
export function placeBar(choose: (place: number[], label: number) => void): PlaceBar {
  let boxes: Regions["boxes"] = [];
  const list = select("Box", [], "", (value) => (value ? choose([Number(value)], boxes[Number(value)].label) : choose([], -1)));
  const boxField = h("span", { class: "cnn-field" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, "Box"), list.element);
  const text = h("span", { class: "cnn-quiet" });
  const whole = button("Whole picture", () => choose([], -1));
  const element = h("div", { class: "gc-place", role: "group", "aria-label": "Place" }, boxField, text, whole);
  const show = ({ regions, place, at, name, live }: PlaceView) => {
    element.hidden = !regions;
    if (!regions) return;
    boxes = regions.boxes;
    const detects = !regions.segments;
    boxField.hidden = !detects;
    whole.hidden = detects || !place.length;
    if (detects) list.show(place.length === 1 && boxes[place[0]] ? String(place[0]) : "", [["", "Whole picture"], ...boxes.map(boxOption(name))]);
    const region = place.length ? `The region of ${at} around row ${place[0]}, column ${place[1]}` : live ? "Click the picture to ask about one region of it" : "";
    setText(text, !detects ? region : boxes.length ? "or click one in the picture" : "The network finds no box here");
  };
  return { element, show };
}

const boxOption = (name: (label: number) => string) => ({ label, score }: { label: number; score: number }, k: number): Option => [String(k), `${k + 1} ${name(label)}, ${percent(score)}`];
