/** Octaves and steps: sliders, the sizes drawn to scale, and where the dream is among them. */

import { fill, h, setAttribute, svg } from "./dom";
import { octaveSizes } from "./dream_plan";
import { select } from "./controls";
import { knob, type KnobOptions } from "./knob";
import { extent, number, THIN } from "./numbers";

export interface OctaveValues {
  octaves: number;
  ratio: number;
  steps: number;
  rate: number;
  levels: number;
  jitter: number;
  zoom: number;
  size: number;
  seed: number;
  guide: number;
}

export interface OctaveView {
  values: OctaveValues;
  /** (height, width) of the canvas. */
  canvas: [height: number, width: number];
  /** The size of the octave that is shown, in pixels of its height; 0: none. */
  now: number;
  pictures: string[];
  image: number;
  able: boolean;
}

export interface OctavePanel {
  element: HTMLElement;
  show(view: OctaveView): void;
}

type Name = keyof OctaveValues;

const PX = `${THIN}px`;
const KNOBS: (Omit<KnobOptions, "slide"> & { name: Name })[] = [
  { name: "octaves", label: "Count", low: 1, high: 8, step: 1, text: String },
  { name: "ratio", label: "Ratio", low: 1.1, high: 2, step: 0.05, text: (value) => value.toFixed(2) },
  { name: "steps", label: "Steps each", low: 1, high: 40, step: 1, text: String },
  { name: "rate", label: "Step size", low: 0.002, high: 0.04, step: 0.001, text: (value) => value.toFixed(3), spoken: (value) => `${number(value * 100)} percent of black to white` },
  { name: "levels", label: "Coarseness", low: 1, high: 6, step: 1, text: String, spoken: (value) => `${value} bands` },
  { name: "jitter", label: "Jitter", low: 0, high: 64, step: 4, text: (value) => `${value}${PX}` },
  { name: "zoom", label: "Zoom", low: 1, high: 1.5, step: 0.01, text: (value) => `×${THIN}${value.toFixed(2)}` },
];
const SIZES = [256, 384, 512, 768, 1024, 2048];
const [WIDE, HIGH, GAP] = [230, 64, 8];

export function octavePanel(set: (values: Partial<OctaveValues>) => void): OctavePanel {
  const knobs = KNOBS.map(({ name, ...options }) => ({ name, knob: knob({ ...options, slide: (value) => set({ [name]: value }) }) }));
  const row = (name: Name) => knobs.find((each) => each.name === name)!.knob.element;
  const pyramid = svg("svg", { class: "dc-pyramid", role: "img", preserveAspectRatio: "xMinYMid meet" });
  const size = select("Canvas", [["0", "own size"]], "0", (value) => set({ size: Number(value) }));
  const guide = select("Guide", [["-1", "none"]], "-1", (value) => set({ guide: Number(value) }));
  const seed = h("input", { class: "cnn-input", type: "number", min: 0, step: 1, "aria-label": "Seed" });
  seed.addEventListener("change", () => { const value = Math.max(0, Math.round(Number(seed.value) || 0)); seed.value = String(value); set({ seed: value }); });
  const pick = (label: string, control: HTMLElement) => h("div", { class: "dc-pick" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, label), control);
  const guideRow = pick("Guide", guide.element);
  const sizes = h("div", { class: "dc-set" }, h("h3", { class: "cnn-title" }, "Octaves"), row("octaves"), row("ratio"), pyramid);
  const paces = h("div", { class: "dc-set" }, row("steps"), row("rate"), row("levels"), row("jitter"), row("zoom"), pick("Canvas", size.element), guideRow, pick("Seed", seed));
  let drawn = "";

  const show = ({ values, canvas, now, pictures, image, able }: OctaveView) => {
    for (const { name, knob: each } of knobs) each.show(values[name], able);
    const known = values.size && !SIZES.includes(values.size) ? [...SIZES, values.size].sort((a, b) => a - b) : SIZES;
    size.show(String(values.size), [["0", values.size ? "auto" : `auto, ${Math.max(...canvas)}${PX}`], ...known.map((each): [string, string] => [String(each), `${each}${PX}`])]);
    guide.show(String(values.guide), [["-1", "none"], ...pictures.map((name, k): [string, string, boolean] => [String(k), name, k === image])]);
    guideRow.hidden = pictures.length < 2;
    for (const control of [size.element, guide.element, seed]) control.disabled = !able;
    if (seed !== (seed.getRootNode() as Document).activeElement) seed.value = String(values.seed);
    const key = JSON.stringify([values.octaves, values.ratio, canvas, now]);
    if (key !== drawn) { drawn = key; draw(octaveSizes(...canvas, values.octaves, values.ratio), now); }
  };
  const draw = (all: [number, number][], now: number) => {
    const top = all.at(-1)!;
    const scale = Math.min(HIGH / top[0], (WIDE - all.length * GAP) / all.reduce((sum, [, width]) => sum + width, 0));
    const high = Math.ceil(top[0] * scale);
    let x = 1;
    const parts = all.flatMap(([height, width]) => {
      const [tall, wide] = [Math.max(2, height * scale), Math.max(2, width * scale)];
      const box = svg("rect", { x, y: high + 1 - tall, width: wide, height: tall, "data-now": height === now });
      const text = svg("text", { x, y: high + 15 }, String(Math.max(height, width)));
      x += Math.max(wide, 20) + GAP;
      return [box, text];
    });
    setAttribute(pyramid, "viewBox", `0 0 ${Math.max(WIDE, x)} ${high + 18}`);
    setAttribute(pyramid, "aria-label", `Octaves of ${all.map(([height, width]) => extent(width, height)).join(", ")} pixels`);
    fill(pyramid, ...parts);
  };
  return { element: h("div", { class: "dc-octaves" }, sizes, paces), show };
}
