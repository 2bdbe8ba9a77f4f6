/** Trust board: which explanation can be trusted, measured on scenes whose truth is known. */

import type { MeasureInfo, Picture, TrustBoardTraits } from "../traits";
import { button, disable, field, segmented, select } from "../kit/controls";
import { curvePlot } from "../kit/curve_plot";
import { fill, h, setAttribute, setText } from "../kit/dom";
import { frame } from "../kit/frame";
import type { Mask } from "../kit/mask_outline";
import { maskShare } from "../kit/mask_outline";
import { message, noticeMessage } from "../kit/message";
import { assign, batched, filled, watch } from "../kit/model";
import { uint8 } from "../kit/ndarray";
import { percent } from "../kit/numbers";
import { className, pictureStrip, pictureUrls, scoresOf, strongest } from "../kit/pictures";
import { HEAD, rankGrid } from "../kit/rank_grid";
import { cellText, columnOf, figureOf, finding, ordered, RANDOM, readRanking, titlesOf, type Ranking } from "../kit/ranking";
import { onResize } from "../kit/resize";
import { sceneFigure, type Look } from "../kit/scene_figure";
import { mapKey, trustStore } from "../kit/trust_store";
import { view } from "../kit/view";

const HELP: [string, string][] = [
  ["← ↑ ↓ →", "Move in the table; a row shows the map of its method"],
  ["Enter", "On a heading: sort; again: turn around"],
  ["i", "Next scene"],
  [", .", "Scene before, scene after"],
  ["z", "Overlay, map, picture"],
  ["r", "Fill the table: go on, or again"],
  ["h ?", "This list"],
  ["Esc", "Close"],
];
const NOTES = [
  "A bar is the mean over the scenes, the line on it the 95 % interval of that mean; the tick is what a random map gets.",
  "Strong is the best of its column; gray is not told apart from a random map. Differences are judged scene by scene.",
  "The outline is the true mask, the dot the strongest place of the map. Warm speaks for the class, cool against it.",
  "Curves show the probability of the class; dashes are those of the random map.",
];
const TRAITS = ["layers", "pictures", "labels", "image", "layer", "target", "method", "measure", "worst_first", "view", "scenes", "methods", "table", "heatmaps", "kept", "archive"] as const;
const LOOKS: [Look, string][] = [["overlay", "Overlay"], ["map", "Map"], ["picture", "Picture"]];

const render = view<TrustBoardTraits>(({ model, el, signal }) => {
  const redraw = batched(() => widget.guard(draw), signal);
  const url = pictureUrls(signal);
  const store = trustStore(model);
  let pointed: [row: string, column: number] | null = null;
  let ranking: Ranking | null = null;
  let rankedKey = "";
  let order: string[] = [];
  let orderedFor = "";

  const titles = () => titlesOf(model.get("methods"));
  const titleOf = (method: string) => titles().get(method) ?? method;
  const isLayered = (method: string) => model.get("methods").some((each) => each.key === method && each.layered);
  const labelOf = (image: number) => {
    const label = model.get("scenes")[image]?.label ?? -1;
    if (label >= 0) return label;
    return model.get("target") >= 0 ? model.get("target") : (strongest(scoresOf(model.get("pictures")[image]), 1)[0] ?? -1);
  };
  const keyOf = (image: number, layer: string, method: string) => mapKey(image, isLayered(method) ? layer : "", method, labelOf(image));

  const set = (values: Partial<TrustBoardTraits>) => {
    const [image, layer, method] = (["image", "layer", "method"] as const).map((name) => values[name] ?? model.get(name)) as [number, string, string];
    const known = method === RANDOM || store.has(keyOf(image, layer, method));
    if (known || widget.kernel.state() === "archived") assign(model, values);
    else widget.ask(values);
  };
  const go = (by: number) => { const count = model.get("pictures").length; if (count) set({ image: (model.get("image") + by + count) % count }); };
  const look = (by: number) => assign(model, { view: LOOKS[(LOOKS.findIndex(([key]) => key === model.get("view")) + by) % LOOKS.length][0] });
  const sort = (measure: string) => {
    const same = measure === model.get("measure");
    assign(model, { measure, worst_first: same && !model.get("worst_first") });
  };
  const canRun = () => widget.kernel.state() === "live" && model.get("status") !== "busy" && measured();
  const run = () => { if (canRun()) { widget.kernel.expect(); widget.kernel.send({ type: "run", again: true }); } };
  const measured = () => model.get("scenes").some((scene) => scene.height > 0);
  const point = (place: typeof pointed) => { pointed = place; showReading(); };

  const strip = pictureStrip({ url, choose: (image) => set({ image }), take: (files) => widget.take(files), prompt: "Drop a picture here or browse" });
  strip.element.setAttribute("aria-label", "Scene");
  const measureOf = select("Measure", [], "", (measure) => assign(model, { measure, worst_first: false }));
  const measureField = h("span", { class: "tb-pick" }, field("Measure", measureOf.element));
  const methodOf = select("Method", [], "", (method) => set({ method }));
  const methodField = field("Method", methodOf.element);
  const layerOf = select("Layer of the class activation maps", [], "", (layer) => set({ layer }));
  const layerField = field("CAMs at", layerOf.element);
  const count = h("span", { class: "cnn-small tb-count" });
  const again = button("Run again", run);
  const question = h("span", { class: "cnn-quiet tb-question" }, "Which explanation can you trust? Each is asked where the object is.");
  const bar = h("div", { class: "tb-tools cnn-tools" }, measureField, question, methodField, layerField, count, again);

  const found = h("h3", { class: "cnn-title" });
  const why = h("p", { class: "cnn-quiet" });
  const older = h("p", { class: "cnn-small tb-older" });
  const grid = rankGrid({ choose: (method) => set({ method }), sort, point });
  const reading = h("span", { class: "tb-reading", role: "status" });
  const key = h("div", { class: "tb-key cnn-small" }, reading,
    h("span", { class: "tb-sign", "aria-hidden": "true" }, sign(55, 35, 40), "mean, 95 % interval"),
    h("span", { class: "tb-sign", "aria-hidden": "true" }, tick(), "random map"));
  const leftOut = h("p", { class: "cnn-small tb-left-out" });
  const insertion = curvePlot("Insertion", "shown");
  const deletion = curvePlot("Deletion", "removed");
  const curves = h("div", { class: "tb-curves" }, insertion.element, deletion.element);
  const main = h("div", { class: "tb-main" });
  const board = [h("div", { class: "tb-finding" }, found, why, older), grid.element, key, leftOut, curves];

  const name = h("h3", { class: "cnn-title cnn-clip" });
  const before = button("", () => go(-1), { kind: "icon", icon: "previous", label: "Scene before (,)" });
  const after = button("", () => go(1), { kind: "icon", icon: "next", label: "Scene after (.)" });
  const scene = sceneFigure();
  const views = segmented<Look>("View", LOOKS, "overlay", (value) => assign(model, { view: value }));
  const told = h("p", { class: "cnn-quiet" });
  const numbers = h("div", { class: "tb-numbers", role: "table", "aria-label": "This scene and the mean of all" });
  const share = h("span", { class: "cnn-small" });
  const side = h("aside", { class: "tb-side", "aria-label": "Chosen scene and method" },
    h("header", { class: "tb-side-head" }, name, h("span", { class: "cnn-grow" }), before, after),
    h("div", { class: "tb-pair" },
      h("div", { class: "tb-figures" }, scene.figure, views.element, scene.key, scene.read),
      h("div", { class: "tb-info" }, told, numbers, share)));
  const body = h("div", { class: "tb" }, h("div", { class: "cnn-strip" }, strip.element, strip.drop), bar, h("div", { class: "tb-body" }, main, side));

  const keys = { i: () => go(1), ".": () => go(1), ",": () => go(-1), z: () => look(1), r: () => { if (!canRun()) return false; run(); } };
  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Trust board", draw: () => draw(),
    archived: "A saved board without Python: sorting, scenes and maps still work.",
  });

  const draw = () => {
    const table = filled(model.get("table"));
    ranking = table && readRanking(table);
    const list = model.get("pictures");
    const picture = list[model.get("image")];
    body.dataset.empty = String(!picture);
    strip.show(list, model.get("image"), widget.kernel.state() === "live");
    showWaiting();
    showTools();
    showMain(picture);
    side.hidden = !picture;
    if (picture) showSide(picture);
  };

  /** Scenes not measured yet are pale; the one at work shows how far it is. */
  const showWaiting = () => {
    const busy = model.get("status") === "busy" && widget.kernel.state() === "live";
    [...strip.element.children].forEach((thumb, image) => {
      const at = ranking?.table.images.indexOf(image) ?? -1;
      const waits = ranking ? at >= ranking.table.done : false;
      const now = busy && at >= 0 && at === ranking!.table.done;
      setAttribute(thumb, "data-wait", waits && !now);
      setAttribute(thumb, "data-now", now);
      (thumb as HTMLElement).style.setProperty("--part", `${(ranking?.table.part ?? 0) * 100}%`);
      setAttribute(thumb, "aria-label", `Scene ${image + 1}, ${placed(image)}${waits ? ", waiting" : ""}`);
    });
  };

  const placed = (image: number) => {
    const [picture, { background = "" } = {}] = [model.get("pictures")[image], model.get("scenes")[image]];
    return background ? `${picture?.name} on ${background}` : picture?.name ?? "";
  };

  const showTools = () => {
    bar.hidden = !model.get("pictures").length;
    const measures = ranking?.measures ?? [];
    measureField.hidden = !measures.length;
    if (ranking) measureOf.show(measures[columnOf(ranking, model.get("measure"))].key, measures.map(({ key, title }) => [key, title]));
    const methods = model.get("methods").filter(({ key }) => key !== RANDOM);
    methodField.hidden = ranking !== null || methods.length < 2;
    if (!methodField.hidden) methodOf.show(model.get("method"), methods.map(({ key, title }) => [key, title]));
    const layers = usableLayers();
    layerField.hidden = !model.get("methods").some((each) => each.layered) || layers.length < 2;
    if (!layerField.hidden) layerOf.show(model.get("layer"), layers.map((each) => [each, each]));
    setText(count, ranking ? `${ranking.table.done} of ${ranking.scenes} scenes` : measured() ? "" : "No masks");
    setText(again, runLabel());
    disable(again, !canRun());
    again.hidden = !measured() || widget.kernel.state() === "archived";
  };

  const runLabel = () => {
    if (!ranking || ranking.table.done === 0) return "Run";
    return ranking.table.done < ranking.scenes && !isOlder() ? "Continue" : "Run again";
  };
  const isOlder = () => ranking !== null && (ranking.table.layer !== model.get("layer") || ranking.table.target !== model.get("target"));

  const usableLayers = () => {
    const all = model.get("layers").filter((layer) => layer.height * layer.width > 1 && !layer.container).map((layer) => layer.name);
    if (widget.kernel.state() !== "archived") return all;
    return isLayered(model.get("method")) ? all.filter((layer) => store.has(keyOf(model.get("image"), layer, model.get("method")))) : [];
  };

  const showMain = (picture: Picture | undefined) => {
    const notice = widget.notice();
    const instead = notice ? noticeMessage(notice, (values) => widget.ask(values)) : standIn(picture);
    const parts = [...(instead ? [instead] : []), ...(ranking ? board : [])];
    if (parts.length !== main.children.length || parts.some((part, k) => part !== main.children[k])) fill(main, ...parts);
    if (ranking) showBoard(ranking);
  };

  const standIn = (picture: Picture | undefined): HTMLElement | null => {
    if (!picture) {
      return message("", "No scenes yet", "Pass pictures with their true masks and classes: TrustBoard(network, [(picture, mask, \"fox\"), …]). Every method is then asked where the object is. A picture without a mask can be dropped here: its maps are shown, nothing is measured.");
    }
    if (ranking) return null;
    if (measured()) return message("", "The table fills as results come", "Each method is asked on each scene, and then measured against the true mask.");
    return message("", "No mask, no measure", "Without a true mask there is nothing to measure a map against. The maps of all methods can still be looked at: choose one above.");
  };

  const showBoard = (shown: Ranking) => {
    const measure = model.get("measure");
    const column = columnOf(shown, measure);
    const named = titles();
    const key = [measure, model.get("worst_first"), shown.table.done, shown.rows.join()].join("|");
    // While a scene is at work rows keep their places; they find new ones when it is done.
    if (key !== orderedFor) order = ordered(shown, measure, model.get("worst_first"));
    orderedFor = key;
    const [title, reason] = finding(shown, column, named);
    setText(found, title);
    setText(why, reason);
    setText(older, isOlder() ? `Measured at ${shown.table.layer}; the map shown is of ${model.get("layer")}. ${runLabel()} measures there.` : "");
    older.hidden = !isOlder();
    leftOut.hidden = !shown.table.left_out.length;
    setText(leftOut, shown.table.left_out.map((each) => `${each.title} is left out. ${each.why}`).join(" "));
    grid.show({ ranking: shown, titles: named, order, method: model.get("method"), measure, column, worstFirst: model.get("worst_first") });
    showReading();
    showCurves(shown);
  };

  const showReading = () => {
    if (!ranking) return;
    const [row, column] = pointed ?? [HEAD, columnOf(ranking, model.get("measure"))];
    const measure: MeasureInfo | undefined = ranking.measures[column];
    setText(reading, row === HEAD ? measure?.how ?? "The methods in their own order." : cellText(ranking, ranking.rows.indexOf(row), column, titles()));
  };

  const showCurves = (shown: Ranking) => {
    const at = shown.table.images.indexOf(model.get("image"));
    const row = shown.rows.indexOf(model.get("method"));
    const random = shown.rows.length - 1;
    const asked = ["insertion", "deletion"].map((kind) => shown.measures.some(({ key }) => key === kind));
    curves.hidden = !asked.some(Boolean);
    [insertion.element.hidden, deletion.element.hidden] = asked.map((each) => !each);
    [insertion, deletion].forEach((plot, kind) => plot.show({
      curve: at < 0 ? null : shown.curve(row, kind, at), reference: at < 0 || row === random ? null : shown.curve(random, kind, at),
      name: titleOf(model.get("method")), about: `in scene ${model.get("image") + 1}`,
    }));
  };

  let mask: [DataView | null, Mask | null] = [null, null];
  const maskOf = (image: number): Mask | null => {
    const { height, width, mask: packed } = model.get("scenes")[image] ?? { height: 0, width: 0, mask: null };
    if (packed !== mask[0]) mask = [packed, packed && height ? { height, width, bits: uint8(packed) } : null];
    return mask[1];
  };

  const showSide = (picture: Picture) => {
    const [image, method, layer] = [model.get("image"), model.get("method"), model.get("layer")];
    const measuredHere = ranking !== null && ranking.table.images.includes(image);
    const map = store.get(keyOf(image, layer, method));
    const known = maskOf(image);
    setText(name, `Scene ${image + 1}, ${titleOf(method)}`);
    name.title = name.textContent!;
    const alone = model.get("pictures").length < 2;
    before.hidden = after.hidden = alone;
    views.show(model.get("view"));
    scene.show({ picture, url: url(picture), mask: known, map, look: model.get("view"), theme: widget.theme(), about: `Scene ${image + 1}: ${placed(image)}, ${titleOf(method)}`, missing: missing(method, measuredHere) });
    setText(told, story(image, picture, known !== null));
    setText(share, known ? `The mask is ${percent(maskShare(known), 0)} of the picture` : "");
    showNumbers(image, method);
  };

  const missing = (method: string, measuredHere: boolean) => {
    if (widget.kernel.state() === "archived") return "This map is not in the page";
    if (widget.kernel.state() === "silent") return "Not computed yet: there is no kernel to do it";
    if (method === RANDOM) return measuredHere ? "The random map comes when this scene is measured" : "Without a mask there is no random map";
    return "Waiting for the map";
  };

  const story = (image: number, picture: Picture, masked: boolean) => {
    const scores = scoresOf(picture);
    const best = strongest(scores, 1)[0];
    const asked = labelOf(image);
    const labels = model.get("labels");
    const says = best === undefined ? "" : ` The network says ${className(labels, best)}, ${percent(scores[best])}.`;
    const where = placed(image);
    const dot = model.get("method") === RANDOM ? "" : ", the dot the strongest place";
    const truth = masked ? `The outline is the true mask${dot}.` : `Asked about ${className(labels, asked)}; the dot is the strongest place.`;
    return `${where.charAt(0).toUpperCase()}${where.slice(1)}. ${truth}${says}`;
  };

  const showNumbers = (image: number, method: string) => {
    const shown = ranking;
    const at = shown?.table.images.indexOf(image) ?? -1;
    const row = shown?.rows.indexOf(method) ?? -1;
    numbers.hidden = !shown || at < 0 || row < 0;
    if (numbers.hidden) { rankedKey = ""; return; }
    const lines = shown!.measures.map((measure, column) => {
      const value = shown!.value(row, column, at);
      const own = measure.hit && (value === 0 || value === 1) ? (value ? "hit" : "miss") : figureOf(shown!, column, value);
      return [measure.title, own, figureOf(shown!, column, shown!.estimate(row, column)?.mean ?? NaN)];
    });
    const next = JSON.stringify(lines);
    if (next === rankedKey) return;
    rankedKey = next;
    const line = (cells: string[], roles: string[], small: boolean) => h("div", { role: "row" }, ...cells.map((text, k) => h("span", { role: roles[k], class: `${k ? "cnn-num" : "cnn-clip"}${small ? " cnn-small" : ""}` }, text)));
    fill(numbers, line(["", "this scene", "mean"], ["cell", "columnheader", "columnheader"], true), ...lines.map((cells) => line(cells, ["rowheader", "cell", "cell"], false)));
  };

  watch(model, TRAITS, redraw, signal);
  onResize(body, redraw, signal);
  widget.guard(draw);
});

/** How a cell is drawn, for the key. */
function sign(mean: number, from: number, width: number): HTMLElement {
  const parts = [h("i"), h("u")];
  parts[0].style.width = `${mean}%`;
  [parts[1].style.left, parts[1].style.width] = [`${from}%`, `${width}%`];
  return h("span", { class: "tb-bar" }, ...parts);
}

function tick(): HTMLElement {
  const mark = h("b");
  mark.style.left = "50%";
  return h("span", { class: "tb-bar tb-bar-short" }, mark);
}

export default { render };
