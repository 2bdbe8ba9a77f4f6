/** Small states of the widgets, and a way to run one. */

import { PlainModel } from "../src/kit/plain_model";
import type { HeatmapInfo, LayerInfo, Maps as MapsReply, Picture } from "../src/traits";

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
  return { image, layer: name, target, height: 2, width: 2, data: floats(...values), why };
}

const COMMON = {
  subject: "net", status: "ready", progress: -1, message: "Done", notice: {}, layers: [layer("conv1"), layer("conv2"), layer("fc", { height: 0, width: 0, field: null })],
  pictures: [picture("cat.jpg"), picture("dog.jpg")], labels: ["cat", "dog", "owl"], image: 0, layer: "conv1", channel: -1, target: -1, archive: {},
};

export const explorerState = (more: object = {}) => ({ ...COMMON, colormap: "tide", maps: maps(0, "conv1"), unit: {}, activity: {}, ...more });

export const camState = (more: object = {}) => ({
  ...COMMON, target: 1, compare: -1, signed: false, opacity: 0.8, colormap: "tide", same_scale: false, heatmaps: [heatmap(0, "conv1", 1)], ...more,
});

interface Widget {
  render(options: { model: any; el: HTMLElement; signal?: AbortSignal }): unknown;
}

export function run(widget: Widget, state: Record<string, any>) {
  const model = new PlainModel(state);
  return { model, ...show(widget, model) };
}

/** One view of a model. */
export function show(widget: Widget, model: PlainModel) {
  const el = document.body.appendChild(document.createElement("div"));
  const end = widget.render({ model, el }) as () => void;
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
