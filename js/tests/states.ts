/** Small states of the widgets, and a way to run one. */

import { onTestFinished } from "vitest";
import { PlainModel } from "../src/kit/plain_model";
import type { AttributionInfo, AttributionMethod, CoverAnswer, DreamPlan, FilterUnit, FilterWall, HeatmapInfo, LayerInfo, Maps as MapsReply, OcclusionInfo, Picture, StageInfo, Walk } from "../src/traits";

export const floats = (...values: number[]) => new DataView(Float32Array.from(values).buffer);
export const ints = (...values: number[]) => new DataView(Int32Array.from(values).buffer);
export const bytes = (...values: number[]) => new DataView(Uint8Array.from(values).buffer);

export function layer(name: string, more: Partial<LayerInfo> = {}): LayerInfo {
  return { name, kind: "Conv2d", channels: 3, height: 2, width: 2, parent: "", container: false, field: [3, 2, 1.5], ...more };
}

export function picture(name: string, scores: number[] = [0.1, 0.7, 0.2]): Picture {
  return { name, width: 8, height: 8, data: bytes(0xff, 0xd8), scores: floats(...scores) };
}

/** Three channels of 2 × 2: one that answers, one silent, one NaN. */
export function maps(image: number, name: string): MapsReply {
  return {
    image, layer: name, channels: 3, height: 2, width: 2, full: [2, 2],
    lo: floats(0, 0, NaN), hi: floats(10, 0, NaN), mean: floats(4, 0, NaN), zeros: floats(0.25, 1, 0), peak: ints(3, 0, 0), data: bytes(0, 51, 102, 255, 0, 0, 0, 0, 0, 0, 0, 0),
  };
}

export function heatmap(image: number, name: string, target: number, values = [-1, 0, 1, 2], why = ""): HeatmapInfo {
  return { image, layer: name, target, against: -1, method: "grad_cam", place: [], height: 2, width: 2, data: floats(...values), why, done: 1 };
}

const COMMON = {
  subject: "net", status: "ready", progress: -1, message: "Done", notice: {}, layers: [layer("conv1"), layer("conv2"), layer("fc", { height: 0, width: 0, field: null })],
  pictures: [picture("cat.jpg"), picture("dog.jpg")], labels: ["cat", "dog", "owl"], image: 0, layer: "conv1", channel: -1, target: -1, archive: {},
};

export const explorerState = (more: object = {}) => ({ ...COMMON, colormap: "tide", maps: maps(0, "conv1"), unit: {}, activity: {}, ...more });

export const camState = (more: object = {}) => ({
  ...COMMON, method: "grad_cam", fused: [], place: [], regions: [], target: 1, compare: -1, contrast: false, signed: false, threshold: 0, opacity: 0.8, colormap: "tide",
  same_scale: false, heatmaps: [heatmap(0, "conv1", 1)], ...more,
});

/** Numbers as float16, where that holds them exactly. */
export function halves(...values: number[]): DataView {
  const bits = values.map((value) => {
    if (value === 0) return 0;
    const exponent = Math.floor(Math.log2(Math.abs(value)));
    return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
  });
  return new DataView(Uint16Array.from(bits).buffer);
}

export function attribution(method: string, values: number[], more: Partial<AttributionInfo> = {}): AttributionInfo {
  const [height, width] = values.length === 1 ? [1, 1] : [2, 2];
  return {
    image: 0, target: 1, method, layer: method.endsWith("cam") ? "conv1" : "", height, width, scale: 1, data: halves(...values), low: Math.min(...values), high: Math.max(...values),
    sum: values.reduce((sum, value) => sum + value, 0), positive: 0.5, half: 0.25, why: "", done: 1, total: 1, ms: 40, relus: null, error: null, notes: [], where: "", failed: "", rho: {}, ...more,
  };
}

const attributionMethod = (key: string, title: string, family: string, listed = true): AttributionMethod => ({
  key, title, short: title, family, how: `${title} does something.`, unit: "score", layered: key.endsWith("cam"), passes: [1, 1], listed,
});

export const saliencyState = (more: object = {}) => ({
  ...COMMON, target: 1, mode: "compare", sort: "family", signed: true, zoom: 1, unit: "", step: 0, method: "saliency", partial: {}, stages: {},
  shown: ["saliency", "guided_backprop", "deconvnet", "grad_cam"],
  methods: [
    attributionMethod("saliency", "Gradient", "gradient"), attributionMethod("guided_backprop", "Guided backprop", "rectified"), attributionMethod("deconvnet", "DeconvNet", "rectified"),
    attributionMethod("grad_cam", "Grad-CAM", "cam"), attributionMethod("score_cam", "Score-CAM", "perturbation", false),
  ],
  heatmaps: [
    attribution("saliency", [-1, 0, 1, 2]),
    attribution("guided_backprop", [1, 2, 3, -4], { ms: 30, rho: { "0||1|saliency": 0.6 } }),
    attribution("deconvnet", [0, 0, 0, 0.5], { ms: 20, rho: { "0||1|saliency": 0.2, "0||1|guided_backprop": 0.3 } }),
    attribution("grad_cam", [0, 1, 2, 3], { ms: 10, rho: { "0||1|saliency": 0.4, "0||1|guided_backprop": 0.3, "0||1|deconvnet": 0 } }),
  ],
  ...more,
});

export function stageRow(deed: string, values: number[], more: Partial<StageInfo> = {}): StageInfo {
  return { layer: "conv1", deed, text: "what happens", shape: [3, 2, 2], alive: 2, zeros: 0.25, positive: 0.5, high: 4, signal: { height: 2, width: 2, scale: 1, data: halves(...values) }, before: {}, switches: {}, ...more };
}

/** Three stages, the second with switches. */
export const walk = (): Walk => ({
  image: 0, target: 1, unit: "", called: "dog", relus: 2, failed: "", pixels: { height: 2, width: 2, scale: 1, data: halves(-1, 0, 1, 2) },
  rows: [
    stageRow("start", [0, 1, 0, 0], { layer: "fc", shape: [4, 1, 1] }),
    stageRow("unpool", [1, 2, 3, 4], { layer: "pool", switches: { height: 1, width: 1, across: 2, data: ints(3) } }),
    stageRow("filter", [1, 2, 3, 0]),
  ],
});

/** Nine places of a cover of 4 pixels on a picture of 8; at place k dog has 0.7 − k / 20, cat the rest of 0.8, owl 0.2. */
export function sweep(more: Partial<OcclusionInfo> = {}, computed = 9): OcclusionInfo {
  const places = [...Array(9).keys()];
  const boxes = places.flatMap((k) => [2 * Math.floor(k / 3), 2 * (k % 3), 2 * Math.floor(k / 3) + 4, 2 * (k % 3) + 4]);
  const shares = (k: number) => [0.1 + k / 20, 0.7 - k / 20, 0.2];
  const known = (k: number) => computed > 4 ? k < computed : [0, 2, 6, 8].slice(0, computed).includes(k);
  const at = (number: (share: number) => number) => floats(...places.flatMap((k) => shares(k).map((share) => (known(k) ? number(share) : NaN))));
  return {
    image: 0, fill: "gray", shape: "square", window: 4, stride: 2, rows: 3, columns: 3, boxes: ints(...boxes), classes: [0, 1, 2], probabilities: at((share) => share), logits: at(Math.log),
    uncovered: floats(...[0.1, 0.7, 0.2].map(Math.log)), best: ints(...places.map((k) => (known(k) ? (k > 6 ? 0 : 1) : -1))), done: computed / 9, left: -1, exact: true, note: "", ...more,
  };
}

export function coverAnswer(row: number, column: number, probabilities: number[], more: Partial<CoverAnswer> = {}): CoverAnswer {
  return { image: 0, row, column, window: 4, fill: "gray", shape: "square", brush: false, stroke: 0, probabilities: floats(...probabilities), logits: floats(...probabilities.map(Math.log)), took: 12, ...more };
}

export const coverState = (more: object = {}) => ({
  ...COMMON, target: 1, window: 4, stride: 2, fill: "gray", shape: "square", compare: -1, compare_fill: "", measure: "probability", exact: true, opacity: 0.8, mode: "cover", place: [], held: false,
  brush: {}, answer: {}, uncovered: { image: 0, logits: floats(-2.3, -0.36, -1.6) }, maps: [sweep()], ...more,
});

/** Two octaves of three steps each on the first picture, all six done. */
export function dreamPlan(more: Partial<DreamPlan> = {}): DreamPlan {
  const section = (number: number, side: number) => ({ kind: "octave" as const, number, first: 3 * number - 2, last: 3 * number, height: side, width: side });
  return {
    reel: 1, image: 0, height: 8, width: 8, step: 6, total: 6, kept: [0, 1, 2, 3, 4, 5, 6], sections: [section(1, 6), section(2, 8)],
    asked: { pulls: { conv1: 1, "conv2:1": 0.5 }, octaves: 2, ratio: 1.4, steps: 3, rate: 0.01, levels: 2, jitter: 8, zoom: 1.1, size: 0, seed: 3, guide: -1 }, ...more,
  };
}

export const dreamFrame = (step: number) => ({ step, data: bytes(0xff, 0xd8, step) });

export const dreamState = (more: object = {}) => ({
  ...COMMON, mix: { conv1: 1, "conv2:1": 0.5 }, rows: ["conv1", "conv2"], octaves: 2, ratio: 1.4, steps: 3, rate: 0.01, levels: 2, jitter: 8, zoom: 1.1, size: 0, seed: 3, guide: -1, speed: 12, view: "dream", shown: -1,
  plan: dreamPlan(), live: {}, film: { reel: 1, image: 0, frames: [0, 1, 2, 3, 4, 5, 6].map(dreamFrame) }, alone: { "0|conv1": { data: bytes(0xff, 0xd8, 9), why: "" } }, wanted: [], saving: "",
  curves: { reel: 1, units: ["conv1", "conv2:1"], silent: ["conv2:1"], steps: ints(1, 2, 3, 4, 5, 6), values: floats(1, 1.5, 2, 2.5, 3, 4, NaN, 0, 0.1, 0.2, 0.3, 0.4) },
  says: { reel: 1, step: 6, scores: floats(0.05, 0.05, 0.9) }, ...more,
});

/** A wall of six units on conv1, the first four finished after 12 steps, the fifth half way; unit 3 is silent. */
export function filterWall(more: Partial<FilterWall> = {}): FilterWall {
  return {
    layer: "conv1", key: "k1", channels: 6, size: [96, 96], steps: 12, marks: [0, 3, 12], seed: 0, recipe: "Recipe()", pictures: 4, seen: 4, unreadable: [], unread: "", done: ints(12, 12, 12, 12, 6, 0),
    score: floats(1, 3, 2, 0, 0.5, NaN), notes: { 3: "The unit stayed silent." }, peak: floats(6, 5, 4, 0, 2, 1), frequency: floats(0.5, 1, 0.25, 0, 0.75, 0.5),
    profile: new DataView(Int8Array.from([127, 0, 127, 10, -127, 0, 0, 0, 0, 127, 100, 60]).buffer), probe: "2 pictures of noise", ...more,
  };
}

export const filterUnit = (channel: number, more: Partial<FilterUnit> = {}): FilterUnit => ({
  layer: "conv1", key: "k1", channel, done: 12, note: "", film: { steps: [0, 3, 12], data: [bytes(1), bytes(2), bytes(3)] }, history: floats(0.1, 0.5, 1, 2), sharp: {}, variants: {}, between: {},
  patches: [{ value: 6, name: "cat.jpg", box: [0, 0, 4, 4] }], sheet: bytes(9), ...more,
});

export const galleryState = (more: object = {}) => ({
  ...COMMON, layers: [layer("conv1", { channels: 6 }), layer("conv2", { channels: 4 })], pictures: [], image: -1, mode: "synthesized", sort: "channel", only: "", recipe: {}, steps: 12, size: 0, seed: 0, whole: false,
  viewport: [], wall: filterWall(), cells: { layer: "conv1", key: "k1", channels: [0, 1], done: [12, 12], data: [bytes(0xff, 1), bytes(0xff, 2)], patched: [], patches: [] }, unit: {},
  weights: { layer: "conv1", why: "", near: [], rgb: true, inputs: 3, shown: 3, height: 1, width: 1, dead: [5], chosen: ints(...Array(18).fill(0)), bound: floats(1, 1, 1, 1, 1, 0), data: new DataView(new Int8Array(18).fill(127).buffer) },
  ...more,
});

interface Widget {
  render(options: { model: any; el: HTMLElement; signal?: AbortSignal }): unknown;
}

export function run(widget: Widget, state: Record<string, any>) {
  const model = new PlainModel(state);
  return { model, ...show(widget, model) };
}

/** One view of a model; it ends with its test, before the page around it goes. */
export function show(widget: Widget, model: PlainModel) {
  const el = document.body.appendChild(document.createElement("div"));
  const end = widget.render({ model, el }) as () => void;
  onTestFinished(end);
  const find = <E extends HTMLElement>(query: string) => el.querySelector<E>(query)!;
  const all = (query: string) => [...el.querySelectorAll<HTMLElement>(query)];
  return { el, end, find, all };
}

export const settle = () => new Promise((done) => setTimeout(done, 0));

export function press(element: Element, key: string, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, composed: true, ...more });
  element.dispatchEvent(event);
  return event;
}
