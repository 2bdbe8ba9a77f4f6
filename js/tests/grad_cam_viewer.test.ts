// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { found } from "../src/kit/class_list";
import { readHeatmap } from "../src/kit/heatmap_store";
import { boxAt, connected } from "../src/kit/regions";
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
  ["The network is sure, and its output is saturated.", [0, 0, 0, 0], "saturated"],
  ["The network computes no ReLU, so there is nothing to guide.", [0, 0, 0, 0], "relu"],
  ["No box of dog is predicted in this picture.", [0, 0, 0, 0], "box"],
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

const hires = (target: number, values?: number[], more: object = {}) => ({ ...heatmap(0, "conv1", target, values), method: "hires_cam", ...more });
const contrastOf = (view: Shown) => view.find(".cnn-cam h3").textContent;
const choose = (view: Shown, label: string, value: string) => {
  const list = view.find(`select[aria-label='${label}']`) as HTMLSelectElement;
  list.value = value;
  list.dispatchEvent(new Event("change"));
};

test("another method asks for its own map and says what tells it apart", async () => {
  const view = run(widget, camState());
  await settle();
  expect(view.find(".gc-how").textContent).toContain("the mean of its gradient");
  choose(view, "Method", "hires_cam");
  await settle();
  expect(view.model.get("method")).toBe("hires_cam");
  expect(view.find(".gc-how").textContent).toBe("Where the network looks to say this class: each position weighted by its own gradient.");
  view.model.set("heatmaps", [hires(1, [1, 1, 1, -1])]);
  await settle();
  expect(reads(view)).toEqual(["75 % of 2 × 2 positions speak for it"]);
  expect(view.find("[role=img][aria-label^='HiResCAM for dog at conv1']")).not.toBeNull();
  choose(view, "Method", "grad_cam");
  await settle();
  expect(reads(view)).toEqual(["50 % of 2 × 2 positions speak for it"]);
});

test("a map that fills in says how far it is, is never taken for empty, and can be taken up again", async () => {
  const view = run(widget, camState({ method: "score_cam", status: "busy", heatmaps: [hires(1, [0, 0, 0, 0], { method: "score_cam", done: 0.25 })] }));
  const rest = () => view.all(".cnn-cam-told .cnn-btn").filter((each) => !each.hidden);
  await settle();
  expect(reads(view)).toEqual(["25 % of this map is computed."]);
  expect([view.find(".cnn-cam-empty").hidden, rest().length]).toEqual([true, 0]);
  view.model.set("status", "ready");
  await settle();
  rest()[0].click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "run", again: true });
  view.model.set("heatmaps", [hires(1, [0, 0, 1, 2], { method: "score_cam" })]);
  view.model.set("heatmaps", [hires(1, [0, 0, 0, 1], { method: "score_cam", done: 0.5 })]);
  await settle();
  expect(reads(view)).toEqual(["50 % of 2 × 2 positions speak for it"]);
});

test("A − B is the difference of the two maps, at once where the method allows it, signed and with one figure", async () => {
  const view = run(widget, camState({ compare: 0, heatmaps: [heatmap(0, "conv1", 1, [3, 2, 1, 0]), heatmap(0, "conv1", 0, [1, 2, 3, 5])] }));
  await settle();
  view.find("[role=radio][data-value=contrast]").click();
  await settle();
  expect([view.model.get("contrast"), view.model.get("compare")]).toEqual([true, 0]);
  expect(view.all(".cnn-cam")).toHaveLength(1);
  expect(contrastOf(view)).toBe("dog − cat");
  expect(reads(view)).toEqual(["25 % of 2 × 2 positions speak for A, 50 % for B"]);
  expect((view.find("select[aria-label='Color map']") as HTMLSelectElement).value).toBe("polar");
  choose(view, "Method", "layer_cam");
  await settle();
  expect(reads(view)).not.toEqual(["Waiting for the map."]);
  view.model.set("heatmaps", [hires(1, [1, 1, 1, -1], { method: "layer_cam", against: 0 })]);
  await settle();
  expect(reads(view)).toEqual(["75 % of 2 × 2 positions speak for A, 25 % for B"]);
  press(view.find(".cnn"), "Escape");
  expect(view.model.get("compare")).toBe(-1);
});

test("two classes with one map are not called a missing gradient", async () => {
  const view = run(widget, camState({ compare: 0, contrast: true, heatmaps: [heatmap(0, "conv1", 1), heatmap(0, "conv1", 0)] }));
  await settle();
  expect(view.find(".cnn-cam-empty h3").textContent).toBe("Nothing tells A from B");
});

test("a method that asks for no class has no contrast, and says so", async () => {
  const view = run(widget, camState({ compare: 0, contrast: true, method: "eigen_cam" }));
  await settle();
  expect(view.find(".cnn-cam-empty h3").textContent).toBe("Eigen-CAM asks for no class");
  view.find(".cnn-cam-empty .cnn-btn").click();
  expect(view.model.get("method")).toBe("grad_cam");
});

test("hiding needs no Python: the share that is left is read out and marked in the legend", async () => {
  const view = run(widget, camState({ heatmaps: [heatmap(0, "conv1", 1, [-4, 0, 2, 4])] }));
  await settle();
  const sent = view.model.sent.length;
  const slider = view.find("input[aria-label='Hide below']") as HTMLInputElement;
  slider.value = "0.6";
  slider.dispatchEvent(new Event("input"));
  await settle();
  expect(reads(view)).toEqual(["25 % of the picture reaches 60 % of the top (1 of 2 × 2 positions)"]);
  expect(view.all(".cnn-legend i").map((mark) => mark.style.left)).toEqual(["60%"]);
  press(view.find(".cnn"), "m");
  await settle();
  expect(reads(view)).toEqual(["50 % of the picture reaches 60 % of the top (2 of 2 × 2 positions)"]);
  expect(view.all(".cnn-legend i").map((mark) => mark.style.left)).toEqual(["20%", "80%"]);
  press(view.find(".cnn"), "{");
  expect(view.model.get("threshold")).toBe(0.55);
  expect(view.model.sent).toHaveLength(sent);
});

test("layers are fused by the button, by Ctrl and a click, and by the keyboard; the figure names them", async () => {
  const view = run(widget, camState());
  const option = (name: string) => view.find(`[role=option][data-name=${name}]`);
  const state = () => [view.model.get("layer"), view.model.get("fused")];
  await settle();
  view.find("[aria-pressed][title^='Choose several']").click();
  await settle();
  expect(option("fc").getAttribute("aria-disabled")).toBe("true");
  option("conv2").click();
  await settle();
  expect(state()).toEqual(["conv2", ["conv1", "conv2"]]);
  expect(view.all("[role=option][aria-selected=true]").map((each) => each.dataset.name)).toEqual(["conv1", "conv2"]);
  view.model.set("heatmaps", [heatmap(0, "conv1 + conv2", 1)]);
  await settle();
  expect(view.find("figure").textContent).toContain("Fused: conv1 and conv2");
  option("conv1").focus();
  press(option("conv1"), "+");
  await settle();
  expect(state()).toEqual(["conv2", []]);
  view.find("[aria-pressed=true][title^='Choose several']").click();
  await settle();
  option("conv1").dispatchEvent(new MouseEvent("click", { bubbles: true, ctrlKey: true }));
  await settle();
  expect(state()).toEqual(["conv1", ["conv1", "conv2"]]);
  press(view.find(".cnn"), "o");
  expect(state()).toEqual(["conv2", []]);
});

test("while layers are fused, arrows move without choosing", async () => {
  const view = run(widget, camState());
  await settle();
  press(view.find(".cnn"), "+");
  await settle();
  view.find("[role=option][data-name=conv1]").focus();
  press(document.activeElement!, "ArrowRight");
  view.model.set("opacity", 0.5);
  await settle();
  expect((document.activeElement as HTMLElement).dataset.name).toBe("conv2");
  expect([view.model.get("layer"), view.model.get("fused")]).toEqual(["conv1", []]);
  press(document.activeElement!, "+");
  await settle();
  expect(view.model.get("fused")).toEqual(["conv1", "conv2"]);
  expect((document.activeElement as HTMLElement).dataset.name).toBe("conv2");
});

const boxes = { image: 0, kind: "boxes", height: 8, width: 8, boxes: floats(0, 0, 4, 4, 2, 2, 8, 8, 4, 4, 6, 6), labels: [2, 1, 0], scores: [0.9, 0.5, 0.4], classes: new DataView(new ArrayBuffer(0)) };
const clickAt = (view: Shown, x: number, y: number) => {
  const panel = view.find(".cnn-cam-picture");
  panel.getBoundingClientRect = () => ({ left: 0, top: 0, width: 80, height: 80 }) as DOMRect;
  panel.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: x, clientY: y }));
};

test("a click chooses the smallest box there, and its class; the whole picture is a choice too", async () => {
  const view = run(widget, camState({ regions: [boxes] }));
  await settle();
  clickAt(view, 50, 50);
  await settle();
  expect([view.model.get("place"), view.model.get("target")]).toEqual([[2], 0]);
  expect(view.all(".cnn-cam-boxes [data-chosen=true]").map((box) => box.style.left)).toEqual(["50%"]);
  choose(view, "Box", "1");
  await settle();
  expect([view.model.get("place"), view.model.get("target")]).toEqual([[1], 1]);
  clickAt(view, 79, 1);
  expect(view.model.get("place")).toEqual([1]);
  press(view.find(".cnn"), "Escape");
  expect(view.model.get("place")).toEqual([]);
});

test("Enter asks about the place that arrows led to; with two classes both are asked there", async () => {
  const view = run(widget, camState({ regions: [boxes], compare: 2, heatmaps: [heatmap(0, "conv1", 1), heatmap(0, "conv1", 2)] }));
  await settle();
  const panel = view.find(".cnn-cam-picture");
  panel.focus();
  press(panel, "ArrowUp");
  await settle();
  press(panel, "ArrowLeft");
  await settle();
  expect(reads(view)[0]).toBe("row 0, column 0: −1, on owl");
  press(panel, "Enter");
  expect([view.model.get("place"), view.model.get("target"), view.model.get("compare")]).toEqual([[0], 1, 2]);
});

test("a click on a pixel asks about the class predicted there", async () => {
  const classes = new DataView(Uint16Array.from([1, 1, 0, 2, 2, 0, 2, 2]).buffer);
  const view = run(widget, camState({ regions: [{ ...boxes, kind: "segments", height: 2, width: 4, labels: [], scores: [], boxes: floats(), classes }] }));
  await settle();
  clickAt(view, 70, 60);
  await settle();
  expect([view.model.get("place"), view.model.get("target")]).toEqual([[6, 7], 2]);
  expect(view.find(".gc-place").textContent).toContain("The region of owl around row 6, column 7");
  view.all(".gc-place .cnn-btn").at(-1)!.click();
  expect(view.model.get("place")).toEqual([]);
});

test("a region is what is reached over neighbors of one class", () => {
  const classes = Uint16Array.from([1, 0, 1, 1, 1, 0]);
  for (const from of [0, 3, 4]) expect([...connected({ height: 2, width: 3, classes }, from)]).toEqual([1, 0, 0, 1, 1, 0]);
  expect(boxAt([], 0.5, 0.5)).toBe(-1);
});

test("a saved page offers the methods that were saved, and goes to where they were", async () => {
  const saved = [heatmap(0, "conv1", 1), heatmap(0, "conv1", 0, [1, 1, 0, 0]), hires(2, [1, 2, 3, -4], { layer: "conv2" })];
  const entries = { "0|conv1|1": saved[0], "0|conv1|0": saved[1], "0|conv2|2|hires_cam": saved[2] };
  const view = run(widget, camState({ heatmaps: [], archive: { kind: "grad_cam_viewer", entries } }));
  await settle();
  await settle();
  const open = view.all("select[aria-label=Method] option").filter((each) => !(each as HTMLOptionElement).disabled);
  expect(open.map((each) => each.textContent)).toEqual(["Grad-CAM", "HiResCAM"]);
  choose(view, "Method", "hires_cam");
  await settle();
  await settle();
  expect([view.model.get("layer"), view.model.get("target")]).toEqual(["conv2", 2]);
  expect(reads(view)).toEqual(["75 % of 2 × 2 positions speak for it"]);
  choose(view, "Method", "grad_cam");
  await settle();
  view.find("[role=radio][data-value=contrast]").click();
  await vi.waitFor(() => expect([contrastOf(view), view.find(".cnn-cam-empty").hidden]).toEqual(["dog − cat", true]));
});

test("a zero map offers a method that needs no gradient; a saturated network says so", async () => {
  const why = "The network gives this class 100 %, and its output is a probability: there it is saturated, so its gradient is all but zero.";
  const view = run(widget, camState({ heatmaps: [heatmap(0, "conv1", 1, [0, 0, 0, 0], why)] }));
  await settle();
  expect(view.find(".cnn-cam-empty h3").textContent).toBe("The network is too sure");
  view.all(".cnn-cam-empty .cnn-btn").find((each) => each.textContent!.includes("Ablation-CAM"))!.click();
  expect(view.model.get("method")).toBe("ablation_cam");
});
