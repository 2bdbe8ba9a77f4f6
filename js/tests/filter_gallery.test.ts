// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { available, dead, deadWord, likeness, mostAlike, ordered, readWall } from "../src/kit/filter_wall";
import { cellStore } from "../src/kit/cell_store";
import { paintFilter, readFilters, weight } from "../src/kit/filter_weights";
import { PlainModel } from "../src/kit/plain_model";
import widget from "../src/widgets/filter_gallery";
import { bytes, filterUnit, filterWall, floats, galleryState, ints, layer, press, run, settle, show } from "./states";

const HOSTILE = `"><img src=x onerror="globalThis.hit=1">`;
const tiles = (view: { all: (query: string) => HTMLElement[] }) => view.all(".fg-wall [role=gridcell]");
const words = (view: { all: (query: string) => HTMLElement[] }) => tiles(view).map((tile) => tile.querySelector("small")!.textContent);
const numbers = (view: { all: (query: string) => HTMLElement[] }) => tiles(view).map((tile) => Number(tile.dataset.item));
const opened = async (more: object = {}) => {
  const view = run(widget, galleryState(more));
  await settle();
  await settle();
  return view;
};

afterEach(() => vi.useRealTimers());

test("a tile tells its unit's number, and how far it is or why nothing came", async () => {
  const view = await opened();
  expect(words(view)).toEqual(["0", "1", "2", "3silent", "4step 6", "5"]);
  expect(tiles(view)[4].getAttribute("aria-label")).toBe("conv1:4, step 6 of 12");
  expect(tiles(view)[3].getAttribute("aria-label")).toBe("conv1:3, silent");
  expect(tiles(view)[5].getAttribute("aria-label")).toBe("conv1:5, waiting");
});

test("the first unit is chosen where none is, and letting go of it leaves none", async () => {
  const view = await opened();
  expect(view.model.get("channel")).toBe(0);
  press(view.find(".cnn"), "Escape");
  await settle();
  expect(view.model.get("channel")).toBe(-1);
  expect(view.find(".fg-side h3").textContent).toBe("No unit chosen");
});

test("pictures that come by message move a tile on, and never back", async () => {
  const view = await opened({ channel: 0 });
  const parcel = (done: number) => view.model.emit("msg:custom", { type: "cells", kind: "synthesized", layer: "conv1", key: "k1", channels: [4], done: [done], scores: [1], notes: {} }, [bytes(1, done)]);
  parcel(9);
  await settle();
  expect(words(view)[4]).toBe("4step 9");
  parcel(2);
  await settle();
  expect(words(view)[4]).toBe("4step 9");
  view.model.set("wall", filterWall({ done: ints(12, 12, 12, 12, 7, 0) }));
  await settle();
  expect(words(view)[4]).toBe("4step 9");
  parcel(12);
  await settle();
  expect(words(view)[4]).toBe("4");
});

test("pictures of another recipe are not mixed with these", async () => {
  const view = await opened({ channel: 0 });
  view.model.emit("msg:custom", { type: "cells", kind: "synthesized", layer: "conv1", key: "other", channels: [5], done: [12], scores: [1], notes: {} }, [bytes(1)]);
  await settle();
  expect(words(view)[5]).toBe("5");
  expect(tiles(view)[5].getAttribute("aria-label")).toBe("conv1:5, waiting");
});

test("Python is told what is in view, once the wall has come to rest", async () => {
  vi.useFakeTimers();
  const view = run(widget, galleryState());
  await vi.advanceTimersByTimeAsync(500);
  expect(view.model.get("viewport")).toEqual([0, 1, 2, 3]);
});

test("the wall is sorted by what is asked for, and what is not known comes last", async () => {
  const view = await opened({ sort: "response", channel: 0 });
  expect(numbers(view)).toEqual([1, 2, 0, 4, 3, 5]);
  view.model.set("sort", "activation");
  await settle();
  expect(numbers(view)).toEqual([0, 1, 2, 4, 5, 3]);
  view.model.set("sort", "frequency");
  await settle();
  expect(numbers(view)).toEqual([1, 4, 0, 5, 2, 3]);
});

test("sorting by likeness begins with the chosen unit, and says to which it is", async () => {
  const view = await opened({ channel: 2 });
  const select = view.find<HTMLSelectElement>("select[aria-label=Sort]");
  select.value = "likeness";
  select.dispatchEvent(new Event("change"));
  await settle();
  expect(numbers(view)).toEqual([2, 4, 5, 1, 0, 3]);
  expect(select.selectedOptions[0].textContent).toBe("Likeness to 2");
});

test("orders that need a data set are not offered without one", async () => {
  const view = await opened({ wall: filterWall({ peak: bytes(), frequency: bytes(), pictures: 0, seen: 0 }) });
  const off = [...view.find<HTMLSelectElement>("select[aria-label=Sort]").options].filter((each) => each.disabled).map((each) => each.value);
  expect(off).toEqual(["activation", "frequency"]);
});

test("what is typed filters the wall, dead units too", async () => {
  const view = await opened({ channel: 0 });
  const search = view.find<HTMLInputElement>("input[type=search]");
  search.value = "dead, 1";
  search.dispatchEvent(new Event("input"));
  await settle();
  expect(numbers(view)).toEqual([1, 3]);
  search.value = "77";
  search.dispatchEvent(new Event("input"));
  await settle();
  expect(view.find(".fg-wall-place .cnn-msg h3").textContent).toBe("No channel matches");
});

test("1, 2 and 3 change what the tiles show", async () => {
  const view = await opened({ channel: 0 });
  press(view.find(".cnn"), "1");
  await settle();
  expect(view.model.get("mode")).toBe("weights");
  expect(words(view)).toEqual(["0", "1", "2", "3", "4", "5zero"]);
  press(view.find(".cnn"), "3");
  await settle();
  expect(words(view)).toEqual(["06", "15", "24", "3silent", "42", "51"]);
});

test("a layer without filters says so, and a press goes to one that has some", async () => {
  const view = await opened({ mode: "weights", weights: { layer: "conv1", why: "conv1 is a ReLU, which has no filters.", near: ["conv2"] } });
  expect(view.find(".fg-wall-place .cnn-msg h3").textContent).toBe("This layer has no filters");
  view.find(".fg-wall-place .cnn-btn").click();
  expect(view.model.get("layer")).toBe("conv2");
});

test("without a data set the patches say what to do", async () => {
  const view = await opened({ mode: "patches", wall: filterWall({ pictures: 0, seen: 0, peak: bytes(), frequency: bytes() }) });
  expect(view.find(".fg-wall-place .cnn-msg").textContent).toContain("dataset=");
});

test("frames of the film are walked with keys, and those not computed stay empty in their places", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1, { film: { steps: [0, 3], data: [bytes(1), bytes(2)] } }) });
  const frames = () => view.all(".fg-film [role=radio]").map((each) => [each.textContent, each.getAttribute("aria-checked"), each.getAttribute("aria-disabled")]);
  expect(frames()).toEqual([["0", "false", null], ["3", "true", null], ["12", "false", "true"]]);
  press(view.find(".cnn"), ",");
  expect(frames()[0][1]).toBe("true");
  expect(view.find(".fg-big").getAttribute("aria-label")).toContain("step 0");
  press(view.find(".cnn"), ".");
  press(view.find(".cnn"), ".");
  expect(frames()[1][1]).toBe("true");
});

test("a replay goes from the first frame to the last", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  vi.useFakeTimers();
  press(view.find(".cnn"), "r");
  const at = () => view.find(".fg-film [aria-checked=true]").dataset.step;
  expect(at()).toBe("0");
  await vi.advanceTimersByTimeAsync(150);
  expect(at()).toBe("3");
  await vi.advanceTimersByTimeAsync(1000);
  expect(at()).toBe("12");
});

test("z and Enter open the large view with everything of the unit, and Esc comes back to the tile", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  press(tiles(view)[2], "Enter");
  await settle();
  expect(view.find(".fg").dataset.large).toBe("true");
  expect(view.model.get("channel")).toBe(2);
  expect(view.find(".fg-patches").hidden).toBe(false);
  press(view.find(".cnn"), "Escape");
  await settle();
  expect(view.find(".fg").dataset.large).toBe("false");
  expect(document.activeElement).toBe(tiles(view)[2]);
  press(view.find(".cnn"), "z");
  await settle();
  expect(view.find(".fg").dataset.large).toBe("true");
});

test("a second unit is chosen with Shift or b, marked, and the way to it is asked for", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  tiles(view)[4].dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }));
  await settle();
  expect(view.model.get("channel")).toBe(1);
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "between", channel: 1, other: 4 });
  expect(tiles(view)[4].dataset.pair).toBe("true");
  tiles(view)[2].focus();
  press(tiles(view)[2], "b");
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "between", channel: 1, other: 2 });
});

test("buttons ask for the large picture and for variants, once the unit is finished", async () => {
  const view = await opened({ channel: 4, unit: filterUnit(4, { done: 6 }) });
  const [sharpen] = view.all(".fg-deeds .cnn-btn");
  const asked = view.model.sent.length;
  sharpen.click();
  expect(view.model.sent).toHaveLength(asked);
  view.model.set("channel", 1);
  view.model.set("unit", filterUnit(1));
  await settle();
  sharpen.click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "sharp", channel: 1, other: -1 });
});

test("a silent unit says why in the large picture's place", async () => {
  const view = await opened({ channel: 3, unit: filterUnit(3) });
  expect(view.find(".fg-painted .cnn-msg").textContent).toContain("The unit stayed silent.");
});

test("what can still be computed stands in the task bar", async () => {
  const view = await opened({ channel: 0 });
  const labels = () => view.all(".cnn-task-actions .cnn-btn").map((each) => each.textContent);
  expect(labels()).toEqual(["Compute all 6"]);
  view.all(".cnn-task-actions .cnn-btn")[0].click();
  expect(view.model.get("whole")).toBe(true);
  view.model.set("status", "busy");
  view.model.set("status", "ready");
  await settle();
  expect(labels()).toEqual(["Continue"]);
  view.all(".cnn-task-actions .cnn-btn")[0].click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "run", again: true });
});

test("names and notes are text, whatever stands in them", async () => {
  const view = await opened({ channel: 3, subject: HOSTILE, layer: HOSTILE, layers: [layer(HOSTILE, { channels: 6 })], wall: filterWall({ layer: HOSTILE, notes: { 3: HOSTILE }, probe: HOSTILE }), unit: filterUnit(3, { layer: HOSTILE, patches: [{ value: 1, name: HOSTILE, box: [0, 0, 1, 1] }] }) });
  press(view.find(".cnn"), "z");
  await settle();
  expect(view.el.querySelectorAll("img, script")).toHaveLength(0);
  expect((globalThis as any).hit).toBeUndefined();
});

test("a page without Python shows the layers it has and computes nothing", async () => {
  const state = galleryState({ channel: 1 });
  const entries = { conv1: { wall: state.wall, weights: state.weights, cells: state.cells, units: { 1: filterUnit(1), 2: filterUnit(2) } } };
  const view = run(widget, galleryState({ channel: 1, wall: {}, cells: {}, weights: {}, archive: { kind: "filter_gallery", entries } }));
  await settle();
  expect(view.find(".cnn").dataset.state).toBe("offline");
  expect(words(view)).toHaveLength(6);
  tiles(view)[2].click();
  await settle();
  expect(view.all(".fg-film [role=radio]")).toHaveLength(3);
  expect([...view.find<HTMLSelectElement>("select[aria-label=Layer]").options].map((each) => each.disabled)).toEqual([false, true]);
  view.all(".fg-deeds .cnn-btn")[0].click();
  expect(view.model.sent.filter(({ content }) => content.type !== "run")).toEqual([]);
});

test("two views of one model keep their own large view, and ending one leaves nothing behind", async () => {
  const first = await opened({ channel: 1 });
  const before = first.model.listeners;
  const second = show(widget, first.model);
  await settle();
  press(second.find(".cnn"), "z");
  await settle();
  expect(first.find(".fg").dataset.large).toBe("false");
  second.end();
  expect(first.model.listeners).toBe(before);
});

test("news of pictures do not scroll the wall back to the chosen unit", async () => {
  const view = await opened({ channel: 0 });
  const grid = view.find(".fg-wall .cnn-tiles");
  Object.defineProperty(grid, "clientHeight", { value: 100 });
  grid.scrollTop = 300;
  view.model.set("wall", filterWall({ seen: 3 }));
  await settle();
  view.model.set("message", "more");
  await settle();
  expect(grid.scrollTop).toBe(300);
});

test("two thousand units make few tiles", async () => {
  const count = 2000;
  const wall = filterWall({ channels: count, done: new DataView(new Int32Array(count).buffer), score: new DataView(new Float32Array(count).buffer), peak: bytes(), frequency: bytes(), profile: bytes(), pictures: 0, seen: 0, notes: {} });
  const view = await opened({ wall, layers: [layer("conv1", { channels: count })] });
  expect(tiles(view).length).toBeLessThan(60);
  expect(view.find("[role=grid]").getAttribute("aria-rowcount")).toBe("2000");
});

test("likeness is the cosine of profiles; units that never differ are like none", () => {
  const wall = readWall(filterWall(), undefined);
  const found = likeness(wall, 0);
  expect(found[1]).toBeCloseTo(127 / Math.hypot(127, 10));
  expect([found[2], found[4]]).toEqual([-1, 0]);
  expect(found[3]).toBeNaN();
  expect(mostAlike(wall, 0)[0]).toBe(1);
  expect(mostAlike(wall, 0)).not.toContain(3);
});

test("a unit is dead if it stayed silent or no picture wakes it; NaN is told apart", () => {
  const wall = readWall(filterWall({ notes: { 1: "The score was not a finite number at step 3" } }), undefined);
  expect([0, 1, 3].map((channel) => dead(wall, channel))).toEqual([false, true, true]);
  expect(deadWord(wall, 1)).toBe("NaN");
  expect(available(wall, "frequency")).toBe(true);
  expect(ordered(wall, "channel", "dead", 0)).toEqual([1, 3]);
});

test("weights are levels of the filter's own bound", () => {
  const filters = readFilters({ layer: "conv1", why: "", near: [], rgb: false, inputs: 1, shown: 1, height: 1, width: 2, dead: [], chosen: ints(0), bound: floats(0.5), data: new DataView(Int8Array.from([127, -64]).buffer) })!;
  expect(weight(filters, 0, 0, 0)).toBeCloseTo(0.5);
  expect(weight(filters, 0, 0, 1)).toBeCloseTo(-0.252, 3);
});

test("an older picture does not take the place of a newer one, and weights of another layer are not this one's", () => {
  const model = new PlainModel(galleryState());
  const store = cellStore(model as never, () => {}, new AbortController().signal);
  const parcel = (done: number) => model.emit("msg:custom", { type: "cells", kind: "synthesized", layer: "conv1", key: "k1", channels: [4], done: [done], scores: [1] }, [bytes(done)]);
  [9, 2].forEach(parcel);
  expect(store.picture(store.wall("conv1")!, 4)).toMatchObject({ done: 9 });
  expect([store.weights("conv1")?.layer, store.weights("conv2")]).toEqual(["conv1", null]);
});

/** The colors that are put on a canvas, one number a pixel. */
function painted(more: object): number[] {
  const pixels: number[] = [];
  vi.stubGlobal("ImageData", class { constructor(public data: Uint8ClampedArray) {} });
  const canvas = { width: 0, height: 0, getContext: () => ({ putImageData: ({ data }: ImageData) => pixels.push(...new Uint32Array(data.slice().buffer)) }) };
  const told = { layer: "c", why: "", near: [], rgb: true, inputs: 3, shown: 3, height: 1, width: 1, dead: [], chosen: ints(0, 1, 2), bound: floats(1, 1), data: new DataView(Int8Array.from([127, 0, -127, 0, 0, 127]).buffer), ...more };
  paintFilter(canvas as never, readFilters(told)!, 0, "light");
  vi.unstubAllGlobals();
  return pixels;
}

test("a filter over colors is painted in them: red, then green, then blue", () => {
  expect(painted({})).toEqual([0xff0180ff]);
});

test("a filter over many inputs is painted map by map", () => {
  const [first, second, third] = painted({ rgb: false });
  expect(new Set([first, second, third]).size).toBe(3);
  expect(painted({ rgb: false, data: new DataView(Int8Array.from([127, 0, -127, 9, 9, 9]).buffer) })).toEqual(painted({ rgb: false }));
});

test("without motion a replay shows the last frame at once", async () => {
  const before = globalThis.matchMedia;
  globalThis.matchMedia = ((query: string) => ({ matches: query.includes("reduced-motion"), addEventListener() {} })) as never;
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  press(view.find(".cnn"), ",");
  press(view.find(".cnn"), "r");
  expect(view.find(".fg-film [aria-checked=true]").dataset.step).toBe("12");
  globalThis.matchMedia = before;
});

test("another unit is shown at its last frame, whichever was looked at before", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  press(view.find(".cnn"), ",");
  expect(view.find(".fg-film [aria-checked=true]").dataset.step).toBe("3");
  view.model.set("channel", 2);
  view.model.set("unit", filterUnit(2));
  await settle();
  expect(view.find(".fg-film [aria-checked=true]").dataset.step).toBe("12");
});

test("a unit is no second one to itself", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  const asked = view.model.sent.length;
  tiles(view)[1].dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }));
  await settle();
  expect(view.model.sent).toHaveLength(asked);
  expect(tiles(view)[1].dataset.pair).toBe("false");
});

test("a tile has a bar only while its picture sharpens", async () => {
  const view = await opened({ channel: 0 });
  expect(tiles(view).map((tile) => tile.querySelector<HTMLElement>(".fg-step")!.dataset.on)).toEqual(["false", "false", "false", "false", "true", "false"]);
});

test("a saved page asks for no deed by key either", async () => {
  const state = galleryState({ channel: 1 });
  const view = run(widget, { ...state, archive: { kind: "filter_gallery", entries: { conv1: { wall: state.wall, weights: state.weights, cells: state.cells, units: { 1: filterUnit(1) } } } } });
  await settle();
  press(view.find(".cnn"), "s");
  expect(view.model.sent.filter(({ content }) => content.type === "sharp")).toEqual([]);
});

test("the wall does not jump while it sharpens, and is sorted anew when that is over", async () => {
  const view = await opened({ sort: "response", channel: 0, status: "busy" });
  await new Promise((done) => setTimeout(done, 600)); // so long it takes until it counts as busy
  view.model.set("message", "busy");
  await settle();
  const before = numbers(view);
  view.model.set("wall", filterWall({ done: ints(12, 12, 12, 12, 12, 0), score: floats(9, 3, 2, 0, 0.5, NaN) }));
  await settle();
  expect(numbers(view)).toEqual(before);
  view.model.set("status", "ready");
  await settle();
  expect(numbers(view)[0]).toBe(0);
});
