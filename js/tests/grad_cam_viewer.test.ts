// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { found } from "../src/kit/class_list";
import { readHeatmap } from "../src/kit/heatmap_store";
import { explain, reasonOf, spatialNear } from "../src/kit/why_empty";
import widget from "../src/widgets/grad_cam_viewer";
import { camState, floats, heatmap, layer, picture, press, run, settle } from "./states";

type Shown = { all: (query: string) => HTMLElement[]; find: (query: string) => HTMLElement };
const rows = (view: Shown) => view.all(".cnn-class-room [role=row]");
const reads = (view: Shown) => view.all(".cnn-cam-read").map((line) => line.textContent!.replaceAll("\u202f", " "));

afterEach(() => vi.useRealTimers());

test("classes are listed by probability, with A marked", async () => {
  const view = run(widget, camState());
  await settle();
  expect(rows(view).map((row) => row.querySelector(".cnn-class-name")!.textContent)).toEqual(["dog", "owl", "cat"]);
  expect(rows(view).map((row) => row.getAttribute("aria-selected"))).toEqual(["true", "false", "false"]);
});

test("without labels classes read by number, and can be found by it", async () => {
  const view = run(widget, camState({ labels: [] }));
  await settle();
  expect(rows(view)[0].textContent).toContain("class 1");
  const classes = { labels: [], scores: new Float32Array(100), count: 100, a: 0, b: -1, available: () => true };
  expect(found(classes, "class 42")).toEqual([42]);
  expect(found(classes, "7")).toContain(7);
});

test("hostile class names are text", async () => {
  const name = "<img src=x onerror=globalThis.hit=1>";
  const view = run(widget, camState({ labels: [name, name, name] }));
  await settle();
  expect(view.el.querySelectorAll("img[onerror], img[src=x]")).toHaveLength(0);
  expect(view.find(".cnn-cam h3").textContent).toBe(name);
});

test("of many classes only those in view exist", async () => {
  const view = run(widget, camState({ labels: Array.from({ length: 21000 }, (_, k) => `name ${k}`), pictures: [picture("a", new Array(21000).fill(0))] }));
  await settle();
  expect(rows(view).length).toBeLessThan(40);
  expect(view.find("[role=grid]").getAttribute("aria-rowcount")).toBe("21000");
});

test("a class whose map is known is painted at once, without asking", async () => {
  const view = run(widget, camState({ heatmaps: [heatmap(0, "conv1", 1), heatmap(0, "conv1", 0, [1, 1, -1, -1])] }));
  await settle();
  expect(reads(view)).toEqual(["50 % of 2 × 2 positions speak for it"]);
  rows(view)[2].click();
  await settle();
  expect(view.model.get("target")).toBe(0);
  expect(view.find(".cnn-cam h3").textContent).toBe("cat");
});

test("arrows run through the classes: each is set, the last wins, the old map stays and says that it is older", async () => {
  vi.useFakeTimers();
  const view = run(widget, camState());
  await vi.advanceTimersByTimeAsync(0);
  const saved: number[] = [];
  view.model.onsave = () => saved.push(view.model.get("target"));
  rows(view)[0].focus();
  press(document.activeElement!, "ArrowDown");
  press(document.activeElement!, "ArrowDown");
  expect(saved).toEqual([2, 0]);
  await vi.advanceTimersByTimeAsync(200);
  expect(reads(view)).toEqual(["Older: dog at conv1"]);
  view.model.set("heatmaps", [heatmap(0, "conv1", 2)]);
  await vi.advanceTimersByTimeAsync(0);
  expect(reads(view)).toEqual(["Older: dog at conv1"]);
  view.model.set("heatmaps", [heatmap(0, "conv1", 0, [1, 2, 3, 4])]);
  await vi.advanceTimersByTimeAsync(0);
  expect(reads(view)).toEqual(["100 % of 2 × 2 positions speak for it"]);
});

test("a and b in the class list say which picture shows the class", async () => {
  const view = run(widget, camState());
  await settle();
  rows(view)[1].focus();
  press(rows(view)[0], "ArrowDown");
  press(document.activeElement!, "b");
  await settle();
  expect(view.model.get("compare")).toBe(2);
  press(document.activeElement!, "ArrowDown");
  await settle();
  expect([view.model.get("target"), view.model.get("compare")]).toEqual([2, 2]);
  press(document.activeElement!, "a");
  expect(view.model.get("target")).toBe(0);
});

test("x swaps, m shows signs, brackets change the opacity, Esc goes back to one", async () => {
  const view = run(widget, camState({ compare: 0, heatmaps: [heatmap(0, "conv1", 1), heatmap(0, "conv1", 0)] }));
  await settle();
  for (const key of ["x", "m", "]"]) press(view.find(".cnn"), key);
  expect(["target", "compare", "signed", "opacity"].map((name) => view.model.get(name))).toEqual([0, 1, true, 0.9]);
  press(view.find(".cnn"), "Escape");
  expect(view.model.get("compare")).toBe(-1);
  expect(press(view.find(".cnn"), "Escape").defaultPrevented).toBe(false);
});

test("choosing leaves the rows of the list as they are, so that a second click finds the same one", async () => {
  const view = run(widget, camState());
  await settle();
  const before = rows(view);
  for (const row of [...before, ...before]) { row.querySelector<HTMLElement>("[data-letter=A]")!.click(); await settle(); }
  expect(rows(view)).toEqual(before);
  expect(rows(view).every((row, k) => row === before[k])).toBe(true);
  expect(view.model.get("target")).toBe(0);
});

test("letters typed into the search stay there", async () => {
  const view = run(widget, camState());
  await settle();
  for (const key of ["a", "b", "m", "x", "i"]) press(view.find("input[type=search]"), key);
  expect(["target", "compare", "signed", "image"].map((name) => view.model.get(name))).toEqual([1, -1, false, 0]);
});

test("an empty map says why and offers the way out", async () => {
  const view = run(widget, camState({ heatmaps: [heatmap(0, "conv1", 1, [-1, -2, -3, 0], "no positive value")] }));
  await settle();
  expect(view.find(".cnn-cam-empty h3").textContent).toBe("Nothing speaks for this class");
  view.find(".cnn-cam-empty .cnn-btn").click();
  await settle();
  expect(view.model.get("signed")).toBe(true);
  expect(view.find(".cnn-cam-empty").hidden).toBe(true);
});

test("a layer with one position leads to the nearest that has more", async () => {
  const view = run(widget, camState({ layer: "fc", heatmaps: [{ ...heatmap(0, "fc", 1, [0]), height: 1, width: 1, why: "one position only" }] }));
  await settle();
  view.find(".cnn-why .cnn-btn").click();
  expect(view.model.get("layer")).toBe("conv2");
});

test.each([
  ["The layer has one position only, so its map would be one flat color.", [1, 0, 0, 0], "position"],
  ["No position speaks for it: every value is negative or zero.", [-1, -1, -1, -2], "positive"],
  ["Every position has the same value: the map says nothing about where.", [1, 1, 1, 1], "constant"],
  ["Every value is zero: the gradient is zero.", [0, 0, 0, 0], "gradient"],
  ["The map holds NaN or infinite values.", [NaN, 1, 2, 3], "nan"],
  ["", [Infinity, 1, 2, 3], "nan"],
  ["For some other reason.", [-1, 0, 1, 2], "constant"],
  ["", [0, 0, 0, 0], "gradient"],
  ["", [2, 2, 2, 2], "constant"],
  ["", [NaN, NaN, NaN, NaN], "nan"],
  ["", [-1, 0, 1, 2], null],
])("the reason %j with values %j is %s", (why, values, reason) => {
  const cam = readHeatmap(heatmap(0, "conv1", 1, values, why));
  expect(reasonOf(cam, false)).toBe(reason);
  if (reason) expect(explain(reasonOf(cam, false)!, layer("conv1"), why).text.length).toBeGreaterThan(20);
});

test("a whole sentence from Python is passed on", () => {
  const sentence = "Every weight of this layer is zero, so nothing flows back.";
  expect(explain("gradient", layer("conv1"), sentence).text).toBe(sentence);
});

test("the nearest spatial layer is the block before, not a part of it nor a container", () => {
  const layers = [
    layer("stem"), layer("body", { container: true }), layer("body.0", { kind: "Block", parent: "body" }), layer("body.0.conv", { parent: "body.0" }),
    layer("pool", { height: 1, width: 1 }), layer("fc", { height: 0, width: 0 }),
  ];
  expect(spatialNear(layers, "fc")?.name).toBe("body.0");
  expect(spatialNear([layer("pool", { height: 1, width: 1 }), layer("late")], "pool")?.name).toBe("late");
});

test("a saved page offers only the classes that were saved", async () => {
  const view = run(widget, camState({ heatmaps: [], archive: { kind: "grad_cam_viewer", entries: { "0|conv1|1": heatmap(0, "conv1", 1) } } }));
  await settle();
  await settle();
  expect(rows(view).map((row) => row.getAttribute("aria-disabled"))).toEqual([null, "true", "true"]);
  expect(reads(view)).toEqual(["50 % of 2 × 2 positions speak for it"]);
  rows(view)[1].click();
  rows(view)[0].focus();
  press(rows(view)[0], "ArrowDown");
  press(document.activeElement!, "a");
  expect(view.model.get("target")).toBe(1);
  expect(view.model.sent).toEqual([]);
});

test("heatmaps at an odd byte offset are read right", async () => {
  const room = new Uint8Array(17 + 3);
  room.set(new Uint8Array(floats(1, 2, 3, 4).buffer), 3);
  const view = run(widget, camState({ heatmaps: [{ ...heatmap(0, "conv1", 1), data: new DataView(room.buffer, 3, 16) }] }));
  await settle();
  expect(reads(view)[0]).toContain("100 %");
});

test("export asks for the format chosen", async () => {
  const view = run(widget, camState());
  await settle();
  view.find(".cnn-menu-place > .cnn-btn").click();
  view.all("[role=menuitem]")[1].click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "export", format: "png" });
});
