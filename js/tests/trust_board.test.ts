// @vitest-environment jsdom
import { expect, test } from "vitest";
import { areaUnder } from "../src/kit/curve_plot";
import { inMask, maskShare, outlinePath } from "../src/kit/mask_outline";
import { columnOf, figureOf, finding, ordered, readRanking, scaleOf } from "../src/kit/ranking";
import { mapKey, readMap } from "../src/kit/trust_store";
import type { MeasureInfo, RankTable, TrustMap } from "../src/traits";
import widget from "../src/widgets/trust_board";
import { bytes, floats, layer, picture, press, run, settle } from "./states";

const NAN = NaN;
const MEASURES: MeasureInfo[] = [
  { key: "pointing", title: "Pointing game", better: "high", reference: true, how: "Does it point inside?", hit: true, top: 1 },
  { key: "energy", title: "Energy in mask", better: "high", reference: true, how: "Share inside the mask.", hit: false, top: 1 },
  { key: "cost", title: "Cost, forwards", better: "low", reference: false, how: "Computing time.", hit: false, top: 0 },
];
const ROWS = ["saliency", "grad_cam", "deconvnet", "random"];
const METHODS = [
  { key: "saliency", title: "Saliency", layered: false }, { key: "grad_cam", title: "Grad-CAM", layered: true },
  { key: "deconvnet", title: "DeconvNet", layered: false }, { key: "random", title: "Random map", layered: false },
];

/** Four rows by three measures over two scenes, or more of the same. */
function table(more: Partial<RankTable> = {}, scenes = 2): RankTable {
  const values = [
    [1, 0.5, 3], [1, 0.8, 2], [0, 0.2, 4], [0.25, 0.25, NAN],
  ].flatMap((row) => row.flatMap((value) => Array.from({ length: scenes }, () => value)));
  const mean = [1, 0.5, 3, 1, 0.8, 2, 0, 0.2, 4, 0.25, 0.25, NAN];
  const around = (by: number) => floats(...mean.map((value) => value + by));
  return {
    layer: "conv1", target: -1, images: Array.from({ length: scenes }, (_, k) => k), rows: ROWS, left_out: [], measures: MEASURES, done: scenes, part: 0, points: 3,
    values: floats(...values), mean: floats(...mean), low: around(-0.1), high: around(0.1),
    curves: floats(...ROWS.flatMap((_, row) => Array.from({ length: 2 * scenes }, () => [0, row / 4, 1]).flat())),
    weak: bytes(0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0), lead: bytes(1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0), ...more,
  };
}

const map = (key: string, values: number[] = [0, 85, 170, 255]): TrustMap => ({ key, layer: "conv1", height: 2, width: 2, full: [2, 2], low: -1, high: 2, peak: [0.75, 0.75], data: bytes(...values), why: "" });

/** The right half of 8 × 8 pixels. */
const HALF = { label: 1, background: "snow", height: 8, width: 8, mask: bytes(...Array(8).fill(0b00001111)) };

const state = (more: object = {}) => ({
  subject: "net", status: "ready", progress: -1, message: "Done", notice: {}, layers: [layer("conv1"), layer("conv2"), layer("fc", { height: 0, width: 0, field: null })],
  pictures: [picture("dog"), picture("owl")], labels: ["cat", "dog", "owl"], image: 0, layer: "conv1", channel: -1, target: -1, archive: {},
  method: "grad_cam", measure: "energy", worst_first: false, view: "overlay", scenes: [HALF, { ...HALF, background: "grass" }], methods: METHODS, table: table(),
  heatmaps: [], kept: Object.fromEntries([0, 1].flatMap((image) => [mapKey(image, "conv1", "grad_cam", 1), mapKey(image, "", "saliency", 1)].map((key) => [key, map(key)]))), ...more,
});

type Shown = ReturnType<typeof run>;
const names = (view: Shown) => view.all(".tb-line .tb-name").map((name) => name.textContent);
const cell = (view: Shown, row: string, column: number) => view.find(`[role=gridcell][data-row=${row}][data-column="${column}"]`);
const plain = (text: string | null) => (text ?? "").replaceAll("\u202f", " ");

test("rows stand from best to worst, the random map last, and the best is marked", async () => {
  const view = run(widget, state());
  await settle();
  expect(names(view)).toEqual(["Grad-CAM", "Saliency", "DeconvNet", "Random map"]);
  expect(view.all("[data-best=true]").map((each) => `${each.dataset.row}${each.dataset.column}`)).toEqual(["grad_cam0", "grad_cam1", "grad_cam2", "saliency0"]);
  expect(cell(view, "deconvnet", 1).dataset.weak).toBe("true");
  expect(cell(view, "random", 2).textContent).toBe("–");
});

test("a heading sorts, the same again turns around, and says so to a screen reader", async () => {
  const view = run(widget, state());
  await settle();
  const sorts = () => view.all(".tb-grid [role=columnheader]").map((head) => head.getAttribute("aria-sort"));
  expect(sorts()).toEqual(["none", "none", "descending", "none"]);
  view.all(".tb-sort")[3].click();
  await settle();
  expect([view.model.get("measure"), ...names(view)]).toEqual(["cost", "Grad-CAM", "Saliency", "DeconvNet", "Random map"]);
  expect(sorts()).toEqual(["none", "none", "none", "ascending"]);
  view.all(".tb-sort")[3].click();
  await settle();
  expect(names(view).slice(0, 2)).toEqual(["DeconvNet", "Saliency"]);
  expect(sorts()[3]).toBe("descending");
  view.all(".tb-sort")[0].click();
  await settle();
  expect(names(view)).toEqual(["Saliency", "Grad-CAM", "DeconvNet", "Random map"]);
});

test("a click on a row shows its method on the scene, its curves and its numbers", async () => {
  const view = run(widget, state());
  await settle();
  cell(view, "saliency", 0).click();
  await settle();
  expect(view.model.get("method")).toBe("saliency");
  expect(view.find(".tb-side h3").textContent).toBe("Scene 1, Saliency");
  expect(view.find(".tb-line[data-method=saliency]").getAttribute("aria-selected")).toBe("true");
  expect(view.all(".tb-numbers [role=row]").slice(1).map((row) => plain([...row.children].map((each) => each.textContent).join("|")))).toEqual(["Pointing game|hit|100 %", "Energy in mask|0.50|0.50", "Cost, forwards|3.0|3.0"]);
  expect(plain(cell(view, "saliency", 0).getAttribute("aria-label"))).toBe("Pointing game, Saliency: 100 %, 95 % interval 90 % to 100 %, 2 scenes. Random map: 25 %.");
});

test("arrows walk the table from the headings down, with one tab stop, and choose the row", async () => {
  const view = run(widget, state());
  await settle();
  const stops = () => view.all(".tb-grid [tabindex='0']");
  expect(stops().map((each) => each.dataset.row)).toEqual(["grad_cam"]);
  stops()[0].focus();
  press(document.activeElement!, "ArrowDown");
  await settle();
  expect([view.model.get("method"), (document.activeElement as HTMLElement).dataset.row]).toEqual(["saliency", "saliency"]);
  press(document.activeElement!, "ArrowUp");
  press(document.activeElement!, "ArrowUp");
  await settle();
  expect((document.activeElement as HTMLElement).className).toBe("tb-sort");
  expect(view.model.get("method")).toBe("grad_cam");
  press(document.activeElement!, "End");
  expect((document.activeElement as HTMLElement).dataset.column).toBe("2");
  press(document.activeElement!, "Home");
  expect(document.activeElement!.textContent).toBe("Method");
  expect(stops()).toHaveLength(1);
});

test("the focus stays with its row when the order changes under it", async () => {
  const view = run(widget, state());
  await settle();
  cell(view, "deconvnet", 1).focus();
  const focusedBefore = document.activeElement;
  view.model.set("worst_first", true);
  await settle();
  expect(names(view)[0]).toBe("DeconvNet");
  expect(document.activeElement).toBe(focusedBefore);
});

test("while a scene is at work the rows keep their places; they find new ones when it is done", async () => {
  const view = run(widget, state({ status: "busy", table: table({ done: 1, part: 0.5 }) }));
  await settle();
  const swapped = { mean: floats(1, 0.9, 3, 1, 0.8, 2, 0, 0.2, 4, 0.25, 0.25, NAN) };
  view.model.set("table", table({ done: 1, part: 0.75, ...swapped }));
  await settle();
  expect(names(view)[0]).toBe("Grad-CAM");
  expect(cell(view, "saliency", 1).textContent).toBe("0.90");
  view.model.set("table", table({ done: 2, ...swapped }));
  await settle();
  expect(names(view)[0]).toBe("Saliency");
});

test("scenes that wait are pale, the one at work shows how far it is", async () => {
  const view = run(widget, state({ status: "busy", table: table({ done: 1, part: 0.5 }) }));
  await settle();
  const thumbs = view.all(".cnn-thumb");
  expect(thumbs.map((thumb) => [thumb.dataset.wait, thumb.dataset.now])).toEqual([["false", "false"], ["false", "true"]]);
  expect(thumbs[1].style.getPropertyValue("--part")).toBe("50%");
  expect(thumbs[1].getAttribute("aria-label")).toBe("Scene 2, owl on grass, waiting");
});

test("i , . walk the scenes, z the ways to look, r goes on only when nothing is at work", async () => {
  const view = run(widget, state());
  await settle();
  const root = view.find(".cnn");
  press(root, "i");
  expect(view.model.get("image")).toBe(1);
  press(root, ".");
  press(root, ",");
  expect(view.model.get("image")).toBe(1);
  press(root, "z");
  expect(view.model.get("view")).toBe("map");
  press(root, "r");
  expect(view.model.sent.at(-1)!.content).toEqual({ type: "run", again: true });
  const sent = view.model.sent.length;
  view.model.set("status", "busy");
  expect(press(root, "r").defaultPrevented).toBe(false);
  expect(view.model.sent).toHaveLength(sent);
});

test("the button says whether the table begins, goes on or is filled again, and rests while busy", async () => {
  const view = run(widget, state({ table: table({ done: 0 }) }));
  const label = async (more: Record<string, unknown>) => { for (const [name, value] of Object.entries(more)) view.model.set(name, value); await settle(); return view.find(".tb-tools > .cnn-btn").textContent; };
  expect(await label({})).toBe("Run");
  expect(await label({ table: table({ done: 1 }) })).toBe("Continue");
  expect(await label({ table: table() })).toBe("Run again");
  expect(await label({ layer: "conv2", table: table({ done: 1 }) })).toBe("Run again");
  expect(view.find(".tb-older").hidden).toBe(false);
  view.model.set("status", "busy");
  await settle();
  expect(view.find(".tb-tools > .cnn-btn").getAttribute("aria-disabled")).toBe("true");
});

test("the strongest place, the mask and the network's word are said", async () => {
  const view = run(widget, state());
  await settle();
  expect(view.find(".tb-value").textContent).toBe("Strongest place: inside the mask");
  expect(plain(view.find(".tb-info p").textContent)).toBe("Dog on snow. The outline is the true mask, the dot the strongest place. The network says dog, 70.0 %.");
  expect(plain(view.find(".tb-info > .cnn-small").textContent)).toBe("The mask is 50 % of the picture");
  expect(view.find(".cnn-dot").style.left).toBe("75%");
});

test("a method that was left out says why, and a picture without a mask is not measured", async () => {
  const left = run(widget, state({ table: table({ left_out: [{ title: "CAM", why: "It has no linear head." }] }) }));
  await settle();
  expect(left.find(".tb-left-out").textContent).toBe("CAM is left out. It has no linear head.");
  const bare = run(widget, state({ table: {}, scenes: [{ ...HALF, height: 0, width: 0, label: -1, mask: bytes() }], pictures: [picture("a")] }));
  await settle();
  expect(bare.find(".cnn-msg h3").textContent).toBe("No mask, no measure");
  expect(bare.find<HTMLSelectElement>("select[aria-label=Method]").options).toHaveLength(3);
  expect(bare.find(".tb-tools > .cnn-btn").hidden).toBe(true);
});

test("without scenes it says what to pass", async () => {
  const view = run(widget, state({ pictures: [], scenes: [], image: -1, table: {}, status: "empty" }));
  await settle();
  expect(view.find(".cnn-msg h3").textContent).toBe("No scenes yet");
  expect(view.find(".tb-side").hidden).toBe(true);
});

test("in a saved page everything that is there works, and only layers that are there can be chosen", async () => {
  const key = mapKey(0, "conv2", "grad_cam", 1);
  const view = run(widget, state({ archive: { kind: "trust_board", entries: { [key]: map(key, [255, 0, 0, 0]) } } }));
  await settle();
  const layers = view.find<HTMLSelectElement>("select[aria-label^=Layer]");
  expect([...layers.options].map((option) => option.value)).toEqual(["conv1", "conv2"]);
  expect(view.find(".tb-tools > .cnn-btn").hidden).toBe(true);
  view.all(".tb-sort")[3].click();
  press(view.find(".cnn"), "i");
  await settle();
  expect(view.find(".tb-side h3").textContent).toBe("Scene 2, Grad-CAM");
  expect(names(view)[0]).toBe("Grad-CAM");
});

test("hostile names are text", async () => {
  const name = "<img src=x onerror=globalThis.hit=1>";
  const view = run(widget, state({ pictures: [picture(name), picture(name)], methods: METHODS.map((each) => ({ ...each, title: name })) }));
  await settle();
  expect(view.el.querySelectorAll("img[onerror], img[src=x]")).toHaveLength(0);
  expect(names(view)[0]).toBe(name);
});

test("a view that ends leaves no listener behind", async () => {
  const view = run(widget, state());
  await settle();
  view.end();
  expect(view.model.listeners).toBe(0);
});

const titles = new Map(METHODS.map(({ key, title }) => [key, title]));

test.each([
  ["one leads", table({}, 6), 1, "Grad-CAM leads in energy in mask"],
  ["several share", table({}, 6), 0, "2 methods share the lead in pointing game"],
  ["all are alike", table({ lead: bytes(1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0) }, 6), 2, "No method leads in cost, forwards"],
  ["none beats chance", table({ weak: bytes(1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0) }, 6), 1, "No method beats a random map in energy in mask"],
  ["too few", table({}, 4), 1, "Too few scenes to say"],
])("a finding in words: %s", (_, given, column, title) => {
  expect(finding(readRanking(given), column, titles)[0]).toBe(title);
});

test("numbers have as many decimals as their column needs, and bars a scale on which they can be compared", () => {
  const ranking = readRanking(table({ mean: floats(1, 0.012, 31.4, 1, 0.04, 2, 0, 0.02, 4, 0.25, 0.03, NAN), high: floats(...Array(12).fill(NAN)) }));
  expect([figureOf(ranking, 0, 1), figureOf(ranking, 1, 0.012), figureOf(ranking, 2, 31.4), figureOf(ranking, 2, 2)].map(plain)).toEqual(["100 %", "0.012", "31", "2.0"]);
  expect(scaleOf(ranking, 1)).toBe(0.05);
  expect(columnOf(ranking, "nothing of the kind")).toBe(0);
});

test("rows without a number yet stand below those with one", () => {
  const ranking = readRanking(table({ mean: floats(1, NAN, 3, 1, 0.8, 2, 0, 0.9, 4, 0.25, 0.25, NAN) }));
  expect(ordered(ranking, "energy", false)).toEqual(["deconvnet", "grad_cam", "saliency", "random"]);
  expect(ordered(ranking, "energy", true)).toEqual(["grad_cam", "deconvnet", "saliency", "random"]);
});

test("the outline of a mask is its border, in runs", () => {
  const mask = { height: 3, width: 3, bits: Uint8Array.of(0b00001000, 0) };
  expect(outlinePath(mask)).toBe("M1 1H2M1 2H2M1 1V2M2 1V2");
  expect([inMask(mask, 1, 1), inMask(mask, 0, 1), inMask(mask, -1, 1)]).toEqual([true, false, false]);
  expect(maskShare(mask)).toBeCloseTo(1 / 9);
});

test("levels become values again, and the scale of a fine map passes over its few strongest pixels", () => {
  expect([...readMap(map("", [0, 85, 170, 255])).field.data]).toEqual([-1, 0, 1, 2]);
  const levels = Array(900).fill(128);
  levels[0] = 255;
  const fine = readMap({ ...map(""), height: 30, width: 30, low: 0, high: 255, data: bytes(...levels) });
  expect(fine.top).toBe(128);
});

test("the area under a curve is its mean by trapezoids", () => {
  expect(areaUnder(Float32Array.of(0, 1, 1))).toBeCloseTo(0.75);
});
