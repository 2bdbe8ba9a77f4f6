/** Grad-CAM viewer: where a network looks to say one class, or two, or one rather than the other. */

import type { GradCAMViewerTraits, LayerInfo, Picture } from "../traits";
import { camFigure } from "../kit/cam_figure";
import { CAM_METHODS, CAM_NAMES, type CamMethodName } from "../kit/cam_methods";
import { classList, type Letter } from "../kit/class_list";
import { diverging, type ColormapName } from "../kit/colormap";
import { field, range, segmented, select } from "../kit/controls";
import { fill, h, setText } from "../kit/dom";
import { frame } from "../kit/frame";
import { heatmapStore, type Cam, type CamQuestion } from "../kit/heatmap_store";
import { network, namedSkyline, neighbor, type Network } from "../kit/layer_picker";
import { path } from "../kit/layers";
import { message, noticeMessage } from "../kit/message";
import { assign, batched, watch } from "../kit/model";
import { MINUS, percent } from "../kit/numbers";
import { patience } from "../kit/patience";
import { className, pictureStrip, pictureUrls, scoresOf } from "../kit/pictures";
import { placeBar } from "../kit/place_bar";
import { boxAt, pixelAt, regionStore } from "../kit/regions";
import { onResize } from "../kit/resize";
import type { Cell } from "../kit/unit_figure";
import { view } from "../kit/view";
import { explain, named, reasonOf, spatialNear, type Reason } from "../kit/why_empty";

const HELP: [string, string][] = [
  ["↑ ↓", "Move in the class list (with one picture, moving shows the class)"],
  ["a b", "Show the class as A, as B"],
  ["x", "Swap A and B"],
  ["← ↑ ↓ →", "Move through the positions of a focused picture"],
  ["Enter", "There: ask about the box or the region (networks that detect or segment)"],
  ["u o", "Layer before, layer after"],
  ["+", "Fuse layers: arrows move, + adds or takes a layer (also Ctrl or Shift and a click)"],
  ["i", "Next picture"],
  ["m", "Positive only, signed"],
  ["[ ]", "Less, more opacity"],
  ["{ }", "Hide less, more of the weak positions"],
  ["h ?", "This list"],
  ["Esc", "Close, then back to the whole picture, then to one picture"],
];
const NOTES = [
  "The map says where the activations of the layer raise the score of the class. It is drawn smooth; the numbers are those of the layer’s own positions.",
  "Signed: warm positions speak for the class, cool ones against it. A − B: warm positions speak for A rather than B, cool ones for B.",
  "The legend shows the map at full strength, whatever the opacity. Its marks and the outline are the value below which the map is hidden.",
];
const TRAITS = ["layers", "pictures", "labels", "image", "layer", "fused", "method", "target", "compare", "contrast", "place", "regions", "signed", "threshold", "opacity", "colormap", "same_scale", "heatmaps", "archive"] as const;
const COLORS: [string, string][] = [["tide", "Tide"], ["viridis", "Viridis"], ["gray", "Gray"]];
type Looks = "one" | "two" | "contrast";

interface Side {
  letter: Letter;
  question: CamQuestion;
  /** What is drawn, which may be older than what was chosen. */
  cam: Cam | null;
  current: boolean;
  reason: ReturnType<typeof reasonOf>;
}

const render = view<GradCAMViewerTraits>(({ model, el, signal }) => {
  let folded: Network = network([]);
  let cell: Cell | null = null;
  let lastCompare = -1;
  let wantsFusing = false;
  const last: Record<Letter, Cam | null> = { A: null, B: null };
  const redraw = batched(() => widget.guard(draw), signal);
  const url = pictureUrls(signal);
  const store = heatmapStore(model, redraw, signal);
  const regions = regionStore(model, redraw, signal);
  const late = patience(redraw, signal);

  const now = () => Object.fromEntries(ASKED.map((name) => [name, model.get(name)])) as Asked;
  const questions = (asked: Asked) => questionsOf(asked, model.get("layers"));
  const set = (values: Partial<GradCAMViewerTraits>) => {
    const known = questions({ ...now(), ...values }).every((question) => question.target < 0 || store.has(question));
    if (known) assign(model, values);
    else widget.ask(values);
  };
  const show = (target: number, letter: Letter) => set(letter === "A" ? { target } : { compare: target });
  const usable = (name: string) => widget.kernel.state() === "live" || questions({ ...now(), layer: name, fused: [] }).every(store.has);
  const go = (by: number) => { const name = neighbor(folded, model.get("layer"), by); if (name && usable(name)) set({ layer: name, fused: [] }); };
  const two = () => model.get("compare") >= 0;
  const looks = (): Looks => (!two() ? "one" : model.get("contrast") ? "contrast" : "two");
  const look = (next: Looks) => set({ compare: next === "one" ? -1 : two() ? model.get("compare") : partner(), contrast: next === "contrast" });
  const partner = () => (lastCompare >= 0 && lastCompare !== model.get("target") ? lastCompare : runnerUp());
  const runnerUp = () => {
    const scores = scoresOf(model.get("pictures")[model.get("image")]);
    let best = -1;
    scores.forEach((score, k) => { if (k !== model.get("target") && available(k) && !(score <= scores[best])) best = k; });
    return best >= 0 ? best : model.get("target") === 0 ? 1 : 0;
  };
  const swap = () => two() && set({ target: model.get("compare"), compare: model.get("target") });
  const slide = (name: "opacity" | "threshold", by: number) => assign(model, { [name]: Math.round(Math.max(0, Math.min(1, model.get(name) + by)) * 100) / 100 });
  const choosePicture = (image: number) => set({ image, place: [] });
  const nextPicture = () => { const count = model.get("pictures").length; if (count) choosePicture((model.get("image") + 1) % count); };

  const fused = () => (model.get("fused").length > 1 && model.get("fused").includes(model.get("layer")) ? model.get("fused") : []);
  const fusing = () => wantsFusing || fused().length > 1;
  const fuses = (name: string) => { const layer = layerNamed(model.get("layers"), name); return Boolean(layer && layer.height * layer.width > 1); };
  const rowOf = (name: string) => path(folded.rows, name)[0]?.layer.name ?? name;
  const fuse = (name: string) => {
    if (!fuses(name)) return;
    wantsFusing = true;
    const chosen = fused().length ? fused() : [model.get("layer")].filter(fuses);
    const without = chosen.filter((each) => each !== name && rowOf(each) !== name);
    const next = without.length < chosen.length ? without : inOrder([...chosen, name], model.get("layers"));
    if (next.length) set({ layer: next.includes(name) ? name : next.includes(model.get("layer")) ? model.get("layer") : next.at(-1)!, fused: next.length > 1 ? next : [] });
    redraw();
  };
  const switchFusing = (on: boolean) => { wantsFusing = on; if (!on && fused().length) set({ fused: [] }); redraw(); };
  const chooseLayer = (layer: string) => {
    const others = fused().filter((each) => rowOf(each) !== rowOf(layer));
    set({ layer, fused: others.length && others.length < fused().length ? inOrder([...others, layer], model.get("layers")) : [] });
  };

  /** What lies at a point of the picture, given in shares: a place and the class predicted there. */
  const placeAt = (x: number, y: number): { place: number[]; label: number } | null => {
    const [found, picture] = [regions(model.get("image")), model.get("pictures")[model.get("image")]];
    if (found?.segments) return { place: [Math.floor(y * picture.height), Math.floor(x * picture.width)], label: found.segments.classes[pixelAt(found.segments, x, y)] };
    const box = found ? boxAt(found.boxes, x, y) : -1;
    return box < 0 ? null : { place: [box], label: found!.boxes[box].label };
  };
  const ask = (found: { place: number[]; label: number } | null) => found && set(two() ? { place: found.place } : { place: found.place, target: found.label });
  const seen = (x: number, y: number) => { const found = placeAt(x, y); return found ? `on ${nameOf(found.label)}` : ""; };
  const nameOf = (target: number) => className(model.get("labels"), target);

  const strip = pictureStrip({ url, choose: choosePicture, take: (files) => widget.take(files), prompt: "Drop or browse" });
  const how = h("p", { class: "cnn-quiet gc-how" });
  const method = select("Method", [], "", (value) => chooseMethod(value as CamMethodName));
  const methodField = field("Method", method.element);
  const count = segmented<Looks>("Pictures", [["one", "One"], ["two", "A | B"], ["contrast", `A ${MINUS} B`]], "one", look);
  const places = placeBar((place, label) => (place.length ? ask({ place, label }) : set({ place: [] })));
  const sign = segmented<"p" | "s">("Sign", [["p", "Positive"], ["s", "Signed"]], "p", (value) => assign(model, { signed: value === "s" }));
  const opacity = range("Opacity", 0.05, model.get("opacity"), (value) => percent(value, 0), (value) => assign(model, { opacity: value }));
  const threshold = range("Hide below", 0.01, model.get("threshold"), (value) => percent(value, 0), (value) => assign(model, { threshold: value }));
  const colors = select("Color map", COLORS, model.get("colormap"), (value) => assign(model, { colormap: value as GradCAMViewerTraits["colormap"] }));
  const scale = segmented<"own" | "same">("Scale", [["own", "Own"], ["same", "Same"]], "own", (value) => assign(model, { same_scale: value === "same" }));
  const scaleField = field("Scale", scale.element);
  methodField.classList.add("gc-method");
  for (const slider of [opacity, threshold]) slider.element.classList.add("gc-slide");
  const point = (next: Cell | null) => { if (next?.row !== cell?.row || next?.column !== cell?.column) { cell = next; redraw(); } };
  const pick = (x: number, y: number) => { if (widget.kernel.state() === "live" || placeKnown(x, y)) ask(placeAt(x, y)); };
  const placeKnown = (x: number, y: number) => { const found = placeAt(x, y); return found !== null && questions({ ...now(), place: found.place, target: found.label }).every(store.has); };
  const figures: Record<Letter, ReturnType<typeof camFigure>> = { A: camFigure({ point, pick }), B: camFigure({ point, pick }) };
  const classes = classList(show, signal);
  const sky = namedSkyline(chooseLayer, { toggle: fuse, switch: switchFusing });
  const pictures = h("div", { class: "gc-pictures" }, strip.element, strip.drop, h("span", { class: "cnn-grow" }), methodField, count.element);
  const stage = h("div", { class: "gc-pair" });
  const tools = h("div", { class: "cnn-tools gc-tools" }, sign.element, opacity.element, threshold.element, field("Colors", colors.element), scaleField);
  const main = h("div", { class: "gc-main" }, h("div", { class: "gc-top" }, pictures, how, places.element), stage, tools);
  const body = h("div", { class: "gc" }, h("div", { class: "gc-columns" }, main, classes.element), sky.element);

  const keys = {
    u: () => go(-1), o: () => go(1), i: nextPicture, x: swap, m: () => assign(model, { signed: !model.get("signed") }),
    "[": () => slide("opacity", -0.1), "]": () => slide("opacity", 0.1), "{": () => slide("threshold", -0.05), "}": () => slide("threshold", 0.05),
    "+": () => switchFusing(!fusing()),
    Escape: () => (model.get("place").length ? (set({ place: [] }), true) : two() && (look("one"), true)),
  };
  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Grad-CAM viewer", draw: () => draw(),
    archived: "A saved page without Python: opacity, colors, hiding and the saved maps still work; other methods, layers and classes need Python.",
  });

  /** Without Python: the maps of a method that were saved for this picture. */
  const savedBy = (name: string) => store.archived().filter((each) => each.image === model.get("image") && each.method === name);
  const offers = (name: CamMethodName) => widget.kernel.state() !== "archived" || savedBy(name).length > 0;
  const chooseMethod = (name: CamMethodName) => {
    const missing = widget.kernel.state() === "archived" && !questions({ ...now(), method: name }).every(store.has);
    const saved = missing ? savedBy(name)[0] : null;
    if (!saved) return set({ method: name });
    const layers = saved.layer.split(" + ");
    set({ method: name, layer: layers.at(-1)!, fused: layers.length > 1 ? layers : [], target: saved.target, compare: saved.against, contrast: saved.against >= 0, place: saved.place });
  };

  // The list is sorted anew whenever this function is another one.
  let available: (target: number) => boolean = () => true;
  let availableFor = "";
  const refreshAvailable = () => {
    const [state, asked] = [widget.kernel.state(), { ...now(), compare: -1, contrast: false }];
    const key = state === "live" ? "all" : JSON.stringify([state, { ...asked, target: 0 }]);
    if (key !== availableFor) available = state === "live" ? () => true : (target) => questions({ ...asked, target }).every(store.has);
    availableFor = key;
  };

  const draw = () => {
    if (folded.layers !== model.get("layers")) folded = network(model.get("layers"));
    if (two()) lastCompare = model.get("compare");
    refreshAvailable();
    const list = model.get("pictures");
    const picture = list[model.get("image")];
    body.dataset.empty = String(!picture);
    strip.show(list, model.get("image"), widget.kernel.state() === "live");
    const says = CAM_METHODS[model.get("method")].says;
    const there = !model.get("place").length ? "" : regions(model.get("image"))?.segments ? " in this region" : " in this box";
    setText(how, !picture ? "" : model.get("method") === "eigen_cam" ? `${says[0].toUpperCase()}${says.slice(1)}.` : `${HOW[looks()]}${there}: ${says}.`);
    count.show(looks());
    method.show(model.get("method"), CAM_NAMES.map((name) => [name, CAM_METHODS[name].title, !offers(name)]));
    count.element.hidden = tools.hidden = !picture || widget.notice() !== null;
    methodField.hidden = how.hidden = !picture;
    const place = model.get("place");
    const at = picture && place.length === 2 ? placeAt((place[1] + 0.5) / picture.width, (place[0] + 0.5) / picture.height) : null;
    places.show({ regions: picture ? regions(model.get("image")) : null, place, at: at ? nameOf(at.label) : "", name: nameOf, live: widget.kernel.state() === "live" });
    showTools();
    drawStage(picture);
    const scores = scoresOf(picture);
    classes.show({ labels: model.get("labels"), scores, count: picture ? Math.max(scores.length, model.get("labels").length) : 0, a: model.get("target"), b: model.get("compare"), available });
    const fusable = widget.kernel.state() !== "archived" || fused().length > 1;
    sky.show({ network: folded, chosen: model.get("layer"), available: (name) => usable(name) && (!fusing() || fuses(name)), fused: fused(), fusing: fusable ? fusing() : undefined });
  };

  const signed = () => model.get("signed") || looks() === "contrast";
  const showTools = () => {
    sign.show(model.get("signed") ? "s" : "p");
    sign.element.hidden = looks() === "contrast";
    opacity.show(model.get("opacity"));
    threshold.show(model.get("threshold"));
    colors.show(signed() ? "polar" : model.get("colormap"), signed() ? [["polar", "Polar"]] : COLORS);
    scale.show(model.get("same_scale") ? "same" : "own");
    scaleField.hidden = looks() !== "two";
  };

  const drawStage = (picture: Picture | undefined) => {
    const notice = standIn(picture);
    const asked = questions(now());
    const sides = notice || !picture ? [] : asked.map((question, k) => side(k ? "B" : "A", question));
    const instead = notice ?? (picture ? whyNone(sides, picture) : null);
    const waiting = late(sides.filter((each) => !each.current).map((each) => JSON.stringify(each.question)).join());
    stage.dataset.one = String(asked.length < 2);
    stage.dataset.bare = String(Boolean(instead));
    const parts = instead ? [instead] : sides.map((each) => figures[each.letter].element);
    if (parts.length !== stage.children.length || parts.some((part, k) => part !== stage.children[k])) fill(stage, ...parts);
    const top = model.get("same_scale") ? Math.max(0, ...sides.map(reach)) : 0;
    if (picture) for (const each of sides) showSide(each, picture, top || reach(each), waiting);
  };

  const side = (letter: Letter, question: CamQuestion): Side => {
    const found = store.get(question);
    const before = last[letter];
    const cam = found ?? (before?.image === question.image && before.against < 0 === question.against < 0 ? before : null);
    last[letter] = cam;
    return { letter, question, cam, current: found !== null, reason: cam && reasonOf(cam, signed()) };
  };

  const reach = ({ cam, reason }: Side) => (!cam || reason ? 0 : Math.max(cam.high, signed() ? -cam.low : 0));

  const showSide = (each: Side, picture: Picture, top: number, waiting: boolean) => {
    const { letter, question, cam, current } = each;
    const share = (target: number) => { const found = scoresOf(picture)[target]; return found === undefined ? "" : percent(found); };
    const against = question.against >= 0;
    const rest = cam && current && cam.done < 1 && widget.kernel.state() === "live" && model.get("status") !== "busy";
    figures[letter].show({
      letter: against ? `A ${MINUS} B` : two() ? letter : "", name: against ? `${nameOf(question.target)} ${MINUS} ${nameOf(question.against)}` : nameOf(question.target),
      share: against ? `${share(question.target)} against ${share(question.against)}` : share(question.target), picture, url: url(picture), cam, top,
      older: !current && cam && waiting ? olderThan(cam, question) : "",
      instead: standInFor(each), signed: signed(), opacity: model.get("opacity"), threshold: model.get("threshold"),
      colors: signed() ? diverging(widget.theme()) : (model.get("colormap") as ColormapName), cell: cam && cell && inside(cell, cam) ? cell : null,
      regions: regions(model.get("image")), picks: Boolean(regions(model.get("image"))?.boxes.length) || widget.kernel.state() === "live", place: model.get("place"), seen, finish: rest ? finish : null,
    });
  };

  const finish = () => { widget.kernel.expect(); widget.kernel.send({ type: "run", again: true }); };
  const olderThan = (cam: Cam, { method: name, place }: CamQuestion) =>
    `${nameOf(cam.target)} at ${cam.layer}` + (cam.method === name ? "" : `, ${CAM_METHODS[cam.method].title}`) + (String(cam.place) === String(place) ? "" : ", another place");

  const standInFor = ({ question: { target, against, method: name, layer }, cam, current, reason }: Side): HTMLElement | null => {
    if (target < 0) return message("", "No class chosen", "Choose one in the list: its map appears here.");
    if (against >= 0 && name === "eigen_cam") return message("", "Eigen-CAM asks for no class", "So there is nothing in which A could differ from B.", [{ label: "Back to Grad-CAM", press: () => set({ method: "grad_cam" }) }]);
    const [silent, archived] = ["silent", "archived"].map((state) => state === widget.kernel.state());
    if (!current && (archived || (silent && !cam))) return message("", "Not computed yet", `${nameOf(target)} at ${layer} with ${CAM_METHODS[name].title} has not been computed, and there is no kernel to do it.`);
    if (!cam || !reason) return null;
    if (reason === "gradient" && cam.against >= 0) return message("warn", "Nothing tells A from B", `At ${cam.layer} both classes have the same map.`);
    const layers = model.get("layers");
    const { title, text } = explain(reason, layerNamed(layers, cam.layer), cam.why, CAM_METHODS[cam.method].gradient);
    return message("warn", title, text, remedies(reason, cam));
  };

  /** One message instead of two, where the layer is the reason. */
  const whyNone = (sides: Side[], picture: Picture) => {
    const all = sides.length > 0 && sides.every((each) => each.current && each.reason === "position");
    return all ? h("div", { class: "cnn-why" }, h("img", { src: url(picture), alt: "" }), standInFor(sides[0])) : null;
  };

  const remedies = (reason: Reason, { layer, method: name, image }: Cam) => {
    if (reason === "positive") return [{ label: "Show signed", press: () => assign(model, { signed: true }) }];
    const live = widget.kernel.state() === "live";
    const box = regions(image)?.boxes[0];
    if (reason === "box") return box && live ? [{ label: `Ask about the best box, ${nameOf(box.label)}`, press: () => ask({ place: [0], label: box.label }) }] : [];
    const without = live && CAM_METHODS[name].gradient && (reason === "gradient" || reason === "saturated");
    const near = reason === "saturated" ? null : spatialNear(model.get("layers"), layer);
    return [
      ...(near && usable(near.name) ? [{ label: `Use ${named(near)}`, press: () => set({ layer: near.name, fused: [] }) }] : []),
      ...(without ? [{ label: "Use Ablation-CAM, without gradient", press: () => set({ method: "ablation_cam" }) }] : []),
    ];
  };

  const standIn = (picture: Picture | undefined): HTMLElement | null => {
    const notice = widget.notice();
    if (notice) return noticeMessage(notice, (values) => widget.ask(values));
    return picture ? null : message("", "No picture yet", "Drop one anywhere here, or pass one from Python. The classes appear with their probabilities.");
  };

  watch(model, TRAITS, redraw, signal);
  onResize(stage, redraw, signal);
  widget.guard(draw);
});

const ASKED = ["image", "layer", "fused", "method", "target", "compare", "contrast", "place"] as const;
type Asked = Pick<GradCAMViewerTraits, (typeof ASKED)[number]>;

const HOW: Record<Looks, string> = {
  one: "Where the network looks to say this class",
  two: "Where the network looks to say A, and to say B",
  contrast: "What speaks for A rather than B, and for B rather than A",
};

/** The maps that the traits ask for, as Python reads them. */
function questionsOf({ image, layer, fused, method, target, compare, contrast, place }: Asked, layers: LayerInfo[]): CamQuestion[] {
  const several = fused.length > 1 && fused.includes(layer) ? inOrder(fused, layers).join(" + ") : layer;
  const ask = (target: number, against = -1): CamQuestion => ({ image, layer: several, target, against, method, place });
  if (compare < 0) return [ask(target)];
  return contrast ? [ask(target, compare)] : [ask(target), ask(compare)];
}

/** Names of layers in execution order. */
function inOrder(names: string[], layers: LayerInfo[]): string[] {
  return layers.map((layer) => layer.name).filter((name) => names.includes(name));
}

const inside = ({ row, column }: Cell, { field }: Cam) => row < field.height && column < field.width;
const layerNamed = (layers: LayerInfo[], name: string) => layers.find((layer) => layer.name === name) ?? null;

export default { render };
