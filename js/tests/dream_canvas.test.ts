// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { octaveSizes, whereIs } from "../src/kit/dream_plan";
import { dreamStore } from "../src/kit/dream_store";
import { placeOf } from "../src/kit/dream_strip";
import { moved } from "../src/kit/film";
import { apart } from "../src/kit/pull_curves";
import { unitOf, unitsOf, weightText } from "../src/kit/mix_panel";
import widget from "../src/widgets/dream_canvas";
import { dreamFrame, dreamPlan, dreamState, floats, layer, press, run, settle, show } from "./states";

type Shown = ReturnType<typeof run>;
const plain = (text: string | null | undefined) => (text ?? "").replaceAll("\u202f", " ");
const named = (view: Shown, label: string) => view.all("button").find((each) => (each.getAttribute("aria-label") ?? each.textContent) === label)!;
const main = (view: Shown) => view.find(".dc-transport [data-kind=primary]");
const film = (view: Shown) => view.find(".dc-track");
const slider = (view: Shown, label: string) => view.find<HTMLInputElement>(`input[aria-label="${label}"]`);
const dreams = (view: Shown) => view.model.sent.map(({ content }: any) => content).filter(({ type }: any) => type === "dream");
const kinds = (view: Shown) => view.model.sent.map(({ content }: any) => content.type);

function slide(input: HTMLInputElement, value: number) {
  input.value = String(value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

async function shown(more: object = {}): Promise<Shown> {
  const view = run(widget, dreamState(more));
  await settle();
  return view;
}

afterEach(() => { vi.useRealTimers(); vi.restoreAllMocks(); });

// words and places ---------------------------------------------------------------------------------------------------

test("a step is told by its octave, its size and its place there", () => {
  expect(plain(whereIs(dreamPlan(), 5))).toBe("octave 2 of 2 (8 × 8 px), step 2 of 3");
  expect(whereIs(dreamPlan(), 0)).toBe("the photo");
  const zoomed = dreamPlan({ sections: [...dreamPlan().sections, { kind: "zoom", number: 1, first: 7, last: 8, height: 8, width: 8 }] });
  expect(whereIs(zoomed, 8)).toBe("zoom 1 of 1, step 2 of 2");
});

test("octaves that would be below 16 pixels are left out, but never the last", () => {
  expect(octaveSizes(100, 200, 3, 2)).toEqual([[25, 50], [50, 100], [100, 200]]);
  expect(octaveSizes(40, 80, 3, 2)).toEqual([[20, 40], [40, 80]]);
  expect(octaveSizes(8, 8, 4, 1.4)).toEqual([[8, 8]]);
});

test("frames lie at even distances behind the photo and end at the end of the strip", () => {
  expect(placeOf(0, 10, 500)).toBe(20);
  expect(placeOf(1, 10, 500)).toBe(64);
  expect(placeOf(10, 10, 500)).toBe(480);
  expect(placeOf(3, 10, 500) - placeOf(2, 10, 500)).toBeCloseTo(placeOf(9, 10, 500) - placeOf(8, 10, 500));
});

test("moving along the film goes from frame to frame and stops at its ends", () => {
  expect(moved([0, 2, 4, 8], 4, 1)).toBe(8);
  expect(moved([0, 2, 4, 8], 5, -1)).toBe(2);
  expect(moved([0, 2, 4, 8], 8, 10)).toBe(8);
  expect(moved([0, 2, 4, 8], 0, -1)).toBe(0);
});

test("channels stand behind their layer, a layer whose name ends in a number behind a colon is a layer", () => {
  const layers = [layer("a"), layer("b"), layer("c:7")];
  expect(unitsOf(["b"], { "b:2": 1, "a:3": 0, c: 1, "b:1": 1 }, layers)).toEqual(["a:3", "b", "b:1", "b:2", "c"]);
  expect(unitOf("b:12", layers)).toEqual({ layer: "b", channel: 12 });
  expect(unitOf("c:7", layers)).toEqual({ layer: "c:7", channel: -1 });
  expect([0, 1, 0.25, -0.5].map(weightText)).toEqual(["out", "1.0", "0.25", "−0.5"]);
});

test("frames come one by one; a plan that keeps fewer drops the others, another reel all", () => {
  const revoke = vi.spyOn(URL, "revokeObjectURL");
  const life = new AbortController();
  const store = dreamStore(life.signal);
  const plan = dreamPlan({ kept: [0] });
  store.take(plan, { reel: 1, ...dreamFrame(0) }, {});
  store.take(dreamPlan({ kept: [0, 1, 2] }), { reel: 1, ...dreamFrame(2) }, {});
  expect(store.steps()).toEqual([0, 2]);
  expect(store.at(1)?.step).toBe(0);
  store.take(dreamPlan({ kept: [0] }), {}, {});
  expect(store.steps()).toEqual([0]);
  expect(revoke).toHaveBeenCalledTimes(1);
  store.take(dreamPlan({ reel: 2 }), { reel: 1, ...dreamFrame(3) }, { reel: 1, image: 0, frames: [dreamFrame(1)] });
  expect(store.steps()).toEqual([]);
  store.take(dreamPlan({ reel: 2 }), {}, { reel: 2, image: 0, frames: [dreamFrame(0), dreamFrame(6)] });
  expect(store.steps()).toEqual([0, 6]);
  life.abort();
  expect(revoke).toHaveBeenCalledTimes(4);
});

// what is seen -------------------------------------------------------------------------------------------------------

test("the newest frame is shown, with its place in the dream, its film and what one can do", async () => {
  const view = await shown();
  expect(plain(view.find(".dc-where").textContent)).toBe("Step 6 of 6: octave 2 of 2 (8 × 8 px), step 3 of 3");
  expect(plain(view.find(".dc-picture").getAttribute("aria-label"))).toBe("The dream: octave 2 of 2 (8 × 8 px), step 3 of 3");
  expect(film(view).getAttribute("aria-valuenow")).toBe("6");
  expect(plain(film(view).getAttribute("aria-valuetext"))).toContain("step 6, octave 2 of 2");
  expect(main(view).textContent).toBe("Dream on");
  expect(view.find(".dc-older").textContent).toBe("");
  expect(plain(view.find(".dc-classes").textContent)).toBe("Photodog70.0 %Step 6owl90.0 %");
});

test("curves are read at the frame shown, in multiples of the photo’s own; silent and unpulled units say so", async () => {
  const view = await shown();
  const read = () => view.all(".dc-one-pull").map((each) => plain(each.textContent));
  expect(read()).toEqual(["conv14 ×", "conv2:10.4"]);
  view.model.set("shown", 1);
  await settle();
  expect(read()).toEqual(["conv11 ×", "conv2:1not pulled"]);
  const curves = view.all(".dc-pulls .cnn-chart-line").map((each) => each.getAttribute("d")!.match(/[ML]/g)!.length);
  expect(curves).toEqual([7, 5]); // from the photo on; a gap where it was not pulled
});

test("units silent in the photo have an axis of their own, and each axis has round ticks", async () => {
  const view = await shown();
  const marks = view.all(".dc-bundle").map((each) => [...each.querySelectorAll(".cnn-chart-y span")].map((mark) => plain(mark.textContent)));
  expect(marks).toEqual([["1 ×", "2 ×"], ["0", "0.1", "0.2", "0.3", "0.4"]]);
  view.model.set("curves", { ...view.model.get("curves"), silent: [] });
  await settle();
  expect(view.all(".dc-bundle").map((each) => each.hidden)).toEqual([false, true]);
});

test("names stand at the ends of their lines, in the same order and never on one another", () => {
  expect(apart([80, 20])).toEqual([80, 20]);
  expect(apart([50, 48, 52])).toEqual([64, 48, 80]);
  expect(apart([96, 96, 90])).toEqual([80, 96, 64]);
  expect(apart([0, 0, 0, 0, 0, 0, 0, 0])).toEqual([0, 16, 32, 48, 64, 80, 96, 112]);
});

test("a unit that was left out for a while leaves a gap in its curve", async () => {
  const curves = { ...dreamState().curves, silent: [], values: floats(1, 1.5, NaN, NaN, 3, 4, 1, 1, 1, 1, 1, 1) };
  const view = await shown({ curves });
  expect(view.all(".dc-pulls .cnn-chart-line").map((each) => each.getAttribute("d")!.match(/M/g)!.length)).toEqual([2, 1]);
});

test("while it dreams, frames that are not there yet have their place already", async () => {
  const view = await shown({ status: "busy", progress: 0.3, plan: dreamPlan({ step: 2, kept: [0, 1, 2] }), film: {}, live: { reel: 1, ...dreamFrame(1) } });
  view.model.set("live", { reel: 1, ...dreamFrame(2) });
  await settle();
  expect(film(view).getAttribute("aria-valuenow")).toBe("2");
  expect(view.all(".dc-cells i")).toHaveLength(7);
  expect(view.all(".dc-cells i img").length).toBeLessThan(6);
  expect(main(view).textContent).toBe("Stop");
});

test("without a picture it says what to do", async () => {
  const view = await shown({ pictures: [], image: -1, status: "empty", plan: {}, film: {} });
  expect(view.find(".cnn-msg").textContent).toContain("Drop a photo anywhere here");
  expect(view.find(".dc-mix").hidden).toBe(true);
  press(view.find(".cnn"), "d");
  press(view.find(".cnn"), ".");
  expect(view.model.get("shown")).toBe(-1);
});

test("a failure stands above what was dreamed before, with the way out", async () => {
  const notice = { kind: "fail", title: "Nothing is left to climb", text: "Why.", actions: [{ label: "Bring back the last mix", set: { mix: { conv1: 2 } } }], detail: "" };
  const view = await shown({ status: "failed", notice });
  expect(view.find(".cnn-msg h3").textContent).toBe("Nothing is left to climb");
  expect(view.all(".dc-picture")).toHaveLength(1);
  named(view, "Bring back the last mix").click();
  expect(view.model.get("mix")).toEqual({ conv1: 2 });
});

test("a name with markup in it is text", async () => {
  const name = "<img src=x onerror=alert(1)>";
  const view = await shown({ labels: ["cat", name, name], rows: [name], layers: [layer(name)], mix: { [name]: 1 } });
  expect(view.all("img[src=x]")).toHaveLength(0);
  expect(view.find(".dc-row .cnn-mono").textContent).toBe(name);
});

// keys and buttons ---------------------------------------------------------------------------------------------------

test("comma and period go from frame to frame, and the newest is followed again", async () => {
  const view = await shown();
  const root = view.find(".cnn");
  press(root, ",");
  press(root, ",");
  await settle();
  expect(view.model.get("shown")).toBe(4);
  expect(main(view).textContent).toBe("Dream on from here");
  press(root, ".");
  press(root, ".");
  await settle();
  expect(view.model.get("shown")).toBe(-1);
});

test("d dreams on from the frame shown, n from the photo; while it dreams, d cancels", async () => {
  const view = await shown({ shown: 2 });
  press(view.find(".cnn"), "d");
  press(view.find(".cnn"), "n");
  expect(dreams(view)).toEqual([{ type: "dream", from: 2 }, { type: "dream", from: "photo" }]);
  view.model.set("status", "busy");
  await settle();
  press(view.find(".cnn"), "d");
  expect(kinds(view).at(-1)).toBe("cancel");
  expect(dreams(view)).toHaveLength(2);
});

test("a dream that was stopped goes on, one that is whole dreams on", async () => {
  const view = await shown({ plan: dreamPlan({ step: 4, kept: [0, 1, 2, 3, 4] }), film: { reel: 1, image: 0, frames: [0, 1, 2, 3, 4].map(dreamFrame) } });
  expect(main(view).textContent).toBe("Go on");
  main(view).click();
  expect(dreams(view)).toEqual([{ type: "dream", from: 4 }]);
});

test("the film plays from the photo to the newest frame, and Escape ends it where it is", async () => {
  const view = await shown({ speed: 50 });
  vi.useFakeTimers();
  press(view.find(".cnn"), "p");
  await vi.advanceTimersByTimeAsync(50);
  expect(Number(film(view).getAttribute("aria-valuenow"))).toBe(2);
  expect(named(view, "Stop film")).toBeTruthy();
  press(view.find(".cnn"), "Escape");
  expect(view.model.get("shown")).toBe(2);
  press(view.find(".cnn"), "p");
  await vi.advanceTimersByTimeAsync(1000);
  expect(view.model.get("shown")).toBe(-1);
  expect(kinds(view)).not.toContain("cancel");
});

test("a kernel that falls silent while it dreams is asked, and found to be gone; a word from it is enough", async () => {
  const view = await shown();
  vi.useFakeTimers();
  view.model.sent.length = 0;
  view.model.set("status", "busy");
  await vi.advanceTimersByTimeAsync(4900);
  expect(kinds(view)).toEqual([]);
  await vi.advanceTimersByTimeAsync(1700);
  expect(kinds(view)).toEqual(["run"]);
  await vi.advanceTimersByTimeAsync(1500);
  expect(view.find("section.cnn").dataset.state).toBe("offline");
  view.model.set("message", "Dreaming: octave 2 of 2");
  await vi.advanceTimersByTimeAsync(500);
  expect(view.find("section.cnn").dataset.state).toBe("busy");
});

test("with reduced motion the film jumps to its end", async () => {
  vi.spyOn(globalThis, "matchMedia").mockReturnValue({ matches: true, addEventListener() {} } as never);
  const view = await shown({ shown: 1 });
  press(view.find(".cnn"), "p");
  expect(view.model.get("shown")).toBe(-1);
});

test("arrows on the film move, with Shift ten frames, and stay inside the widget", async () => {
  const view = await shown();
  const event = press(film(view), "ArrowLeft");
  await settle();
  expect(event.defaultPrevented).toBe(true);
  expect(view.model.get("shown")).toBe(5);
  press(film(view), "ArrowLeft", { shiftKey: true });
  await settle();
  expect(view.model.get("shown")).toBe(0);
  expect(view.find(".dc-where").textContent).toContain("The photo");
});

test("pointing at the film chooses the frame there", async () => {
  const view = await shown();
  film(view).getBoundingClientRect = () => ({ left: 0, width: 512 }) as DOMRect;
  const event = new MouseEvent("pointerdown", { clientX: placeOf(3, 6, 512) + 5, button: 0, bubbles: true });
  film(view).dispatchEvent(event);
  expect(view.model.get("shown")).toBe(3);
});

test("z goes from dream to split to photo, and the line between them follows the arrows", async () => {
  const view = await shown();
  press(view.find(".cnn"), "z");
  await settle();
  const line = view.find(".dc-line");
  expect(line.hidden).toBe(false);
  press(line, "ArrowRight");
  press(line, "ArrowRight", { shiftKey: true });
  expect(line.getAttribute("aria-valuenow")).toBe("61");
  press(line, "Home");
  expect(line.getAttribute("aria-valuetext")).toBe("0 % photo at the left");
  press(view.find(".cnn"), "z");
  await settle();
  expect(view.model.get("view")).toBe("photo");
  expect(view.find(".dc-picture").getAttribute("aria-label")).toBe("The photo: cat.jpg");
  expect(line.hidden).toBe(true);
});

// the mix --------------------------------------------------------------------------------------------------------------

test("a weight is set by its slider, 0 leaves the layer out, and the picture is said to be older", async () => {
  const view = await shown();
  slide(slider(view, "conv2"), 0.7);
  await settle();
  expect(view.model.get("mix")).toEqual({ conv1: 1, "conv2:1": 0.5, conv2: 0.7 });
  expect(view.find(".dc-older").textContent).toBe("older than the mix");
  press(slider(view, "conv1"), "0");
  expect(view.model.get("mix").conv1).toBe(0);
  await settle();
  expect(slider(view, "conv1").getAttribute("aria-valuetext")).toBe("left out");
});

test("a weight of 0 is no other mix than a layer that is not named", async () => {
  const view = await shown({ mix: { conv1: 1, "conv2:1": 0.5, conv2: 0 } });
  expect(view.find(".dc-older").textContent).toBe("");
});

test("weights beyond the slider widen it", async () => {
  const view = await shown({ mix: { conv1: 5, conv2: -1 } });
  expect(slider(view, "conv1").max).toBe("5");
  expect(slider(view, "conv2").min).toBe("-1");
  expect(slider(view, "conv2").getAttribute("aria-valuetext")).toBe("−1.0");
});

test("a channel is added as its own pull, and one that does not exist is refused in a sentence", async () => {
  const view = await shown();
  named(view, "Add a layer or a channel").click();
  const channel = slider(view, "Channel; empty for the whole layer");
  channel.value = "7";
  named(view, "Pull").click();
  expect(view.find(".dc-add p").textContent).toBe("conv1 has channels 0–2; 7 is not one of them.");
  channel.value = "2";
  press(channel, "Enter");
  await settle();
  expect(view.model.get("mix")["conv1:2"]).toBe(1);
  expect(view.all(".dc-row .cnn-range").map((each) => each.getAttribute("aria-label"))).toEqual(["conv1", "conv1:2", "conv2", "conv2:1"]);
  press(channel, "Escape");
  expect(view.find(".dc-add").hidden).toBe(true);
});

test("rows in sight are asked for, and their pictures shown when they come", async () => {
  const view = await shown();
  expect(view.model.get("wanted")).toEqual(["conv1", "conv2", "conv2:1"]);
  const pictures = () => view.all(".dc-alone img").map((each) => each.hasAttribute("src"));
  expect(pictures()).toEqual([true, false, false]);
  view.model.set("alone", { ...view.model.get("alone"), "0|conv2:1": { data: dreamFrame(1).data, why: "" }, "0|conv2": { data: new DataView(new ArrayBuffer(0)), why: "Too small." } });
  await settle();
  expect(pictures()).toEqual([true, false, true]);
  expect(view.all(".dc-alone")[1].title).toBe("Too small.");
});

test("octaves, pace, canvas, guide and seed are traits, and the sizes are drawn", async () => {
  const view = await shown({ pictures: dreamState().pictures.map((each: any) => ({ ...each, width: 80, height: 40 })), plan: {} });
  expect(view.find(".dc-pyramid").getAttribute("aria-label")!.replaceAll("\u202f", " ")).toBe("Octaves of 57 × 29, 80 × 40 pixels");
  slide(slider(view, "Count"), 1);
  slide(slider(view, "Step size"), 0.02);
  const select = (label: string) => view.find<HTMLSelectElement>(`select[aria-label=${label}]`);
  select("Guide").value = "1";
  select("Guide").dispatchEvent(new Event("change"));
  select("Canvas").value = "768";
  select("Canvas").dispatchEvent(new Event("change"));
  slider(view, "Seed").value = "-4";
  slider(view, "Seed").dispatchEvent(new Event("change"));
  const set = Object.fromEntries(["octaves", "rate", "guide", "size", "seed"].map((name) => [name, view.model.get(name)]));
  expect(set).toEqual({ octaves: 1, rate: 0.02, guide: 1, size: 768, seed: 0 });
  expect(main(view).textContent).toBe("Dream");
});

// files and pages --------------------------------------------------------------------------------------------------------

test("a film is asked for with its form and its last step, and only who asked saves it", async () => {
  const view = await shown({ shown: 5 });
  const other = show(widget, view.model);
  await settle();
  const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
  view.all(".dc-save [data-value=gif]")[0].click();
  named(view, "Save the film as an animation").click();
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "save", format: "gif", step: 5 });
  view.model.emit("msg:custom", { type: "dream file", name: "a.gif", mime: "image/gif" }, [dreamFrame(1).data]);
  expect(clicked).toHaveBeenCalledTimes(1);
  other.end();
  view.model.set("saving", "Writing a.gif");
  await settle();
  expect(view.find(".dc-save [role=status]").textContent).toBe("Writing a.gif");
});

test("on a saved page the film plays and a frame can be saved; what needs Python is off", async () => {
  const archive = { kind: "dream_canvas", entries: { "0|conv2": { data: dreamFrame(4).data, why: "" } } };
  const view = await shown({ archive });
  const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
  expect(slider(view, "conv1").disabled).toBe(true);
  expect(main(view).getAttribute("aria-disabled")).toBe("true");
  expect(view.all(".dc-alone img").map((each) => each.hasAttribute("src"))).toEqual([true, true, false]);
  press(view.find(".cnn"), ",");
  await settle();
  expect(view.model.get("shown")).toBe(5);
  press(view.find(".cnn"), "d");
  press(view.find(".cnn"), "n");
  named(view, "Save the picture as PNG").click();
  expect(clicked).toHaveBeenCalledTimes(1);
  expect(view.model.sent).toEqual([]);
});

test("a dream of another picture is not shown as one of this", async () => {
  const view = await shown({ image: 1 });
  expect(view.find(".dc-strip").hidden).toBe(true);
  expect(main(view).textContent).toBe("Dream");
  expect(view.find(".dc-picture").getAttribute("aria-label")).toBe("The photo: dog.jpg");
});

test("a view that ends leaves no listener behind", async () => {
  const view = await shown();
  view.end();
  expect(view.model.listeners).toBe(0);
});
