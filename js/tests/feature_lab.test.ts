// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { compared } from "../src/kit/lab_field";
import { changed, CLIMB, OCTAVES, PENALTIES, titleOf, TRANSFORMS, valueOf } from "../src/kit/lab_recipe";
import { reach, readRun, valueAt } from "../src/kit/lab_run";
import { found } from "../src/kit/study_table";
import type { LabRecipe, LabRun } from "../src/traits";
import widget from "../src/widgets/feature_lab";
import { bytes, floats, ints, layer, press, run, settle } from "./states";

const NAN = NaN;
const recipe = (more: Partial<LabRecipe> = {}): LabRecipe => ({
  preset: "standard", base: {}, objective: "mean", painted: "fourier", climber: "adam", rate: 0.05, steps: 64, pad: 12, jitter: 8, scale: [0.9, 1.1], rotate: 10, settle: 4,
  octaves: 1, ratio: 1.4, alpha: false, l2: 0, l1: 0, tv: 0, blur: 0, ...more,
});
const plain = recipe({ preset: "plain", painted: "pixels", pad: 0, jitter: 0, scale: [1, 1], rotate: 0, settle: 0 });
const climbed = (more: Partial<LabRun> = {}): LabRun => ({
  unit: "conv1:2", done: 64, total: 64, height: 96, width: 96, picture: bytes(0x89, 1), mattered: {}, steps: ints(0, 32, 64), responses: floats(0, 2, 4), distances: floats(0.9, 0.8, 0.7),
  changes: [], recipe: recipe(), note: "", code: "picture = 1\n", ...more,
});
const film = (...steps: number[]) => steps.map((step) => ({ step: Math.abs(step), data: step < 0 ? bytes() : bytes(0xff, step) }));

const state = (more: object = {}) => ({
  subject: "net", status: "ready", progress: -1, message: "Climbed", notice: {}, layers: [layer("conv1"), layer("conv2", { channels: 8 }), layer("block", { container: true })], pictures: [], labels: [],
  image: -1, layer: "conv1", channel: 2, target: -1, archive: {}, side: "A", view: "one", seed: 0, size: 0, recipe_a: recipe(), recipe_b: plain,
  run_a: climbed(), run_b: climbed({ recipe: plain, picture: bytes(0x89, 2), responses: floats(0, 6, 8), distances: floats(1, 1, 0.875), code: "picture = 2\n" }),
  film_a: film(0, 32, 64), film_b: film(0, 32, 64), reference: { kind: "patch", name: "cat.jpg", data: bytes(0x89, 3), response: 2, about: "of 9 pictures: cat.jpg", distance: "Distance: LPIPS." }, study: {},
  presets: [{ key: "standard", title: "Fourier, robust", recipe: recipe({ steps: 256 }) }, { key: "plain", title: "Pixels, bare", recipe: plain }],
  ranges: { jitter: [8, 64], scale: [1, 1.4], rotate: [15, 180], octave: [1, 1.2] }, ...more,
});

afterEach(() => void vi.useRealTimers());

type Shown = ReturnType<typeof run>;
const text = (value: string | null | undefined) => (value ?? "").replaceAll("\u202f", " ");
const slider = (view: Shown, label: string) => view.find<HTMLInputElement>(`input[aria-label="${label}"]`);
const valueText = (view: Shown, label: string) => text(slider(view, label).getAttribute("aria-valuetext"));
const slide = (view: Shown, label: string, place: number) => {
  slider(view, label).value = String(place);
  slider(view, label).dispatchEvent(new Event("input"));
};
const frames = (view: Shown) => view.all(".fl-film [role=radio]");
const cells = (view: Shown) => view.all(".fl-numbers [role=row]").map((row) => text([...row.children].map((each) => each.textContent).join("|")));

test("there is a slider for every transform, penalty and part of the ascent, and each says its value", async () => {
  const view = run(widget, state());
  await settle();
  const labels = [...TRANSFORMS, ...OCTAVES, ...PENALTIES, ...CLIMB].map((knob) => knob.label);
  expect(view.all("input[type=range]").map((each) => each.getAttribute("aria-label"))).toEqual(labels);
  expect(labels).toHaveLength(13);
  expect(valueText(view, "Pad")).toBe("12 px");
  expect(valueText(view, "L2")).toBe("off");
  expect(valueText(view, "Rate")).toBe("0.05");
  expect(valueText(view, "Steps")).toBe("64");
});

test("usual ranges have a bracket, and whether a value is outside is said in words", async () => {
  const view = run(widget, state());
  await settle();
  expect(view.all(".cnn-knob .cnn-bracket").filter((each) => !each.hidden)).toHaveLength(4);
  expect(valueText(view, "Jitter")).toBe("8 px, inside the usual 8 to 64");
  expect(valueText(view, "Rotate")).toBe("±10°, outside the usual 15 to 180");
  expect(valueText(view, "Scale")).toBe("0.90–1.10, inside the usual 1 to 1.4");
  expect(view.find(".fl-key").textContent).toContain("usual range");
  const bracket = slider(view, "Jitter").parentElement!.querySelector<HTMLElement>(".cnn-bracket")!;
  expect(bracket.style.left).toContain("0.0833");
});

test("a slider that moves sets the recipe in hand, keeps all else, and shows the newest picture", async () => {
  const view = run(widget, state());
  await settle();
  frames(view)[0].click();
  await settle();
  slide(view, "Jitter", 32);
  await settle();
  expect(view.model.get("recipe_a")).toEqual(recipe({ jitter: 32 }));
  expect(view.model.get("recipe_b")).toBe(plain);
  expect(valueText(view, "Jitter")).toBe("32 px, inside the usual 8 to 64");
  expect(frames(view)[2].getAttribute("aria-checked")).toBe("true");
  view.model.set("side", "B");
  await settle();
  slide(view, "Variation", 0.5);
  await settle();
  expect(view.model.get("recipe_b")).toEqual({ ...plain, tv: 3.2 });
});

test("places and values of each slider lead back to each other", () => {
  for (const knob of [...TRANSFORMS, ...OCTAVES, ...PENALTIES, ...CLIMB]) {
    for (let place = knob.low; place <= knob.high; place += (knob.high - knob.low) / 7) {
      const value = knob.value(place);
      expect(knob.value(knob.place(value)), `${knob.name} at ${place}`).toBeCloseTo(value, 6);
    }
  }
  expect(PENALTIES[0].value(-2)).toBe(0);
  expect(PENALTIES[0].value(0)).toBe(1);
});

test("a scale reaches as far down as up", () => {
  expect(changed(recipe(), "scale", 1.25).scale).toEqual([0.8, 1.25]);
  expect(valueOf(changed(recipe(), "scale", 1.25), "scale")).toBe(1.25);
});

test("a recipe is called by its preset, and changed where it is another; steps alone do not make it so", () => {
  const presets = state().presets as never;
  expect(titleOf(recipe(), presets)).toMatchObject({ title: "Fourier, robust", own: false });
  expect(titleOf(recipe({ scale: [0.9, 1.2] }), presets).own).toBe(true);
  expect(titleOf(recipe({ preset: "" }), presets).title).toBe("Own recipe");
});

test("a preset sets all sliders, and Back to the preset takes changes away", async () => {
  const view = run(widget, state({ recipe_a: recipe({ tv: 2 }) }));
  await settle();
  const back = view.all("button").find((each) => each.textContent === "Back to the preset")!;
  back.click();
  await settle();
  expect(view.model.get("recipe_a").tv).toBe(0);
  expect(back.getAttribute("aria-disabled")).toBe("true");
  const preset = view.find<HTMLSelectElement>("select[aria-label=Preset]");
  preset.value = "plain";
  preset.dispatchEvent(new Event("change"));
  await settle();
  expect(view.model.get("recipe_a")).toBe(plain);
});

test("another way to climb brings a rate that suits it", async () => {
  const view = run(widget, state());
  await settle();
  const climber = view.find<HTMLSelectElement>("select[aria-label='Climbed by']");
  climber.value = "lbfgs";
  climber.dispatchEvent(new Event("change"));
  await settle();
  expect(view.model.get("recipe_a")).toMatchObject({ climber: "lbfgs", rate: 1 });
});

test("octaves of one size have no ratio to slide", async () => {
  const view = run(widget, state());
  await settle();
  expect(slider(view, "Each larger").disabled).toBe(true);
  expect(valueText(view, "Each larger")).toBe("one size");
  slide(view, "Octaves", 3);
  await settle();
  expect(slider(view, "Each larger").disabled).toBe(false);
  expect(valueText(view, "Each larger")).toBe("1.40 ×, outside the usual 1 to 1.2");
});

test("the film is walked by keys, frames not computed are empty wells, and the numbers follow", async () => {
  const view = run(widget, state({ film_a: film(0, 32, -64), run_a: climbed({ done: 40, steps: ints(0, 32), responses: floats(0, 2), distances: floats(0.9, 0.8) }) }));
  await settle();
  expect(frames(view).map((each) => each.getAttribute("aria-label"))).toEqual(["Step 0", "Step 32", "Step 64, not computed yet"]);
  expect(frames(view)[1].getAttribute("aria-checked")).toBe("true");
  press(view.find("section.cnn"), ",");
  await settle();
  expect(frames(view)[0].getAttribute("aria-checked")).toBe("true");
  expect(cells(view).slice(1)).toEqual(["Step|0|0", "Response|0|0", "× patch’s peak|0|0", "Distance|0.900|1.000"]);
  expect(text(view.find("[data-side=A] .fl-pic").getAttribute("aria-label"))).toBe("Recipe A, Fourier, robust, step 0 of 64");
  frames(view)[2].click();
  await settle();
  expect(frames(view)[0].getAttribute("aria-checked")).toBe("true");
  press(view.find("section.cnn"), ".");
  press(view.find("section.cnn"), ".");
  await settle();
  expect(frames(view)[1].getAttribute("aria-checked")).toBe("true");
  expect(cells(view)[1]).toBe("Step|40|64");
});

test("the film plays to its newest frame, and Escape ends it where it is", async () => {
  const view = run(widget, state());
  await settle();
  vi.useFakeTimers();
  press(view.find("section.cnn"), "p");
  await vi.advanceTimersByTimeAsync(100);
  expect(frames(view)[0].getAttribute("aria-checked")).toBe("true");
  expect(view.all("button").some((each) => each.textContent === "Stop film")).toBe(true);
  await vi.advanceTimersByTimeAsync(250);
  press(view.find("section.cnn"), "Escape");
  await vi.advanceTimersByTimeAsync(1000);
  expect(frames(view)[2].getAttribute("aria-checked")).toBe("true"); // Escape lets go of the frame, too
  const player = view.all("button").find((each) => each.textContent === "Play")!;
  player.click();
  await vi.advanceTimersByTimeAsync(250);
  player.click();
  await vi.advanceTimersByTimeAsync(1000);
  expect(frames(view)[1].getAttribute("aria-checked")).toBe("true");
  player.click();
  await vi.advanceTimersByTimeAsync(1000);
  expect(frames(view)[2].getAttribute("aria-checked")).toBe("true");
  expect(player.textContent).toBe("Play");
});

const pick = async (view: Shown, label: string, value: string) => {
  const list = view.find<HTMLSelectElement>(`select[aria-label="${label}"]`);
  list.value = value;
  list.dispatchEvent(new Event("change"));
  await settle();
  return list;
};

test("pictures of another size are asked for; auto names that of the network, and a size of one’s own is in the list", async () => {
  const view = run(widget, state());
  await settle();
  expect(text(view.find("select[aria-label=Size] option").textContent)).toBe("auto, 96 px");
  const list = await pick(view, "Size", "128");
  expect(view.model.get("size")).toBe(128);
  view.model.set("size", 100);
  await settle();
  expect([...list.options].map(({ value }) => Number(value))).toEqual([0, 64, 96, 100, 128, 160, 224, 320, 512]);
  expect(list.value).toBe("100");
  view.model.set("size", 0);
  view.model.set("run_a", climbed({ height: 10, width: 12 }));
  await settle();
  expect(text(list.options[0].textContent)).toBe("auto, 12 × 10 px");
});

test("a recipe may leave parts of its picture transparent, which then lies on squares", async () => {
  const view = run(widget, state());
  await settle();
  const list = await pick(view, "Opaque", "needed");
  expect(view.model.get("recipe_a")).toEqual(recipe({ alpha: true }));
  expect(view.find("[data-side=A] .fl-pic").hasAttribute("data-alpha")).toBe(false);
  view.model.set("run_a", climbed({ recipe: recipe({ alpha: true }) }));
  await settle();
  expect(list.value).toBe("needed");
  expect(view.find("[data-side=A] .fl-pic").dataset.alpha).toBe("true");
  expect(view.find("[data-side=B] .fl-pic").hasAttribute("data-alpha")).toBe(false);
  expect(view.find(".fl-film").dataset.alpha).toBe("true");
  await pick(view, "Opaque", "everywhere");
  expect(view.model.get("recipe_a")).toEqual(recipe());
});

test("what mattered is laid over the newest picture of the side that has it, with its colors beside", async () => {
  const mattered = { height: 1, width: 2, data: bytes(0, 255) };
  const view = run(widget, state());
  await settle();
  expect(view.find(".fl-mattered").hidden).toBe(true);
  press(view.find("section.cnn"), "m");
  view.model.set("run_a", climbed({ mattered }));
  await settle();
  expect(view.find(".fl-mattered").hidden).toBe(false);
  expect(view.find(".cnn-legend").hidden).toBe(true);
  view.find("[data-value=mattered]").click();
  await settle();
  expect(view.find("[data-side=A] .fl-pic").dataset.covered).toBe("true");
  expect(view.find<HTMLCanvasElement>("[data-side=A] canvas")).toMatchObject({ hidden: false, width: 2, height: 1 });
  expect(view.find("[data-side=B] .fl-pic").hasAttribute("data-covered")).toBe(false);
  expect(view.find(".cnn-legend").getAttribute("aria-label")).toContain("from nothing to the most");
  frames(view)[0].click();
  await settle();
  expect(view.find("[data-side=A] .fl-pic").hasAttribute("data-covered")).toBe(false);
  expect(view.find(".cnn-legend").hidden).toBe(true);
  expect(view.find(".fl-mattered > p").hidden).toBe(false);
  press(view.find("section.cnn"), "Escape");
  press(view.find("section.cnn"), "m");
  await settle();
  expect(view.find("[data-side=A] .fl-pic").hasAttribute("data-covered")).toBe(false);
  expect(view.find("[data-value=picture]").getAttribute("aria-checked")).toBe("true");
});

test("a state saved before there was opacity is shown", async () => {
  const without = ({ alpha: _, ...older }: LabRecipe) => older as LabRecipe;
  const { mattered: _, ...before } = climbed({ recipe: without(recipe()) });
  const presets = state().presets.map((each) => ({ ...each, recipe: without(each.recipe) }));
  const view = run(widget, state({ recipe_a: without(recipe()), run_a: before, presets }));
  await settle();
  expect(view.find<HTMLSelectElement>("select[aria-label=Opaque]").value).toBe("everywhere");
  expect(view.find(".fl-mattered").hidden).toBe(true);
  expect(text(view.find("[data-side=A] .fl-pic").getAttribute("aria-label"))).toBe("Recipe A, Fourier, robust, step 64 of 64");
});

test("arrows in the film keep one tab stop and the focus", async () => {
  const view = run(widget, state());
  await settle();
  frames(view)[2].focus();
  press(frames(view)[2], "ArrowLeft");
  await settle();
  expect(document.activeElement).toBe(frames(view)[1]);
  expect(frames(view).filter((each) => each.tabIndex === 0)).toEqual([frames(view)[1]]);
  press(frames(view)[1], "Home");
  await settle();
  expect(document.activeElement).toBe(frames(view)[0]);
});

test("Escape comes back to the newest frame", async () => {
  const view = run(widget, state());
  await settle();
  frames(view)[0].click();
  await settle();
  press(view.find("section.cnn"), "Escape");
  await settle();
  expect(frames(view)[2].getAttribute("aria-checked")).toBe("true");
});

test("curves have a line each, B dashed, a mark at the frame, notches at changes, and say in words where they end", async () => {
  const view = run(widget, state({ run_a: climbed({ changes: [32] }) }));
  await settle();
  const [response, distance] = view.all(".fl-chart");
  expect(response.querySelectorAll(".cnn-chart-line")).toHaveLength(2);
  expect(response.querySelectorAll(".cnn-chart-dashed")).toHaveLength(1);
  expect(response.querySelector(".cnn-chart-notch")!.getAttribute("d")).toBe("M32 96v-6");
  expect(response.querySelector(".cnn-chart-now")!.getAttribute("d")).toBe("M64 0V96");
  expect(response.getAttribute("aria-label")).toBe("Response, Mean of the map: A ends at 4, B ends at 8");
  expect(distance.querySelector("p")!.textContent).toMatch(/^To the patch; axis from 0\.67$/);
  frames(view)[1].click();
  await settle();
  expect(view.find(".cnn-chart-now").getAttribute("d")).toBe("M32 0V96");
});

test("pointing at a curve reads both out at that step, leaving restores", async () => {
  const view = run(widget, state());
  await settle();
  const svg = view.find(".cnn-chart-plot svg");
  svg.getBoundingClientRect = () => ({ left: 0, width: 100 }) as DOMRect;
  view.find(".cnn-chart-plot").dispatchEvent(new MouseEvent("pointermove", { clientX: 50 }));
  expect(cells(view).slice(1, 3)).toEqual(["Step|32|32", "Response|2|6"]);
  view.find(".cnn-chart-plot").dispatchEvent(new MouseEvent("pointerleave"));
  expect(cells(view)[1]).toBe("Step|64|64");
});

test("one sentence compares A and B", () => {
  const shown = (sent: LabRun) => ({ run: readRun(sent), frames: [], frame: 0, step: 64 });
  const all = state() as never as { run_a: LabRun; run_b: LabRun; reference: never };
  const said = (a: LabRun, reference = all.reference as never) => text(compared({ sides: { A: shown(a), B: shown(all.run_b) }, reference } as never));
  expect(said(all.run_a)).toBe("A is 20.0 % closer to the strongest patch than B, at 0.5 times its response.");
  expect(said(climbed({ distances: floats(NAN, NAN, 1.05) }))).toBe("A is 20.0 % farther from the strongest patch than B, at 0.5 times its response.");
  expect(said(climbed({ distances: floats(NAN, NAN, 0.875) }))).toBe("A and B are equally far from the strongest patch; A has 0.5 times B’s response.");
  expect(said(all.run_a, null as never)).toBe("A reaches 0.5 times B’s response.");
});

test("the value at a step is the last one measured before it", () => {
  const sent = readRun(climbed({ responses: floats(1, NAN, 3) }))!;
  expect([valueAt(sent, "responses", 40), valueAt(sent, "responses", 64), valueAt(null, "responses", 3)]).toEqual([1, 3, NAN]);
  expect(reach([3, NAN, -1])).toEqual([-1, 3]);
  expect(reach([NAN])).toEqual([NAN, NAN]);
});

test("x swaps both recipes with their runs and films, z shows both", async () => {
  const view = run(widget, state());
  const [before, other] = ["a", "b"].map((of) => ["recipe", "run", "film"].map((name) => view.model.get(`${name}_${of}`)));
  press(view.find("section.cnn"), "x");
  expect(["recipe_a", "run_a", "film_a"].map((name) => view.model.get(name))).toEqual(other);
  expect(["recipe_b", "run_b", "film_b"].map((name) => view.model.get(name))).toEqual(before);
  expect(view.model.get("recipe_a")).toBe(plain);
  press(view.find("section.cnn"), "z");
  await settle();
  expect(view.find(".fl-show").dataset.both).toBe("true");
});

test("a click on the other picture takes its recipe in hand", async () => {
  const view = run(widget, state());
  await settle();
  view.find("[data-side=B]").click();
  await settle();
  expect(view.model.get("side")).toBe("B");
  expect(view.find(".fl-recipe h3").textContent).toBe("Recipe B");
  expect(view.find(".fl-code").textContent).toBe("picture = 2\n");
});

test("restart and going on are messages; nothing is sent while it is busy", async () => {
  const view = run(widget, state());
  await settle();
  view.model.sent.length = 0;
  press(view.find("section.cnn"), "r");
  press(view.find("section.cnn"), "g");
  expect(view.model.sent.map((each) => each.content)).toEqual([{ type: "run", again: true, restart: "A" }, { type: "run", again: true }]);
  view.model.set("status", "busy");
  press(view.find("section.cnn"), "g");
  expect(view.model.sent).toHaveLength(2);
});

test("the deed is called by what it does", async () => {
  const label = async (more: object) => {
    const view = run(widget, state(more));
    await settle();
    return view.find(".cnn-btn[data-kind=primary]").textContent;
  };
  expect(await label({})).toBe("Go further");
  expect(await label({ run_a: climbed({ done: 20 }) })).toBe("Go on");
  expect(await label({ run_a: {} })).toBe("Run");
});

test("another unit is asked for by layer, by number and by stepping", async () => {
  const view = run(widget, state());
  await settle();
  view.find<HTMLElement>("button[aria-label='Channel after']").click();
  expect(view.model.get("channel")).toBe(0);
  view.find<HTMLElement>("button[aria-label='Channel before']").click();
  expect(view.model.get("channel")).toBe(2);
  const layers = view.find<HTMLSelectElement>("select[aria-label=Layer]");
  expect([...layers.options].map((each) => each.value)).toEqual(["conv1", "conv2"]);
  layers.value = "conv2";
  layers.dispatchEvent(new Event("change"));
  expect([view.model.get("layer"), view.model.get("channel")]).toEqual(["conv2", 0]);
  const channel = view.find<HTMLInputElement>("input[aria-label=Channel]");
  channel.value = "7";
  channel.dispatchEvent(new Event("change"));
  expect(view.model.get("channel")).toBe(7);
  press(view.find("section.cnn"), "u");
  expect([view.model.get("layer"), view.model.get("channel")]).toEqual(["conv1", 0]);
});

test("without a unit it says what to do, and a button tries one", async () => {
  const view = run(widget, state({ status: "empty", channel: -1, run_a: {}, run_b: {}, film_a: [], film_b: [], reference: {} }));
  await settle();
  expect(view.find(".cnn-msg h3").textContent).toBe("No unit chosen");
  expect(view.find(".fl-curves").hidden).toBe(true);
  view.find<HTMLElement>(".cnn-msg button").click();
  expect(view.model.get("channel")).toBe(0);
});

test("a dead unit is said where the picture is, and what there is stays", async () => {
  const view = run(widget, state({ run_a: climbed({ note: "The unit stayed silent." }) }));
  await settle();
  expect(view.find(".cnn-msg p").textContent).toBe("The unit stayed silent.");
  expect(frames(view)).toHaveLength(3);
  view.find<HTMLElement>(".cnn-msg button").click();
  expect(view.model.get("seed")).toBe(1);
});

test("a failure keeps the film and offers its way out", async () => {
  const slower = recipe({ rate: 0.025 });
  const view = run(widget, state({ status: "failed", notice: { kind: "fail", title: "The picture broke apart", text: "Too fast.", actions: [{ label: "Halve the rate and go on", set: { recipe_a: slower } }], detail: "" } }));
  await settle();
  expect(view.all("[role=alert]")).toHaveLength(1);
  expect(frames(view)).toHaveLength(3);
  view.find<HTMLElement>("[role=alert] button").click();
  expect(view.model.get("recipe_a")).toBe(slower);
});

test("a recipe that is newer than its picture is said while nothing climbs", async () => {
  const view = run(widget, state());
  await settle();
  expect(view.find(".fl-older").hidden).toBe(true);
  view.model.set("recipe_a", recipe({ jitter: 30 }));
  await settle();
  expect(view.find(".fl-older").textContent).toBe("The picture is older than recipe A; Go on climbs by it.");
  view.model.set("status", "busy");
  await settle();
  expect(view.find(".fl-older").hidden).toBe(true);
});

test("of another unit the picture in hand stays and says so, the other side is empty", async () => {
  const view = run(widget, state({ status: "busy", channel: 1 }));
  await settle();
  expect(view.find(".fl-older").textContent).toBe("The picture is that of conv1:2 until the first one is there.");
  expect(view.find("[data-side=A] img").hidden).toBe(false);
  expect(view.find("[data-side=B] img").hidden).toBe(true);
  view.model.set("run_a", climbed({ unit: "conv1:1" }));
  await settle();
  expect(view.find(".fl-older").hidden).toBe(true);
});

const studied = (more: object = {}) => ({
  layer: "conv2", channels: [4, 7], measure: "LPIPS", seeds: 2, done: 8, total: 8, references: [bytes(0x89), bytes(0x89)],
  rows: [
    { title: "No regularization", recipe: plain, distances: [0.8, 0.6], improvements: [0, 0], responses: [9, 8], mean: 0, low: 0, high: 0, faint: false, pictures: [bytes(0x89), bytes(0x89)] },
    { title: "Variation 1", recipe: recipe({ preset: "", tv: 1 }), distances: [0.4, 0.62], improvements: [50, -3.3], responses: [5, 6], mean: 23.4, low: 4, high: 50, faint: false, pictures: [bytes(0x89), bytes(0x89)] },
    { title: "Empty", recipe: plain, distances: [0.1, null], improvements: [87, null], responses: [0, null], mean: 87, low: null, high: null, faint: true, pictures: [bytes(0x89), bytes()] },
  ], ...more,
});

test("a study is a table with the best of each column marked, and one sentence", async () => {
  const view = run(widget, state({ study: studied() }));
  await settle();
  expect(view.find(".fl-study").hidden).toBe(false);
  expect(view.all(".fl-cell[data-best=true]").map((each) => each.dataset.place)).toEqual(["0,1", "2,0"]);
  expect(view.all(".fl-faint")).toHaveLength(1);
  expect(text(view.find("[data-place='1,1']").getAttribute("aria-label"))).toBe("Variation 1, channel 7: distance 0.620, −3.3 %");
  expect(text(found(studied() as never))).toBe("“Variation 1” comes closest: +23.4 % against no regularization on average of 2 channels. Underlined: best of its column.");
  expect(text(found(studied({ done: 3, rows: studied().rows.slice(0, 1) }) as never))).toContain("3 of 8 ascents are there.");
});

test("arrows walk the study, and its recipe is loaded into the side in hand with the steps that it has", async () => {
  const view = run(widget, state({ study: studied(), recipe_a: recipe({ steps: 500 }) }));
  await settle();
  const stops = () => view.all(".fl-table [tabindex='0']").map((each) => each.dataset.place);
  expect(stops()).toEqual(["0,0"]);
  view.find("[data-place='0,0']").focus();
  press(document.activeElement!, "ArrowDown");
  press(document.activeElement!, "ArrowRight");
  press(document.activeElement!, "ArrowRight");
  expect([stops(), (document.activeElement as HTMLElement).dataset.place]).toEqual([["1,1"], "1,1"]);
  expect(view.find(".fl-study aside h3").textContent).toBe("conv2:7");
  view.all(".fl-study button").find((each) => each.textContent === "Load into A")!.click();
  expect(view.model.get("recipe_a")).toEqual(recipe({ preset: "", tv: 1, steps: 500 }));
  view.all(".fl-study button").find((each) => each.textContent === "Climb this unit")!.click();
  expect([view.model.get("layer"), view.model.get("channel")]).toEqual(["conv2", 7]);
});

test("without Python film, curves, sides and numbers work, and sliders are off", async () => {
  const view = run(widget, state({ archive: { kind: "feature_lab", entries: {} } }));
  await settle();
  expect(view.all("input[type=range]").every((each) => (each as HTMLInputElement).disabled)).toBe(true);
  expect(view.find<HTMLSelectElement>("select[aria-label=Layer]").disabled).toBe(true);
  press(view.find("section.cnn"), ",");
  await settle();
  expect(cells(view)[1]).toBe("Step|32|32");
  view.find("[data-side=B]").click();
  press(view.find("section.cnn"), "r");
  await settle();
  expect(view.find(".fl-recipe h3").textContent).toBe("Recipe B");
  expect(view.model.sent).toEqual([]);
});

test("the code is copied and it is said", async () => {
  const written = vi.fn(() => Promise.resolve());
  Object.defineProperty(navigator, "clipboard", { value: { writeText: written }, configurable: true });
  const view = run(widget, state());
  await settle();
  const copy = view.find<HTMLElement>(".fl-python button");
  copy.click();
  expect(written).toHaveBeenCalledWith("picture = 1\n");
  expect(view.find(".fl-python [role=status]").textContent).toBe("Copied");
});

test("names are text, whatever they hold", async () => {
  const view = run(widget, state({ reference: { kind: "picture", name: "<img src=x onerror=alert(1)>", data: bytes(0x89), response: null, about: "<b>bold</b>", distance: "" } }));
  await settle();
  expect(view.find(".fl-patch").textContent).toContain("<b>bold</b>");
  expect(cells(view).some((each) => each.startsWith("×"))).toBe(false);
});

test("a view that ends leaves nothing behind", async () => {
  const revoked = vi.spyOn(URL, "revokeObjectURL");
  const view = run(widget, state());
  await settle();
  view.end();
  expect(view.model.listeners).toBe(0);
  expect(revoked).toHaveBeenCalled();
});
