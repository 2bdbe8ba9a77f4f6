/**
 * Runs a widget on development data with a stand-in for Python. The address says how:
 * ?widget=layer_explorer&theme=dark&latency=40&state=busy|failed|empty|offline|archived&views=2&plain (no JupyterLab).
 * `window.model` and `window.answers` are there to play with.
 */

import { PlainModel } from "../src/kit/plain_model";
import { readState } from "../src/page";

const query = new URLSearchParams(location.search);
const name = query.get("widget") ?? "layer_explorer";
const latency = Number(query.get("latency") ?? 40);
const state = query.get("state") ?? "ready";

if (query.has("plain")) delete document.body.dataset.jpThemeLight;
else document.body.dataset.jpThemeLight = String(query.get("theme") !== "dark");

const style = document.head.appendChild(document.createElement("link"));
style.rel = "stylesheet";
style.href = `/static/${name}.css`;

const saved = readState(await (await fetch(`/data/${name}.json`)).text()) as { state: Record<string, any>; answers: any };
const { answers } = saved;
const model = new PlainModel(saved.state);

const FAILED = {
  kind: "fail", title: "The network did not accept these pictures", text: "features.0 expects 3 channels; cat.jpg has 1 (gray). Convert it to RGB, or give the network a preprocess that does.",
  actions: [{ label: "Use the first picture", set: { image: 0 } }], detail: "Traceback (most recent call last):\n  File \"network.py\", line 88, in trace\nRuntimeError: expected input to have 3 channels, but got 1",
};
if (state === "failed") Object.assign(saved.state, { status: "failed", notice: FAILED, message: "Stopped at features.0 after 4 ms" });
if (state === "empty") Object.assign(saved.state, { status: "empty", pictures: [], image: -1, maps: {}, unit: {}, heatmaps: [], activity: {}, message: "Waiting for a picture" });
if (state === "busy") Object.assign(saved.state, { status: "busy", progress: 0.5, message: "Recording features.7: 3 of 6 pictures, 0.2 s" });
if (state === "archived") saved.state.archive = { kind: name, entries: query.get("entries") === "few" ? Object.fromEntries(Object.entries(answers.maps ?? answers.heatmaps).slice(0, 12)) : answers.maps ?? answers.heatmaps };

const set = (values: Record<string, unknown>) => Object.entries(values).forEach(([key, value]) => model.set(key, value));
let turn = 0;
const later = (work: () => void) => {
  const mine = ++turn;
  set({ status: "busy" });
  setTimeout(() => mine === turn && (work(), set({ status: "ready" })), latency);
};

function answerLayers(): void {
  const [image, layer, channel] = ["image", "layer", "channel"].map((key) => model.get(key));
  const maps = answers.maps[`${image}|${layer}`];
  if (maps) set({ maps, activity: { image, bins: answers.activity[image] } });
  if (maps && channel >= 0 && channel < maps.channels) set({ unit: unitOf(maps, channel) });
}

/** A full map out of the tile: good enough to develop with. */
function unitOf(maps: any, channel: number) {
  const [height, width] = maps.full;
  const [lo, hi] = [maps.lo, maps.hi].map((view: DataView) => view.getFloat32(channel * 4, true));
  const data = new Float32Array(height * width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const at = channel * maps.height * maps.width + Math.floor((y * maps.height) / height) * maps.width + Math.floor((x * maps.width) / width);
    data[y * width + x] = lo + (maps.data.getUint8(at) / 255) * (hi - lo);
  }
  const similar = [1, 5, 9, 14, 33].map((k) => (channel + k) % maps.channels);
  return { image: maps.image, layer: maps.layer, channel, height, width, data: new DataView(data.buffer), similar };
}

function answerCams(): void {
  const [image, layer] = ["image", "layer"].map((key) => model.get(key));
  const targets = [model.get("target"), model.get("compare")].filter((target) => target >= 0);
  const known = targets.map((target) => answers.heatmaps[`${image}|${layer}|${target}`]).filter(Boolean);
  if (known.length) set({ heatmaps: known });
}

/** Maps of any shape, to try what the network at hand does not have. Channel 1 is silent, channel 2 NaN. */
function fake(channels: number, height: number, width: number, signed: boolean, picture?: { width: number; height: number }) {
  const layer = { name: "odd", kind: "Odd", channels, height: height > 1 ? height : 0, width: width > 1 ? width : 0, parent: "", container: false, field: null };
  const size = height * width;
  const make = (value: (c: number) => number) => new DataView(Float32Array.from({ length: channels }, (_, c) => value(c)).buffer);
  const top = (c: number) => (c === 1 ? 0 : c === 2 ? NaN : 1 + Math.sin(c) * 0.8) * 3;
  const low = (c: number) => (c === 2 ? NaN : size === 1 ? top(c) * (signed && c % 3 === 0 ? -1 : 1) : signed && c !== 1 ? -top(c) * 0.7 : 0);
  const high = (c: number) => (size === 1 ? low(c) : top(c));
  const data = Uint8Array.from({ length: channels * size }, (_, i) => (size === 1 ? 0 : 127 + 127 * Math.sin((i % width) / 3 + Math.floor(i / size)) * Math.cos(((i / width) % height) / 4)));
  const maps = {
    image: model.get("image"), layer: "odd", channels, height, width, full: [height, width], lo: make(low), hi: make(high), mean: make((c) => (size === 1 ? low(c) : top(c) / 4)),
    zeros: make(() => 0.25), peak: new DataView(Int32Array.from({ length: channels }, (_, c) => c % size).buffer), data: new DataView(data.buffer),
  };
  answers.maps[`${maps.image}|odd`] = maps;
  if (picture) set({ pictures: model.get("pictures").map((each: object) => ({ ...each, ...picture })) });
  set({ layers: [...model.get("layers").filter((each: any) => each.name !== "odd"), layer], layer: "odd", channel: 0 });
  answerLayers();
}

const answer = name === "layer_explorer" ? answerLayers : answerCams;
const mute = state === "offline" || state === "archived" || state === "busy" || state === "failed" || state === "empty";
model.onsave = () => { if (!mute) later(answer); };
model.onsend = (content) => {
  if (state === "offline" || state === "archived") return;
  setTimeout(() => model.emit("msg:custom", { type: "alive" }, []), 5);
  if (content.type === "run" && !mute) later(answer);
};

const widget = await import(/* @vite-ignore */ `/static/${name}.js`);
const place = document.getElementById("place")!;
const views = Number(query.get("views") ?? 1);
const ends = Array.from({ length: views }, () => {
  const el = document.createElement("div");
  (query.has("shadow") ? place.attachShadow({ mode: "open" }) : place).append(el);
  if (query.has("shadow")) place.shadowRoot!.append(style.cloneNode());
  return widget.default.render({ model, el });
});
Object.assign(window, { model, answers, ends, fake, ready: true });
