// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { two } from "../src/kit/agreement_matrix";
import { readAttribution, topOf } from "../src/kit/attributions";
import { float16 } from "../src/kit/float16";
import { cellOf, lens } from "../src/kit/lens";
import { rootTicks } from "../src/kit/root_scale";
import { paintSwitches } from "../src/kit/stage_view";
import { readWalk, shapeOf } from "../src/kit/stages";
import widget from "../src/widgets/saliency_viewer";
import { attribution, bytes, ints, picture, press, run, saliencyState, settle, stageRow, walk } from "./states";

type Shown = { all: (query: string) => HTMLElement[]; find: (query: string) => HTMLElement; model: any };
const panels = (view: Shown) => view.all(".sv-panel[data-method]");
const methods = (view: Shown) => panels(view).map((panel) => panel.dataset.method);
const reads = (view: Shown) => panels(view).map((panel) => panel.querySelector("header .cnn-num")!.textContent!.replaceAll("\u202f", " "));
const panel = (view: Shown, method: string) => view.find(`.sv-panel[data-method=${method}]`);
const plain = (text: string | null) => text!.replaceAll("\u202f", " ");

afterEach(() => vi.useRealTimers());

/** Point at a share of the first figure, as if it were 100 pixels wide. */
function pointAt(figure: HTMLElement, y: number, x: number, type = "pointermove", more = {}) {
  figure.getBoundingClientRect = () => ({ left: 0, top: 0, width: 100, height: 100 }) as DOMRect;
  const event = new MouseEvent(type, { clientX: x * 100, clientY: y * 100, bubbles: true, ...more });
  Object.defineProperty(event, "pointerId", { value: 1 });
  figure.dispatchEvent(event);
}

test("numbers of 16 bits are read as IEEE says", () => {
  const bits = [0x0000, 0x3c00, 0xbc00, 0x3555, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x7c00, 0x7e00];
  const found = float16(bytes(...bits.flatMap((value) => [value & 255, value >> 8])));
  const true16 = [0, 1, -1, 0.333251953125, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, Infinity, NaN];
  expect([...found]).toEqual(true16.map(Math.fround));
  expect(float16(bytes(0x00, 0x3c), 2.5)[0]).toBe(2.5);
});

test("the colors of a fine map end where 99 % of it lie, those of a coarse one at its largest value", () => {
  expect(topOf(Float32Array.from({ length: 1000 }, (_, k) => -k))).toBe(990);
  expect(topOf(Float32Array.of(1, -5, 2))).toBe(5);
  expect(topOf(new Float32Array(1000).fill(0).map((_, k) => Number(k === 7)))).toBe(1);
});

test("every shown method has a panel in the order of families, with its mean correlation", async () => {
  const view = run(widget, saliencyState());
  await settle();
  expect(methods(view)).toEqual(["saliency", "guided_backprop", "deconvnet", "grad_cam"]);
  expect(reads(view)).toEqual(["ρ 0.40", "ρ 0.40", "ρ 0.17", "ρ 0.23"]);
  expect(panel(view, "saliency").getAttribute("aria-label")).toContain("Gradient for dog, from −1 to 2, agreement 0.40");
});

test("by agreement and by cost the panels change places, with no word to Python but the trait", async () => {
  const view = run(widget, saliencyState());
  await settle();
  const sent = view.model.sent.length;
  view.model.set("sort", "agreement");
  await settle();
  expect(methods(view)).toEqual(["saliency", "guided_backprop", "grad_cam", "deconvnet"]);
  view.model.set("sort", "cost");
  await settle();
  expect(methods(view)).toEqual(["grad_cam", "deconvnet", "guided_backprop", "saliency"]);
  expect(view.model.sent).toHaveLength(sent);
});

test("the pointer over one panel reads the value there in every panel, and leaving gives the correlations back", async () => {
  const view = run(widget, saliencyState());
  await settle();
  pointAt(panel(view, "saliency").querySelector(".sv-figure")!, 0.9, 0.9);
  expect(reads(view)).toEqual(["2", "−4", "0.5", "3"]);
  expect(plain(view.find(".sv-inspector .cnn-unit-read").textContent)).toContain("@1,12");
  expect(view.el.style.getPropertyValue("--hx")).toBe("0.9");
  view.model.set("signed", false);
  await settle();
  expect(reads(view)).toEqual(["2", "4", "0.5", "3"]);
  pointAt(panel(view, "saliency").querySelector(".sv-figure")!, 0.9, 0.9, "pointerleave");
  expect(reads(view)[0]).toBe("ρ 0.40");
});

test("zooming keeps what is pointed at in its place, and dragging moves the window of all", () => {
  const root = document.createElement("div");
  const view = lens(root, () => {});
  view.pointAt({ y: 0.5, x: 0.75 });
  view.magnify(2);
  expect(["--z", "--ox", "--oy"].map((name) => Number(root.style.getPropertyValue(name)))).toEqual([2, 0.375, 0.25]);
  const figure = root.appendChild(document.createElement("div"));
  view.attach(figure);
  pointAt(figure, 0.5, 0.5, "pointerdown", { button: 0 });
  pointAt(figure, 0.5, 0.7);
  expect(Number(root.style.getPropertyValue("--ox"))).toBeCloseTo(0.275);
  const chosen = vi.fn();
  root.addEventListener("click", chosen);
  figure.click();
  expect(chosen).not.toHaveBeenCalled();
  figure.click();
  expect(chosen).toHaveBeenCalledOnce();
});

test("the keyboard's pointer stays inside the window", () => {
  const root = document.createElement("div");
  const view = lens(root, () => {});
  view.magnify(4);
  view.pointAt({ y: 0.99, x: 0.01 });
  expect(Number(root.style.getPropertyValue("--oy"))).toBeGreaterThan(0.73);
  expect(Number(root.style.getPropertyValue("--ox"))).toBeLessThanOrEqual(0.01);
  expect(cellOf({ y: 0.9999, x: 0 }, { height: 7, width: 9 })).toEqual({ row: 6, column: 0 });
});

test("arrows move through the panels, and Shift with arrows moves the window instead", async () => {
  const view = run(widget, saliencyState({ zoom: 2 }));
  await settle();
  panel(view, "saliency").focus();
  press(document.activeElement!, "ArrowRight");
  expect(view.model.get("method")).toBe("guided_backprop");
  expect(document.activeElement).toBe(panel(view, "guided_backprop"));
  const before = view.el.style.getPropertyValue("--ox");
  press(document.activeElement!, "ArrowRight", { shiftKey: true });
  expect(view.model.get("method")).toBe("guided_backprop");
  expect(view.el.style.getPropertyValue("--ox")).not.toBe(before);
});

test("b cycles plain, guided and deconv; a way without a panel takes the place of the one before", async () => {
  const view = run(widget, saliencyState({ shown: ["saliency", "grad_cam"] }));
  await settle();
  press(view.find(".cnn"), "b");
  await settle();
  expect([view.model.get("shown"), view.model.get("method")]).toEqual([["guided_backprop", "grad_cam"], "guided_backprop"]);
  expect(view.find(".sv-ways [aria-checked=true]").textContent).toBe("Guided");
  for (const expected of ["deconvnet", "saliency"]) {
    press(view.find(".cnn"), "b");
    await settle();
    expect(view.model.get("method")).toBe(expected);
  }
  view.model.set("shown", ["saliency", "deconvnet", "grad_cam"]);
  await settle();
  view.all(".sv-ways button")[2].click();
  await settle();
  expect([view.model.get("shown"), view.model.get("method")]).toEqual([["saliency", "deconvnet", "grad_cam"], "deconvnet"]);
});

test("a method is switched off and on again; it comes back in its place", async () => {
  const view = run(widget, saliencyState());
  await settle();
  const toggle = (key: string) => view.find(`.cnn-toggle[data-key=${key}]`);
  toggle("guided_backprop").click();
  await settle();
  expect(methods(view)).toEqual(["saliency", "deconvnet", "grad_cam"]);
  expect(toggle("guided_backprop").getAttribute("aria-pressed")).toBe("false");
  toggle("guided_backprop").click();
  await settle();
  expect(view.model.get("shown")).toEqual(["saliency", "guided_backprop", "deconvnet", "grad_cam"]);
  for (const key of ["saliency", "guided_backprop", "deconvnet", "grad_cam"]) toggle(key).click();
  await settle();
  expect(view.find(".sv-main h3").textContent).toBe("No method shown");
  view.find(".sv-main .cnn-btn").click();
  await settle();
  expect(panels(view)).toHaveLength(4);
});

test("a method that was not listed can be added", async () => {
  const view = run(widget, saliencyState());
  await settle();
  const more = view.find(".sv-more") as HTMLSelectElement;
  expect([...more.options].map((option) => option.value)).toEqual(["", "score_cam"]);
  more.value = "score_cam";
  more.dispatchEvent(new Event("change"));
  await settle();
  expect(view.model.get("shown")).toContain("score_cam");
  expect(view.all(".cnn-toggle").map((part) => part.dataset.key)).toContain("score_cam");
  expect(panel(view, "score_cam").dataset.state).not.toBe("map");
});

test("another class keeps the older maps and says that they are older, until the new ones come", async () => {
  vi.useFakeTimers();
  const view = run(widget, saliencyState());
  await vi.advanceTimersByTimeAsync(0);
  view.all(".cnn-pick")[1].click();
  expect(view.model.get("target")).toBe(2);
  view.model.set("status", "busy");
  await vi.advanceTimersByTimeAsync(200);
  expect(reads(view)).toEqual(["older: dog", "older: dog", "older: dog", "older: dog"]);
  expect(panel(view, "saliency").dataset.state).toBe("older");
  view.model.set("heatmaps", [attribution("saliency", [5, 5, 5, 9], { target: 2 })]);
  await vi.advanceTimersByTimeAsync(0);
  expect(panel(view, "saliency").dataset.state).toBe("map");
  expect(reads(view)[1]).toBe("older: dog");
});

test("a map that grows shows how far it is", async () => {
  const growing = attribution("score_cam", [1, 2, 3, 4], { done: 3, total: 8, layer: "conv1" });
  const view = run(widget, saliencyState({ status: "busy", shown: ["saliency", "score_cam"], partial: growing }));
  await settle();
  expect(reads(view)[1]).toBe("3 of 8");
  expect(panel(view, "score_cam").querySelector<HTMLElement>(".sv-progress")!.style.width).toBe("37.5%");
  expect(panel(view, "score_cam").getAttribute("aria-label")).toBe("Score-CAM, 3 of 8 computed");
});

test("a refusal stands in its own panel, with its sentence and a way to hide it", async () => {
  const reason = "net computes no ReLU on the way from the pixels.";
  const maps = saliencyState().heatmaps.filter((each: { method: string }) => each.method !== "deconvnet");
  const view = run(widget, saliencyState({ heatmaps: [...maps, attribution("deconvnet", [0], { failed: reason })] }));
  await settle();
  expect(panel(view, "deconvnet").querySelector("p")!.textContent).toBe(reason);
  expect(reads(view)[0]).toBe("ρ 0.50");
  panel(view, "deconvnet").querySelector<HTMLElement>(".cnn-btn")!.click();
  await settle();
  expect(methods(view)).toEqual(["saliency", "guided_backprop", "grad_cam"]);
});

test("work that was cancelled can be asked for again", async () => {
  const view = run(widget, saliencyState({ heatmaps: [attribution("saliency", [1, 2, 3, 4])] }));
  await settle();
  expect(panel(view, "deconvnet").querySelector("h3:not(header h3)")!.textContent).toBe("Not computed");
  panel(view, "deconvnet").querySelector<HTMLElement>(".cnn-btn")!.click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "run", again: true });
});

test("hostile names are text", async () => {
  const name = "<img src=x onerror=globalThis.hit=1>";
  const state = saliencyState({ labels: [name, name, name], pictures: [picture(name)] });
  const view = run(widget, { ...state, methods: state.methods.map((each: object) => ({ ...each, title: name, how: name })) });
  await settle();
  expect(view.el.querySelectorAll("img[onerror], img[src=x]")).toHaveLength(0);
  expect(panels(view)[0].querySelector("h3")!.textContent).toBe(name);
});

test("the facts of a map are told, and completeness where it is claimed", async () => {
  const view = run(widget, saliencyState({ heatmaps: [attribution("saliency", [-1, 0, 1, 2], { sum: 29.7, error: -1, relus: 26 })], shown: ["saliency"] }));
  await settle();
  const facts = Object.fromEntries(view.all(".sv-inspector dt").map((name) => [name.textContent, plain(name.nextElementSibling!.textContent)]));
  expect(facts).toEqual({
    Places: "2 × 2", "Sum of the map": "29.7", "Score to explain": "30.7", "Completeness error": "3.3 %", Positive: "50 %",
    "Half its strength in": "25 %", "ReLUs intercepted": "26", "Forward + back": "1 + 1", Time: "40 ms",
  });
});

test("correlations read two digits and a true minus", () => {
  expect([0.5, -0.126, -0.001, 1, null, NaN].map(two)).toEqual(["0.50", "−0.13", "0.00", "1.00", "–", "–"]);
});

test("Up and Down walk the stages, from anywhere in the widget", async () => {
  const view = run(widget, saliencyState({ mode: "steps", stages: walk() }));
  await settle();
  expect(view.all(".sv-frame")).toHaveLength(3);
  view.all(".sv-frame")[0].focus();
  press(document.activeElement!, "ArrowDown");
  await settle();
  expect(view.model.get("step")).toBe(1);
  expect(document.activeElement).toBe(view.all(".sv-frame")[1]);
  expect(view.find(".sv-stage h3").textContent).toBe("Unpool with switches");
  press(view.find(".cnn"), "ArrowDown");
  press(view.find(".cnn"), "ArrowDown");
  await settle();
  expect(view.model.get("step")).toBe(2);
  expect(view.find(".sv-side h3").textContent).toBe("deconv:conv1");
  press(view.find(".cnn"), "u");
  expect(view.model.get("step")).toBe(1);
});

test("the last stage leads to the pixels, and back to the panels", async () => {
  const view = run(widget, saliencyState({ mode: "steps", step: 2, stages: walk() }));
  await settle();
  expect(view.all(".sv-flow figure")).toHaveLength(3);
  view.find(".sv-inspector .cnn-tools .cnn-btn").click();
  await settle();
  expect(view.model.get("mode")).toBe("compare");
  expect(view.model.get("method")).toBe("deconvnet");
});

test("a unit is asked for by its address, and its failure stands where the stages would", async () => {
  const view = run(widget, saliencyState({ mode: "steps", stages: walk() }));
  await settle();
  view.find("[aria-label='Begin at'] [data-value=unit]").click();
  const unit = view.find(".sv-unit-field") as HTMLInputElement;
  expect(unit.hidden).toBe(false);
  unit.value = " conv1:7 ";
  unit.dispatchEvent(new Event("change"));
  expect(view.model.get("unit")).toBe("conv1:7");
  view.model.set("stages", { ...walk(), unit: "conv1:7", rows: [], pixels: {}, failed: "conv1 has channels 0–2; 7 is not one of them." });
  await settle();
  expect(view.find(".sv-main p").textContent).toContain("channels 0–2");
  for (const key of ["1", "b", "m"]) press(unit, key);
  expect([view.model.get("mode"), view.model.get("signed")]).toEqual(["steps", true]);
});

test("what arrives is what left the stage before, but where it says otherwise", () => {
  const rows = [stageRow("start", [1, 0, 0, 0]), stageRow("filter", [1, 2, 3, 4]), { ...stageRow("sum", [2, 2, 2, 2]), before: { ...stageRow("", [9, 9, 9, 9]).signal, shape: [3, 2, 2] } }];
  const read = readWalk({ ...walk(), rows });
  expect(read.rows.map((row) => row.before && [...row.before.data])).toEqual([null, [1, 0, 0, 0], [9, 9, 9, 9]]);
  expect([shapeOf([12, 1, 1]), plain(shapeOf([3, 2, 5]))]).toEqual(["12 values", "3 × 2 × 5"]);
});

test("a switch is drawn where the winner was", () => {
  const drawn: Uint32Array[] = [];
  const canvas = { width: 0, height: 0, getContext: () => ({ putImageData: (image: { data: Uint8ClampedArray }) => drawn.push(new Uint32Array(image.data.buffer)) }) } as never;
  vi.stubGlobal("ImageData", class { constructor(readonly data: Uint8ClampedArray) {} });
  paintSwitches(canvas, { height: 1, width: 2, across: 4, places: new Int32Array([5, 3]) }, 2, 4);
  const bright = drawn[0][5];
  expect([...drawn[0]].map((pixel) => Number(pixel === bright))).toEqual([0, 0, 0, 1, 0, 1, 0, 0]);
  vi.unstubAllGlobals();
});

test("ticks of a root scale keep apart", () => {
  const ticks = rootTicks(500);
  expect(ticks.find((tick) => tick.text === "100")?.at ?? Math.sqrt(0.2)).toBeCloseTo(Math.sqrt(0.2));
  ticks.slice(1).forEach((tick, k) => expect(tick.at - ticks[k].at).toBeGreaterThan(0.2));
});

test("a saved page shows the classes that were saved and asks nobody", async () => {
  const archive = { kind: "saliency_viewer", entries: Object.fromEntries([1, 2].flatMap((target) => ["saliency", "deconvnet"].map((method) => {
    const info = attribution(method, [target, 2, 3, 4], { target, rho: method === "saliency" ? {} : { [`0||${target}|saliency`]: 0.25 } });
    return [`0||${target}|${method}`, info];
  }))) };
  const view = run(widget, saliencyState({ archive, heatmaps: [], shown: ["saliency", "deconvnet"] }));
  await settle();
  await settle();
  expect(reads(view)).toEqual(["ρ 0.25", "ρ 0.25"]);
  expect(view.all(".cnn-pick").map((row) => row.getAttribute("aria-disabled"))).toEqual([null, null, "true"]);
  view.all(".cnn-pick")[1].click();
  await settle();
  await settle();
  expect(view.model.get("target")).toBe(2);
  pointAt(panel(view, "saliency").querySelector(".sv-figure")!, 0, 0);
  expect(reads(view)).toEqual(["2", "2"]);
  view.all(".cnn-pick")[2].click();
  expect(view.model.get("target")).toBe(2);
  expect(view.model.sent).toEqual([]);
});

test("the stages of a saved page are found again", async () => {
  const archive = { kind: "saliency_viewer", entries: { "0||1|saliency": attribution("saliency", [1, 2, 3, 4]), "0|1|": walk() } };
  const view = run(widget, saliencyState({ archive, heatmaps: [], shown: ["saliency"], mode: "steps" }));
  await settle();
  await settle();
  expect(view.all(".sv-frame")).toHaveLength(3);
});

test("without a picture it waits for one; when all fails the notice stands in the field", async () => {
  const view = run(widget, saliencyState({ pictures: [], image: -1, heatmaps: [], status: "empty" }));
  await settle();
  expect(view.find(".sv-main h3").textContent).toBe("No picture yet");
  expect(view.find(".sv-bar").hidden).toBe(true);
  const failed = run(widget, saliencyState({ status: "failed", notice: { kind: "fail", title: "This layer cannot be used", text: "net has no layer x", actions: [], detail: "Traceback" } }));
  await settle();
  expect(failed.find(".sv-main [role=alert] h3").textContent).toBe("This layer cannot be used");
});

test("bytes at an odd offset are read right", () => {
  const info = attribution("saliency", [1, 2, 3, 4]);
  const room = new Uint8Array(9);
  room.set(new Uint8Array(info.data.buffer), 1);
  expect([...readAttribution({ ...info, data: new DataView(room.buffer, 1, 8) }).field.data]).toEqual([1, 2, 3, 4]);
  expect(ints(1).byteLength).toBe(4);
});
