/** What one stage does: the signal that arrives, the one that leaves, the switches between them, and where it was zeroed. */

import { lookup, diverging, type Theme } from "./colormap";
import { fill, h, setText, svg } from "./dom";
import { legend } from "./legend";
import { cellOf, type Lens, type Point } from "./lens";
import { extent, number, percent } from "./numbers";
import { blit, paintCells, resize, type Field } from "./pixels";
import { highest, paintRoot, rootLegend } from "./root_scale";
import { deedOf, isVector, shapeOf, type Stage, type Walk, type Winners } from "./stages";
import { topOf } from "./attributions";
import { ticks } from "./ticks";

export interface StageView {
  element: HTMLElement;
  show(walk: Walk, step: number, theme: Theme): void;
  point(point: Point | null): void;
}

export function stageView(lens: Lens, choose: (step: number) => void): StageView {
  const title = h("h3", { class: "cnn-title" });
  const place = h("span", { class: "cnn-small" });
  const text = h("p", { class: "cnn-quiet" });
  const flow = h("div", { class: "sv-flow" });
  const zeros = h("div", { class: "sv-zeros" });
  const element = h("div", { class: "sv-stage" }, h("div", null, h("div", { class: "sv-two" }, title, place), text), flow, zeros);
  let drawn: unknown[] = [];
  let shown: Figure[] = [];

  const show = (walk: Walk, step: number, theme: Theme) => {
    const next = [walk, step, theme];
    if (next.every((value, k) => value === drawn[k])) return;
    drawn = next;
    const stage = walk.rows[step];
    setText(title, deedOf(stage.deed));
    setText(place, `stage ${step} of ${walk.rows.length - 1}`);
    setText(text, told(stage));
    shown = figures(walk, step, theme, lens);
    fill(flow, ...shown.map((each) => each.element), stage.switches ? h("p", { class: "cnn-small" }, SWITCHES) : null);
    fill(zeros, h("span", { class: "cnn-label" }, "Share of values that are zero, stage by stage"), bars(walk, step, choose),
      h("div", { class: "cnn-caption" }, h("span", null, walk.unit || walk.called), h("span", null, `${percent(stage.zeros ?? NaN, 0)} here`), h("span", null, "pixels")));
  };
  return { element, show, point: (at) => shown.forEach((each) => each.point(at)) };
}

function told(stage: Stage): string {
  const what = stage.text.charAt(0).toUpperCase() + stage.text.slice(1);
  const strength = isVector(stage) ? "One value a channel, row by row, root scale." : "Strongest over channels, root scale.";
  return `${what.replace(/\.?$/, ".")} ${strength}`;
}

/** A picture of what the pointer can read, in one of the figures. */
interface Figure {
  element: HTMLElement;
  point(point: Point | null): void;
}

function figures(walk: Walk, step: number, theme: Theme, lens: Lens): Figure[] {
  const stage = walk.rows[step];
  const strengths = stage.before ? [strengthOf("Arrives", shapeOf(stage.arrived), stage.before, lens)] : [];
  strengths.push(strengthOf(stage.before ? "Leaves" : "Begins", shapeOf(stage.shape), stage.signal, lens));
  if (stage.switches) strengths.push(switchesOf(stage.switches, stage, lens));
  if (step === walk.rows.length - 1 && walk.pixels) strengths.push(signedSum(walk.pixels, theme, lens));
  return strengths;
}

function figure(title: string, note: string, spoken: string, size: { height: number; width: number }, lens: Lens, paint: (canvas: HTMLCanvasElement) => void, key: Element | null, read: (point: Point) => string): Figure {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const picture = h("div", { class: "cnn-figure sv-figure", role: "img", "aria-label": spoken }, h("div", { class: "sv-in" }, canvas), h("i", { class: "sv-cross-x" }), h("i", { class: "sv-cross-y" }));
  const told = h("span", { class: "cnn-small cnn-num" }, note);
  picture.style.aspectRatio = `${size.width} / ${size.height}`;
  paint(canvas);
  lens.attach(picture);
  return { element: h("figure", null, h("div", { class: "sv-two" }, h("span", null, title), told), picture, key), point: (at) => setText(told, at ? read(at) : note) };
}

function strengthOf(title: string, shape: string, field: Field, lens: Lens): Figure {
  const top = highest(field);
  return figure(title, shape, `${title}: ${shape}, strongest ${number(top)}`, field, lens, (canvas) => paintRoot(canvas, field), rootLegend(top), (at) => valueOf(field, at));
}

function signedSum(field: Field, theme: Theme, lens: Lens): Figure {
  const [top, colors] = [topOf(field.data), diverging(theme)];
  return figure("Sum over colors, signed", "as in Compare", "The channels of the last signal, summed with their signs", field, lens,
    (canvas) => paintCells(canvas, field, { lut: lookup(colors), low: -top, high: top }), legend(colors, ticks(-top, top, 3), `from ${number(-top)} to ${number(top)}`), (at) => valueOf(field, at));
}

function valueOf(field: Field, at: Point): string {
  const { row, column } = cellOf(at, field);
  return number(field.data[row * field.width + column]);
}

/** Pooling windows as a checkerboard, in each the place that its maximum came from. */
function switchesOf(winners: Winners, { shape: [, rows, columns] }: Stage, lens: Lens): Figure {
  const size = extent(winners.height, winners.width);
  const read = (at: Point) => {
    const { row, column } = cellOf(at, winners);
    const place = winners.places[row * winners.width + column];
    return `${row},${column} → @${Math.floor(place / winners.across)},${place % winners.across}`;
  };
  return figure("Switches", size, `Switches: ${size} windows, each with the place of its maximum`, { height: rows, width: columns }, lens, (canvas) => paintSwitches(canvas, winners, rows, columns), null, read);
}

const SWITCHES = "Bright: where the maximum of each window was when the picture came through, in the channel that is strongest there now. The signal goes back to these places; the rest stays zero. Where windows overlap, what meets is summed.";

const [MARK, SHADES] = [lookup("tide")[248], [lookup("tide")[40], lookup("tide")[64]]];

export function paintSwitches(canvas: HTMLCanvasElement, { height, width, across, places }: Winners, rows: number, columns: number): void {
  const pixels = new Uint32Array(rows * columns);
  for (let y = 0, i = 0; y < rows; y++) {
    const window = Math.floor((y * height) / rows);
    for (let x = 0; x < columns; x++, i++) pixels[i] = SHADES[(window + Math.floor((x * width) / columns)) % 2];
  }
  for (const place of places) {
    const [row, column] = [Math.floor(place / across), place % across];
    if (row < rows && column < columns) pixels[row * columns + column] = MARK;
  }
  resize(canvas, columns, rows);
  blit(canvas, pixels, columns, rows);
}

function bars(walk: Walk, step: number, choose: (step: number) => void): SVGElement {
  const [count, tall] = [walk.rows.length, 44];
  const words = walk.rows.map((stage, k) => `${k}: ${percent(stage.zeros ?? NaN, 0)}`).join(", ");
  const plot = svg("svg", { class: "cnn-bars-plot", viewBox: `0 0 ${count} ${tall}`, preserveAspectRatio: "none", role: "img", "aria-label": `Share of zeros by stage. ${words}` },
    ...walk.rows.map(({ zeros }, k) => svg("rect", { class: k === step ? "sv-here" : null, x: k + 0.1, width: 0.8, y: tall - (zeros ?? 0) * (tall - 2), height: (zeros ?? 0) * (tall - 2) })),
    svg("path", { class: "cnn-base", d: `M0 ${tall - 0.5}H${count}` }),
    svg("path", { class: "cnn-marker", d: `M${step + 0.5} 0V${tall}` }));
  plot.addEventListener("click", (event) => {
    const area = plot.getBoundingClientRect();
    choose(Math.floor((((event as MouseEvent).clientX - area.left) / area.width) * count));
  });
  return plot;
}
