/** Saliency viewer: attribution methods side by side on one picture, and DeconvNet stage by stage. */

import type { AttributionMethod, Picture, SaliencyViewerTraits } from "../traits";
import { agreementMatrix, two } from "../kit/agreement_matrix";
import { attributionFigure, type Look } from "../kit/attribution_figure";
import { agreement, attributions, nameOf, type Attribution, type Place } from "../kit/attributions";
import { classPicker } from "../kit/class_picker";
import { field, onCommit, segmented, select } from "../kit/controls";
import { fill, h, holdsFocus, setAttribute, setText } from "../kit/dom";
import { frame } from "../kit/frame";
import { network, neighbor, type Network } from "../kit/layer_picker";
import { lens, cellOf, type Point } from "../kit/lens";
import { message, noticeMessage, type Action } from "../kit/message";
import { methodInspector, WAYS, type InspectorView } from "../kit/method_inspector";
import { methodPanel, type MethodPanel, type PanelView } from "../kit/method_panel";
import { assign, batched, watch } from "../kit/model";
import { percent, plural, THIN } from "../kit/numbers";
import { patience } from "../kit/patience";
import { className, pictureStrip, pictureUrls, scoresOf } from "../kit/pictures";
import { stageFilm } from "../kit/stage_film";
import { stageInspector } from "../kit/stage_inspector";
import { stageView } from "../kit/stage_view";
import { walks, type Walk } from "../kit/stages";
import { toggles } from "../kit/toggles";
import { view } from "../kit/view";
import { explain } from "../kit/why_empty";

const HELP: [string, string][] = [
  ["← ↑ ↓ →", "Move in the grid, the stages or the large picture"],
  ["1 2", "Compare, steps"],
  ["b", "Way back to the image: plain, guided, deconv"],
  ["m", "Signed, strength only"],
  ["z", "Overlay, map, picture"],
  ["+ −", "Zoom all panels"],
  ["Shift ← ↑ ↓ →", "Move the zoomed window"],
  ["t", "Next class"],
  ["i", "Next picture"],
  ["u o", "Layer of the CAM family, or stage: before, after"],
  ["h ?", "This list"],
  ["Esc", "Close, then back to 1×"],
];
const NOTES = [
  "Every map is of the same picture and class, each on its own scale: compare where, not how much. The ends of the colors hold 99 % of a fine map.",
  "ρ is the mean rank correlation of a map’s strength with the other maps shown, on a grid of 28 × 28. Maps that agree may all be wrong.",
  "Guided backpropagation and DeconvNet change what a ReLU passes back. They draw sharp edges, and often much the same ones for every class.",
  "Values are sent with 11 bits: right to three digits. Sums, shares and correlations are of the exact values.",
];
const TRAITS = [
  "layers", "pictures", "labels", "image", "layer", "target", "archive", "methods", "heatmaps", "partial", "stages", "shown", "method", "mode", "sort", "signed", "zoom", "unit", "step",
] as const;
const SORTS: [SaliencyViewerTraits["sort"], string][] = [["family", "By family"], ["agreement", "By agreement"], ["cost", "By cost"]];
const FAMILIES = ["gradient", "rectified", "cam", "perturbation", "own"];
const LOOKS: Look[] = ["map", "over", "image"];
const ZOOMS: ["1" | "2" | "4", string][] = [["1", "1×"], ["2", "2×"], ["4", "4×"]];

/** A method in the grid, with what is known of it. */
interface Shown {
  method: AttributionMethod;
  place: Place;
  /** What is drawn, which may be older than what was chosen. */
  map: Attribution | null;
  current: boolean;
}

const render = view<SaliencyViewerTraits>(({ model, el, signal }) => {
  let folded: Network = network([]);
  let look: Look = "map";
  const last = new Map<string, Attribution>();
  const panels = new Map<string, MethodPanel>();
  const redraw = batched(() => widget.guard(draw), signal);
  const url = pictureUrls(signal);
  const store = attributions(model, redraw, signal);
  const films = walks(model, redraw, signal);
  const late = patience(redraw, signal);

  // what is asked ------------------------------------------------------------------------------------------------

  const live = () => widget.kernel.state() === "live";
  const method = (key: string) => model.get("methods").find((each) => each.key === key);
  const shownMethods = () => model.get("shown").map(method).filter((each) => each !== undefined);
  const placeOf = ({ key, layered }: AttributionMethod, more: Partial<Place> = {}): Place => {
    const place = { image: model.get("image"), target: model.get("target"), layer: model.get("layer"), ...more };
    return { ...place, method: key, layer: layered ? place.layer : "" };
  };
  const known = (values: Partial<SaliencyViewerTraits>) => {
    const next = { image: model.get("image"), target: model.get("target"), layer: model.get("layer"), shown: model.get("shown"), mode: model.get("mode"), unit: model.get("unit"), ...values };
    if (next.target < 0) return false;
    if (next.mode === "steps") return films.has(next.image, next.target, next.unit.trim());
    const wanted = next.shown.map(method).filter((each) => each !== undefined);
    return wanted.every((each) => store.has(placeOf(each, next)));
  };
  /** Ask Python only for what is not here. */
  const set = (values: Partial<SaliencyViewerTraits>) => (known(values) ? assign(model, values) : widget.ask(values));
  const usable = (key: string) => Boolean(method(key)) && (live() || store.has(placeOf(method(key)!)));
  const usableClass = (target: number) => live() || model.get("shown").some((key) => method(key) && store.has(placeOf(method(key)!, { target })));
  const usableLayer = (layer: string) => live() || shownMethods().some((each) => each.layered && store.has(placeOf(each, { layer })));
  const again = () => widget.kernel.send({ type: "run", again: true });

  const turn = (key: string) => {
    const shown = model.get("shown");
    const next = shown.includes(key) ? shown.filter((each) => each !== key) : inOrder([...shown, key]);
    set({ shown: next, ...(shown.includes(key) ? {} : { method: key }) });
  };
  const inOrder = (keys: string[]) => model.get("methods").map(({ key }) => key).filter((key) => keys.includes(key));
  const choose = (key: string, focus = false) => {
    if (model.get("method") !== key) assign(model, { method: key });
    if (focus) { draw(); panels.get(key)?.element.focus({ preventScroll: false }); }
  };
  const stepMethod = (by: number) => {
    const keys = listed.map((each) => each.method.key);
    if (keys.length) choose(keys[(keys.indexOf(chosenKey()) + by + keys.length) % keys.length]);
  };
  /** The chosen panel shows another way back; where that has a panel of its own, the choice moves there. */
  const way = (key: string) => {
    if (!usable(key)) return;
    const shown = model.get("shown");
    if (shown.includes(key)) return choose(key);
    const from = chosenKey();
    set({ shown: shown.map((each) => (each === from ? key : each)), method: key });
  };
  const nextWay = () => {
    const at = WAYS.findIndex(([key]) => key === chosenKey());
    if (model.get("mode") === "compare") way(WAYS[(at + 1) % WAYS.length][0]);
  };
  const goLayer = (by: number) => {
    const name = neighbor(folded, model.get("layer"), by);
    if (name && usableLayer(name) && shownMethods().some((each) => each.layered)) set({ layer: name });
  };
  const nextPicture = () => { const count = model.get("pictures").length; if (count) pickPicture((model.get("image") + 1) % count); };
  const pickPicture = (image: number) => set({ image });
  const magnify = (zoom: number) => assign(model, { zoom: Math.max(1, Math.min(4, zoom)) });
  const setMode = (mode: SaliencyViewerTraits["mode"], focus = false) => {
    toFilm = focus && mode === "steps";
    set({ mode });
  };
  const steps = () => model.get("mode") === "steps";
  const goStep = (step: number) => { if (walk) assign(model, { step: Math.max(0, Math.min(walk.rows.length - 1, step)) }); };
  const stepBy = (by: number) => steps() && walk !== null && walk.rows.length > 0 && (goStep(stepNow() + by), true);
  const stepNow = () => Math.max(0, Math.min((walk?.rows.length ?? 1) - 1, model.get("step")));
  const cycleLook = () => { look = LOOKS[(LOOKS.indexOf(look) + 1) % LOOKS.length]; redraw(); };

  // parts --------------------------------------------------------------------------------------------------------

  const strip = pictureStrip({ url, choose: pickPicture, take: (files) => widget.take(files), prompt: "Drop pictures or browse" });
  const picker = classPicker((target) => set({ target }));
  const modes = segmented("Mode", [["compare", "Compare"], ["steps", "Steps"]], "compare", (value) => setMode(value));
  const methodToggles = toggles("Methods", turn);
  const more = select("More methods", [], "", (key) => { turn(key); more.element.value = ""; });
  more.element.classList.add("sv-more");
  const sort = select("Sort", SORTS, "family", (value) => assign(model, { sort: value as SaliencyViewerTraits["sort"] }));
  const sign = segmented("Values", [["signed", "Signed"], ["strength", "Strength"]], "signed", (value) => assign(model, { signed: value === "signed" }));
  const zoom = segmented("Zoom", ZOOMS, "1", (value) => magnify(Number(value)));
  const unit = h("input", { class: "cnn-input cnn-mono sv-unit-field", type: "text", spellcheck: "false", placeholder: "layer:channel", "aria-label": "From one unit" });
  onCommit(unit, () => { if (unit.value.trim() !== model.get("unit")) set({ unit: unit.value.trim(), step: 0 }); });
  const begin = segmented("Begin at", [["class", "Class"], ["unit", "Unit"]], "class", (value) => (value === "class" ? set({ unit: "", step: 0 }) : (askUnit = true, draw(), unit.focus())));
  let askUnit = false;
  /** The film takes the keys as soon as it is there. */
  let toFilm = false;

  const pointed = (point: Point | null) => {
    panels.forEach((panel) => panel.point(point));
    inspector.point(point);
    stage.point(point);
    stageSide.point(point);
    readPicture();
  };
  const shared = lens(el, pointed);
  const photo = attributionFigure(shared);
  const photoName = h("h3", { class: "cnn-clip cnn-grow" });
  const photoRead = h("span", { class: "cnn-num cnn-small" });
  const photoCaption = h("span", { class: "cnn-small" });
  const photoPanel = h("div", { class: "sv-panel sv-photo" }, h("header", null, photoName, photoRead), h("div", { class: "sv-well" }, photo.element), photoCaption);
  const row = h("div", { class: "sv-contents", role: "row" });
  const grid = h("div", { class: "sv-contents", role: "grid", "aria-label": "Maps by method" }, row);
  const matrix = agreementMatrix((key) => choose(key, true));
  const how = h("p", { class: "cnn-quiet sv-how" });
  const panelsBox = h("div", { class: "sv-grid" }, photoPanel, grid, matrix.element);
  const inspector = methodInspector({ lens: shared, step: stepMethod, look: (next) => { look = next; redraw(); }, way, layer: (layer) => set({ layer }), walk: () => setMode("steps", true) });
  const film = stageFilm(goStep);
  const stage = stageView(shared, goStep);
  const stageSide = stageInspector(shared, stepBy, () => { setMode("compare"); choose("deconvnet", true); });
  const compareTools = h("span", { class: "sv-contents" }, h("span", { class: "sv-methods" }, methodToggles.element, more.element), field("Sort", sort.element), sign.element);
  const stepTools = h("span", { class: "sv-contents" }, field("From", begin.element), unit, h("span", { class: "cnn-quiet sv-steps-how" }));
  const zoomField = field("Zoom", zoom.element);
  const main = h("div", { class: "sv-main" });
  const side = h("div", { class: "sv-side-place" });
  const columns = h("div", { class: "sv-columns" }, main, side);
  const pictures = h("div", { class: "cnn-strip sv-strip" }, strip.element, strip.drop, h("span", { class: "cnn-grow" }), picker.element);
  const bar = h("div", { class: "cnn-tools sv-bar" }, modes.element, compareTools, stepTools, zoomField);
  const body = h("div", { class: "sv" }, pictures, bar, columns);

  const keys = {
    "1": () => setMode("compare"), "2": () => setMode("steps", true), b: nextWay, z: cycleLook, m: () => assign(model, { signed: !model.get("signed") }),
    "+": () => magnify(model.get("zoom") * 2), "=": () => magnify(model.get("zoom") * 2), "-": () => magnify(model.get("zoom") / 2), "−": () => magnify(model.get("zoom") / 2),
    t: () => picker.next(), i: nextPicture, u: () => stepBy(-1) || goLayer(-1), o: () => stepBy(1) || goLayer(1),
    ArrowDown: () => stepBy(1), ArrowUp: () => stepBy(-1), Escape: () => model.get("zoom") > 1 && (magnify(1), true),
  };
  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Saliency viewer", draw: () => draw(),
    archived: "A saved page without Python: zoom, sort, signs, the saved classes and their stages still work.",
  });

  row.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target as HTMLElement).matches(".sv-panel")) return;
    const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) return shared.pan(by[0] / 4, by[1] / 4);
    const keysNow = listed.map((each) => each.method.key);
    const next = keysNow[keysNow.indexOf(chosenKey()) + by[1] + by[0] * columnsNow()];
    if (next) choose(next, true);
  });
  const columnsNow = () => Math.max(1, getComputedStyle(panelsBox).gridTemplateColumns.split(" ").filter(Boolean).length);

  // drawing ------------------------------------------------------------------------------------------------------

  let listed: Shown[] = [];
  let walk: Walk | null = null;
  const chosenKey = () => (listed.some((each) => each.method.key === model.get("method")) ? model.get("method") : (listed[0]?.method.key ?? ""));
  const targetName = () => className(model.get("labels"), model.get("target"));

  const draw = () => {
    if (folded.layers !== model.get("layers")) folded = network(model.get("layers"));
    const list = model.get("pictures");
    const picture = list[model.get("image")];
    body.dataset.empty = String(!picture);
    strip.show(list, model.get("image"), live());
    picker.element.hidden = !picture;
    picker.show({ labels: model.get("labels"), scores: scoresOf(picture), chosen: model.get("target"), available: usableClass });
    if (shared.zoom() !== model.get("zoom")) shared.magnify(model.get("zoom"));
    const notice = standIn(picture);
    listed = sorted(shownMethods().map(lookUp));
    walk = picture && steps() ? films.get(model.get("image"), model.get("target"), model.get("unit").trim()) : null;
    drawBar(Boolean(picture) && !widget.notice());
    body.dataset.bare = String(Boolean(notice));
    if (notice) { fill(main, notice); fill(side, null); return; }
    if (steps()) drawSteps(picture);
    else drawCompare(picture);
  };

  const lookUp = (each: AttributionMethod): Shown => {
    const place = placeOf(each);
    const found = store.get(place);
    if (found && !found.failed) last.set(each.key, found);
    const map = found ?? last.get(each.key) ?? store.told(each.key);
    return { method: each, place, map, current: found !== null };
  };
  const sorted = (all: Shown[]): Shown[] => {
    const agrees = agreements(all);
    const family = (each: Shown) => FAMILIES.indexOf(each.method.family);
    const cost = (each: Shown) => each.map?.ms || Infinity;
    const by: Record<SaliencyViewerTraits["sort"], (x: number, y: number) => number> = {
      family: (x, y) => family(all[x]) - family(all[y]), agreement: (x, y) => (agrees[y] ?? -2) - (agrees[x] ?? -2), cost: (x, y) => cost(all[x]) - cost(all[y]) || 0,
    };
    return [...all.keys()].sort((x, y) => by[model.get("sort")](x, y) || x - y).map((k) => all[k]);
  };

  /** Mean rank correlation of each map with the others that are there. */
  const agreements = (all: Shown[]): (number | null)[] => {
    const there = all.filter(isThere);
    const found = agreement(store, there.map((each) => nameOf(each.place)));
    return all.map((each) => found[there.indexOf(each)] ?? null);
  };
  const isThere = ({ current, map }: Shown) => current && map !== null && map.whole && !map.failed;

  const drawBar = (on: boolean) => {
    bar.hidden = !on;
    modes.show(model.get("mode"));
    compareTools.hidden = steps();
    stepTools.hidden = !steps();
    if (!on) return;
    const shown = model.get("shown");
    const offered = model.get("methods");
    const inBar = offered.filter(({ key, listed: own }) => own || shown.includes(key)).filter(({ key }) => live() || shown.includes(key) || usable(key));
    methodToggles.show(inBar.map(({ key, title }) => [key, title]), shown);
    const rest = live() ? offered.filter((each) => !inBar.includes(each)) : [];
    more.element.hidden = !rest.length;
    more.show("", [["", "More…"], ...rest.map(({ key, title }): [string, string] => [key, title])]);
    sort.show(model.get("sort"));
    sign.show(model.get("signed") ? "signed" : "strength");
    zoom.show(String(model.get("zoom")) as "1" | "2" | "4");
    const fromUnit = Boolean(model.get("unit")) || askUnit;
    begin.show(fromUnit ? "unit" : "class");
    unit.hidden = !fromUnit;
    if (!holdsFocus(unit)) unit.value = model.get("unit");
    unit.disabled = !live();
    if (model.get("unit")) askUnit = false;
    setText(stepTools.lastElementChild!, fromUnit ? "DeconvNet, from a unit’s strongest place back to pixels" : `DeconvNet, from ${model.get("target") < 0 ? "the class" : targetName()} back to pixels`);
  };

  const drawCompare = (picture: Picture) => {
    const parts = [how, panelsBox];
    if (main.firstChild !== how) fill(main, ...parts);
    if (side.firstChild !== inspector.element) fill(side, inspector.element);
    setText(how, legendOfAll());
    drawPhoto(picture);
    const waiting = late(listed.every((each) => each.current) ? "" : `${model.get("image")}|${model.get("target")}|${model.get("layer")}`);
    const names = listed.map((each) => nameOf(each.place));
    const agrees = agreements(listed);
    const views = listed.map((each, k) => panelView(each, picture, agrees[k], waiting));
    placePanels(views);
    const whole = listed.map((each, k) => ({ each, k })).filter(({ each }) => isThere(each));
    matrix.element.hidden = whole.length < 2;
    if (whole.length > 1) matrix.show({ methods: whole.map(({ each }) => each.method), chosen: chosenKey(), rho: (i, j) => store.rho(names[whole[i].k], names[whole[j].k]) });
    drawInspector(views, names);
  };
  const legendOfAll = () => {
    if (!listed.length) return "";
    const scale = `Each map on its own scale; its ${model.get("signed") ? "ends hold" : "end holds"} 99${THIN}% of the pixels.`;
    const colors = model.get("signed") ? `Warm is positive for ${targetName()}, cool negative.` : "Strength without sign.";
    return `${colors} ${scale}${listed.length > 1 ? " ρ: mean rank correlation with the others." : ""}`;
  };
  const drawPhoto = (picture: Picture) => {
    setText(photoName, picture.name);
    photo.show({ picture, url: url(picture), map: null, look: "image", signed: false, theme: widget.theme() });
    const share = scoresOf(picture)[model.get("target")];
    setText(photoCaption, share === undefined ? "" : `${targetName()}: ${percent(share || 1e-9)}`);
    readPicture();
  };
  const readPicture = () => {
    const at = shared.point();
    const picture = model.get("pictures")[model.get("image")];
    const cell = at && picture ? cellOf(at, picture) : null;
    setText(photoRead, cell ? `${cell.column}, ${cell.row} px` : "picture");
  };

  const panelView = (each: Shown, picture: Picture, agrees: number | null, waiting: boolean): PanelView => {
    const { method: info, map, current } = each;
    return {
      method: info, picture, url: url(picture), map: map?.failed ? null : map, older: !current && map && waiting ? className(model.get("labels"), map.target) + (map.image === model.get("image") ? "" : ", another picture") : "",
      instead: standInFor(each), agrees: agrees === null ? "" : `ρ${THIN}${two(agrees)}`, target: targetName(),
      chosen: info.key === chosenKey(), look, signed: model.get("signed"), theme: widget.theme(),
    };
  };
  const standInFor = ({ method: info, map, current }: Shown): PanelView["instead"] => {
    const hide: Action = { label: "Hide this map", press: () => turn(info.key) };
    if (current && map?.failed) return { kind: "warn", title: "Not for this network", text: map.failed, actions: [hide] };
    if (!current && widget.kernel.state() === "archived") return { kind: "", title: "Not in this page", text: `${info.title} of this class was not saved.`, actions: [hide] };
    if (!current && !map && model.get("status") !== "busy") return { kind: "", title: "Not computed", text: "It was stopped before its turn.", actions: live() ? [{ label: "Compute", press: again }] : [] };
    if (!current || !map) return null;
    const reason = emptiness(map);
    if (reason) return { kind: "warn", ...explain(reason, null, map.why), actions: [hide] };
    return null;
  };
  const emptiness = (map: Attribution) => {
    if (map.field.height * map.field.width <= 1) return "position";
    if (map.low === null || map.high === null) return "nan";
    if (map.low === 0 && map.high === 0) return "gradient";
    return map.low === map.high ? "constant" : null;
  };

  const placePanels = (views: PanelView[]) => {
    const had = [...panels.values()].some((panel) => holdsFocus(panel.element));
    for (const { method: info } of views) if (!panels.has(info.key)) panels.set(info.key, makePanel(info.key));
    const wanted = views.map(({ method: info }) => panels.get(info.key)!);
    if (wanted.length !== row.children.length || wanted.some((panel, k) => panel.element !== row.children[k])) {
      fill(row, ...wanted.map((panel) => panel.element));
      if (had) panels.get(chosenKey())?.element.focus({ preventScroll: true });
    }
    grid.hidden = !views.length;
    setAttribute(grid, "aria-colcount", views.length || null);
    views.forEach((each, k) => wanted[k].show(each));
  };
  const makePanel = (key: string) => {
    const panel = methodPanel(shared);
    panel.element.addEventListener("click", (event) => { if (!(event.target as Element).closest("button")) choose(key, true); });
    return panel;
  };

  const drawInspector = (views: PanelView[], names: string[]) => {
    const at = views.findIndex((each) => each.chosen);
    if (at < 0) return inspector.show(null);
    const others = listed.map((each, k) => ({ title: each.method.title, rho: k === at ? null : store.rho(names[at], names[k]), k })).filter(({ k }) => k !== at && isThere(listed[k]));
    const next: InspectorView = {
      ...views[at], layers: model.get("layers"), layer: model.get("layer"), usable, usableLayer,
      others: others.sort((x, y) => (y.rho ?? -2) - (x.rho ?? -2)), canWalk: live() || films.has(model.get("image"), model.get("target"), model.get("unit").trim()),
    };
    inspector.show(next);
  };

  const drawSteps = (picture: Picture) => {
    const instead = walk?.failed ? message("warn", "DeconvNet cannot be walked here", walk.failed, [{ label: "Back to all methods", press: () => setMode("compare") }]) : walk ? null : waitingForSteps();
    if (instead) {
      fill(main, instead);
      return fill(side, null);
    }
    const step = stepNow();
    if (!main.querySelector(".sv-steps")) fill(main, h("div", { class: "sv-steps" }, film.element, stage.element));
    if (side.firstChild !== stageSide.element) fill(side, stageSide.element);
    film.show(walk!, step);
    stage.show(walk!, step, widget.theme());
    stageSide.show(walk!, step, picture, url(picture));
    if (toFilm) film.focus();
    toFilm = false;
  };
  const waitingForSteps = () => live() && model.get("status") === "busy" ? message("", "DeconvNet sends the signal back", "Its stages appear here, from the beginning down to the pixels.")
    : message("", "Not computed", live() ? "It was stopped before its end." : "These stages are not in this page.", [...(live() ? [{ label: "Compute", press: again }] : []), { label: "Back to all methods", press: () => setMode("compare") }]);

  const standIn = (picture: Picture | undefined): HTMLElement | null => {
    const notice = widget.notice();
    if (notice) return noticeMessage(notice, (values) => widget.ask(values));
    if (!picture) return message("", "No picture yet", "Drop one anywhere here, or pass one from Python. The maps of all methods appear one after another.");
    if (steps() || model.get("shown").length) return null;
    const all = model.get("methods").filter((each) => each.listed).map(({ key }) => key);
    return message("", "No method shown", "Every method is switched off. Switch one on above.", [{ label: `Show ${plural(all.length, "method")}`, press: () => set({ shown: all }) }]);
  };

  watch(model, TRAITS, redraw, signal);
  widget.guard(draw);
});

export default { render };
