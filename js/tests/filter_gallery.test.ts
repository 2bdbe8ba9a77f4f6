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

/** From now on every canvas knows what was drawn on it last: the first byte of the file, and from which place of it. */
function drawings(): void {
  vi.stubGlobal("createImageBitmap", async (file: Blob) => ({ name: new Uint8Array(await file.arrayBuffer())[0], width: 30, height: 30, close() {} }));
  vi.stubGlobal("ImageData", class {});
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (this: HTMLCanvasElement) {
    return { clearRect() {}, putImageData() {}, drawImage: ({ name }: { name: number }, ...from: number[]) => { this.dataset.drawn = [name, ...from.slice(0, 2)].join(); } } as never;
  } as never);
}
const drawn = (canvas: HTMLElement) => canvas.dataset.drawn;
const decoded = async () => { for (let k = 0; k < 4; k++) await new Promise((done) => setTimeout(done)); };

afterEach(() => { vi.unstubAllGlobals(); vi.restoreAllMocks(); });

const studied = (data: DataView[], more: object = {}) => ({ done: 12, steps: 12, size: [96, 96], data, ...more });

test.each([
  ["a frame of the film", ".fg-film [role=radio]", 1, "pointerover", "pointerleave", ".fg-film", "2,0,0", "step 3"],
  ["a variant", ".fg-variants canvas", 1, "pointerenter", "pointerleave", "", "12,0,0", "variant 2"],
  ["a variant by keyboard", ".fg-variants canvas", 2, "focus", "blur", "", "13,0,0", "variant 3"],
  ["a picture on the way", ".fg-way canvas", 2, "pointerenter", "pointerleave", "", "23,0,0", "100 % 4"],
])("the large picture is %s while one looks at it, and itself again after", async (_, query, place, on, off, leaves, file, told) => {
  drawings();
  const unit = filterUnit(1, { variants: studied([bytes(11), bytes(12), bytes(13)]), between: studied([bytes(21), bytes(22), bytes(23)], { other: 4 }) });
  const view = await opened({ channel: 1, unit });
  await decoded();
  const large = view.find(".fg-big");
  expect(drawn(large)).toBe("255,0,0");
  const part = view.all(query)[place];
  part.dispatchEvent(new Event(on, { bubbles: on === "pointerover" }));
  await decoded();
  expect(drawn(large)).toBe(file);
  expect(view.find(".fg-painted .fg-line span").textContent!.replace(/\s/g, " ")).toContain(told);
  (leaves ? view.find(leaves) : part).dispatchEvent(new Event(off));
  await decoded();
  expect(drawn(large)).toBe("255,0,0");
  expect(view.find(".fg-painted .fg-line span").textContent).not.toContain(told);
});

test("a variant that is not painted yet changes nothing, and another unit ends a look aside", async () => {
  drawings();
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  view.all(".fg-variants canvas")[0].dispatchEvent(new Event("pointerenter"));
  await decoded();
  expect(drawn(view.find(".fg-big"))).toBe("255,0,0");
  view.find(".fg-film [role=radio]").dispatchEvent(new Event("pointerover", { bubbles: true }));
  view.model.set("channel", 0);
  view.model.set("unit", filterUnit(0));
  await settle();
  await decoded();
  expect(view.find(".fg-painted .fg-line span").textContent).not.toContain("step");
});

test("patches stand in the order of their answers: the first three in the first row of the sheet", async () => {
  drawings();
  const patches = [9, 8, 7, 6, 5].map((value) => ({ value, name: `${value}.jpg`, box: [0, 0, 4, 4] }));
  const view = await opened({ channel: 1, mode: "patches", unit: filterUnit(1, { patches, sheet: bytes(77) }) });
  await decoded();
  const tiles = view.all(".fg-patch-list > div");
  expect(tiles.map((tile) => drawn(tile.querySelector("canvas")!))).toEqual(["77,0,0", "77,10,0", "77,20,0", "77,0,10", "77,10,10"]);
  expect(tiles.map((tile) => tile.querySelector(".cnn-clip")!.textContent)).toEqual(["9.jpg", "8.jpg", "7.jpg", "6.jpg", "5.jpg"]);
  expect(tiles.map((tile) => tile.querySelector("b")!.textContent)).toEqual(["9", "8", "7", "6", "5"]);
});

test("the units most alike stand still while pictures come, so that they can be pressed", async () => {
  const view = await opened({ channel: 0 });
  const before = view.all(".fg-alike button");
  view.model.set("unit", filterUnit(0, { done: 9 }));
  await settle();
  expect(view.all(".fg-alike button")).toEqual(before);
  expect(before[0].isConnected).toBe(true);
  before.find((each) => each.dataset.item === undefined && each.textContent!.startsWith("1"))!.click();
  expect(view.model.get("channel")).toBe(1);
});

test("files that are no pictures are counted, and a data set that nothing came of says why", async () => {
  const view = await opened({ channel: 0, mode: "patches", wall: filterWall({ pictures: 6, seen: 5, unreadable: ["a.png"] }) });
  expect(view.find(".fg-about").textContent).toBe("6 units, 5 of 6 pictures, 1 cannot be read");
  expect(view.find(".fg-about").title).toBe("a.png");
  view.model.set("wall", filterWall({ pictures: 6, seen: 0, peak: bytes(), frequency: bytes(), unread: "Picture 1 is none." }));
  await settle();
  expect(view.find(".fg-wall-place .cnn-msg").textContent).toContain("Picture 1 is none.");
});

test("a data set that broke off can be read again when every unit is painted", async () => {
  const view = await opened({ channel: 0, wall: filterWall({ done: ints(12, 12, 12, 12, 12, 12) }) });
  const labels = () => view.all(".cnn-task-actions .cnn-btn").map((each) => each.textContent);
  expect(labels()).toEqual([]);
  expect(view.find(".cnn").hasAttribute("data-amiss")).toBe(false);
  view.model.set("wall", filterWall({ done: ints(12, 12, 12, 12, 12, 12), unread: "Picture 3 cannot be fetched." }));
  view.model.set("message", "Picture 3 cannot be fetched.");
  await settle();
  expect(labels()).toEqual(["Read the data set again"]);
  expect(view.find(".cnn").hasAttribute("data-amiss")).toBe(true);
  view.all(".cnn-task-actions .cnn-btn")[0].click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "run", again: true });
});

test("the large picture is the sharp one where there is one, with its size and step; a frame that is chosen comes before it", async () => {
  drawings();
  const view = await opened({ channel: 1, unit: filterUnit(1, { sharp: studied([bytes(31)], { done: 6, steps: 48, size: [512, 512] }) }) });
  await decoded();
  const under = () => view.find(".fg-painted .fg-line span").textContent!.replace(/\s/g, " ");
  expect([drawn(view.find(".fg-big")), under()]).toEqual(["31,0,0", "512 × 512 px, sharpening, step 6 of 48"]);
  view.model.set("unit", filterUnit(1, { sharp: studied([bytes(32)], { done: 48, steps: 48, size: [512, 512] }) }));
  await settle();
  await decoded();
  expect([drawn(view.find(".fg-big")), under()]).toEqual(["32,0,0", "512 × 512 px"]);
  view.all(".fg-film [role=radio]")[1].click();
  await decoded();
  expect([drawn(view.find(".fg-big")), under()]).toEqual(["2,0,0", "96 × 96 px, step 3"]);
});

test("only what can still be done is offered", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  const offered = () => view.all(".fg-deeds .cnn-btn").filter((each) => !each.hidden).map((each) => each.textContent);
  expect(offered()).toEqual(["Sharpen to 512 px", "Three more", "Strongest patches"]);
  view.model.set("unit", filterUnit(1, { sharp: studied([bytes(1)]), variants: studied([bytes(1), bytes(2), bytes(3)]) }));
  await settle();
  expect(offered()).toEqual(["Strongest patches"]);
  press(view.find(".cnn"), "z");
  await settle();
  expect(offered()).toEqual([]);
  press(view.find(".cnn"), "z");
  view.model.set("wall", filterWall({ pictures: 0, seen: 0, peak: bytes(), frequency: bytes() }));
  view.model.set("channel", 3);
  await settle();
  expect(offered()).toEqual([]);
});

test("without a data set nothing is told of one", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1), wall: filterWall({ pictures: 0, seen: 0, peak: bytes(), frequency: bytes() }) });
  press(view.find(".cnn"), "z");
  await settle();
  expect(view.find(".fg-patches").hidden).toBe(true);
  expect(view.all(".fg-numbers dt").map((each) => each.textContent)).toEqual(["Answer to its picture"]);
});

test("a number beyond the last unit, or the unit itself, is no second one", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  const asked = view.model.sent.length;
  const input = view.find<HTMLInputElement>(".fg-between input");
  for (const wrong of ["6", "1", "-1", "2.5", "x"]) {
    input.value = wrong;
    view.find(".fg-between .cnn-btn").click();
    expect(view.find(".fg-between p").textContent).toBe("Write another unit's number, 0 to 5, or choose one on the wall with b.");
  }
  expect(view.model.sent).toHaveLength(asked);
  input.value = "5";
  view.find(".fg-between .cnn-btn").click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "between", channel: 1, other: 5 });
});

test("in a page without Python no way is painted", async () => {
  const state = galleryState({ channel: 1 });
  const view = run(widget, { ...state, archive: { kind: "filter_gallery", entries: { conv1: { wall: state.wall, weights: state.weights, cells: state.cells, units: { 1: filterUnit(1) } } } } });
  await settle();
  expect(view.find(".fg-between .cnn-btn").getAttribute("aria-disabled")).toBe("true");
});

test("another recipe ends the look at a frame", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  press(view.find(".cnn"), ",");
  view.model.set("wall", filterWall({ key: "k2" }));
  view.model.set("unit", filterUnit(1, { key: "k2" }));
  await settle();
  expect(view.find(".fg-film [aria-checked=true]").dataset.step).toBe("12");
});

test("a unit that no picture wakes is silent on the wall, whatever it answers to its own", async () => {
  const view = await opened({ channel: 0, wall: filterWall({ frequency: floats(0.5, 0, 0.25, 0, 0.75, 0.5) }) });
  expect(words(view)[1]).toBe("1silent");
  expect(view.model.get("wall").notes[1]).toBeUndefined();
});

test("tiles show sheets of patches, and each unit's own", async () => {
  drawings();
  const cells = { layer: "conv1", key: "k1", channels: [0, 1], done: [12, 12], data: [bytes(1), bytes(2)], patched: [0, 1], patches: [bytes(41), bytes(42)] };
  const view = await opened({ channel: 0, mode: "patches", cells });
  await decoded();
  expect(tiles(view).slice(0, 2).map((tile) => drawn(tile.querySelector("canvas")!))).toEqual(["41,0,10", "42,0,10"]); // the last of the four that are shown
});

test("Shift and Enter is left to the notebook, which runs the cell", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  tiles(view)[2].dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", shiftKey: true, bubbles: true, cancelable: true }));
  await settle();
  expect(view.find(".fg").dataset.large).toBe("false");
});

test("a message brings the answer, or that there is none, and why nothing came", async () => {
  const view = await opened({ channel: 0, sort: "response" });
  const parcel = (channel: number, score: number | null, notes = {}) => view.model.emit("msg:custom", { type: "cells", kind: "synthesized", layer: "conv1", key: "k1", channels: [channel], done: [12], scores: [score], notes }, [bytes(1)]);
  parcel(4, null);
  parcel(5, 7, { 5: "The unit stayed silent." });
  await settle();
  const said = (channel: number) => view.find(`.fg-wall [data-item="${channel}"]`).getAttribute("aria-label");
  expect(said(4)).toMatch(/^conv1:4, answers (–|NaN|—|not)/);
  expect(said(5)).toBe("conv1:5, silent");
});

test("likeness is to the unit that is asked about, also after another was", () => {
  const wall = readWall(filterWall(), undefined);
  expect(likeness(wall, 0)[0]).toBeCloseTo(1);
  expect(likeness(wall, 3)[0]).not.toBeCloseTo(1);
  expect(likeness(wall, 0)[0]).toBeCloseTo(1);
});

test("another layer begins with its wall, not with a large view", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  press(view.find(".cnn"), "z");
  await settle();
  view.model.set("layer", "conv2");
  await settle();
  expect(view.find(".fg").dataset.large).toBe("false");
});

test("before the first unit stands the last one, and after it the first", async () => {
  const view = await opened({ channel: 0, unit: filterUnit(0) });
  view.find("[aria-label='Unit before']").click();
  expect(view.model.get("channel")).toBe(5);
  await settle();
  view.find("[aria-label='Unit after']").click();
  expect(view.model.get("channel")).toBe(0);
});

test("a saved page without patches has no such mode", async () => {
  const state = galleryState({ channel: 1, wall: filterWall({ pictures: 0, seen: 0, peak: bytes(), frequency: bytes() }) });
  const view = run(widget, { ...state, archive: { kind: "filter_gallery", entries: { conv1: { wall: state.wall, weights: state.weights, cells: state.cells, units: {} } } } });
  await settle();
  press(view.find(".cnn"), "3");
  expect(view.model.get("mode")).toBe("synthesized");
});

test("what is being typed is not taken away when news come", async () => {
  const view = await opened({ channel: 0 });
  const search = view.find<HTMLInputElement>("input[type=search]");
  search.focus();
  search.value = "1, d";
  view.model.set("wall", filterWall({ seen: 3 }));
  await settle();
  expect(search.value).toBe("1, d");
});

test("a press on a frame ends the replay", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  vi.useFakeTimers();
  press(view.find(".cnn"), "r");
  view.all(".fg-film [role=radio]")[1].click();
  await vi.advanceTimersByTimeAsync(2000);
  expect(view.find(".fg-film [aria-checked=true]").dataset.step).toBe("3");
});

test("arrows on the film go from frame to frame, the focus with them", async () => {
  const view = await opened({ channel: 1, unit: filterUnit(1) });
  const frames = view.all(".fg-film [role=radio]");
  frames[2].focus();
  press(frames[2], "ArrowLeft");
  expect(view.find(".fg-film [aria-checked=true]").dataset.step).toBe("3");
  expect(document.activeElement).toBe(frames[1]);
  press(frames[1], "Home");
  expect(view.find(".fg-film [aria-checked=true]").dataset.step).toBe("0");
});

test("variants, and pictures on the way, are one tab stop each: arrows go through them and show each large", async () => {
  drawings();
  const unit = filterUnit(1, { variants: studied([bytes(11), bytes(12), bytes(13)]), between: studied([bytes(21), bytes(22), bytes(23)], { other: 4 }) });
  const view = await opened({ channel: 1, unit });
  const parts = view.all(".fg-variants canvas");
  expect([...parts, ...view.all(".fg-way canvas")].map((each) => each.tabIndex)).toEqual([0, -1, -1, 0, -1, -1]);
  parts[0].focus();
  press(parts[0], "ArrowRight");
  await decoded();
  expect([document.activeElement, drawn(view.find(".fg-big"))]).toEqual([parts[1], "12,0,0"]);
  expect(parts.map((each) => each.tabIndex)).toEqual([-1, 0, -1]);
  press(parts[1], "End");
  press(parts[2], "ArrowRight");
  expect(document.activeElement).toBe(parts[2]);
});
