/** The signal of one stage over the picture, with its values and numbers. */

import type { Picture } from "../traits";
import { button, copyButton, spring } from "./controls";
import { fill, h, setAttribute, setText, type Child } from "./dom";
import { histogram } from "./histogram";
import { cellOf, walkable, type Lens, type Point } from "./lens";
import { number, percent } from "./numbers";
import { paintSmooth, spread } from "./pixels";
import { highest, rootLegend, rootPaint, rooted } from "./root_scale";
import { addressOf, isVector, shapeOf, type Stage, type Walk } from "./stages";

export interface StageInspector {
  element: HTMLElement;
  show(walk: Walk, step: number, picture: Picture, url: string): void;
  point(point: Point | null): void;
}

const SIDE = 264;

export function stageInspector(lens: Lens, step: (by: number) => void, back: () => void): StageInspector {
  let now: Stage | null = null;
  let painted: unknown[] = [];
  const title = h("h3", { class: "cnn-title cnn-mono cnn-clip" });
  const image = h("img", { alt: "", draggable: "false" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const figure = h("div", { class: "cnn-figure sv-figure", role: "img", tabindex: 0 }, h("div", { class: "sv-in" }, image, canvas), h("i", { class: "sv-cross-x" }), h("i", { class: "sv-cross-y" }));
  const read = h("div", { class: "cnn-unit-read" });
  const key = h("div");
  const plot = h("div");
  const numbers = h("dl", { class: "cnn-stats" });
  const element = h("aside", { class: "sv-side", "aria-label": "Chosen stage" }, h("div", { class: "sv-inspector" },
    h("header", { class: "sv-inspector-head" }, title, copyButton(() => title.textContent ?? ""), spring(),
      button("", () => step(-1), { kind: "icon", icon: "previous", label: "Stage before (Up)" }), button("", () => step(1), { kind: "icon", icon: "next", label: "Stage after (Down)" })),
    h("div", { class: "sv-well" }, figure), read, key, plot, numbers, h("div", { class: "cnn-tools" }, button("Back to all methods", back))));
  lens.attach(figure);
  walkable(figure, lens, () => (now && !isVector(now) ? now.signal : null));

  const show = (walk: Walk, at: number, picture: Picture, url: string) => {
    const stage = walk.rows[at];
    now = stage;
    setText(title, addressOf(stage));
    title.title = addressOf(stage);
    if (image.getAttribute("src") !== url) image.src = url;
    figure.style.aspectRatio = `${picture.width} / ${picture.height}`;
    canvas.hidden = isVector(stage);
    if (painted[0] !== stage || painted[1] !== url) paint(stage, picture);
    painted = [stage, url];
    fill(numbers, ...table(walk, stage));
    fill(key, rootLegend(highest(stage.signal)));
    fill(plot, distribution(stage));
    point(lens.point());
  };
  const paint = (stage: Stage, picture: Picture) => {
    if (isVector(stage)) return;
    const scale = SIDE / Math.max(picture.width, picture.height);
    const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
    const options = rootPaint(highest(stage.signal));
    const alpha = (value: number) => 255 * (0.4 + 0.55 * (value / options.high));
    paintSmooth(canvas, rooted(stage.signal), width, height, spread(stage.signal, height, width), { ...options, alpha });
  };
  const point = (at: Point | null) => {
    if (!now) return;
    fill(read, ...reading(now, at));
    setAttribute(figure, "aria-label", `Signal of ${addressOf(now)} over the picture. ${read.textContent}`);
  };
  return { element, show, point };
}

function reading(stage: Stage, at: Point | null): Child[] {
  if (isVector(stage)) return [h("span", null, "a vector: it has no places")];
  if (!at) return [h("span", null, "strongest over channels")];
  const { row, column } = cellOf(at, stage.signal);
  return [h("span", { class: "cnn-mono" }, `@${row},${column}`), h("b", null, number(stage.signal.data[row * stage.signal.width + column])), h("span", { class: "sv-unit" }, "strongest over channels")];
}

function distribution(stage: Stage): HTMLElement | null {
  const top = highest(stage.signal);
  return top > 0 ? histogram({ values: stage.signal.data, low: 0, high: top, mark: NaN, what: isVector(stage) ? "Channels by strength" : "Places by strength" }) : null;
}

function table(walk: Walk, stage: Stage): Child[] {
  const rows: [string, string][] = [
    ["Shape", shapeOf(stage.shape)],
    ["Channels with a signal", `${stage.alive} of ${stage.shape[0]}`],
    ["Zero", percent(stage.zeros ?? NaN, 0)],
    ["Positive", percent(stage.positive ?? NaN, 0)],
    ["Largest size", number(stage.high ?? NaN)],
    ["ReLUs on the way", String(walk.relus)],
  ];
  return rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]);
}
