/** Grad-CAM viewer: where a network looks to say one class, or two. */

import type { GradCAMViewerTraits, LayerInfo, Picture } from "../traits";
import { camFigure } from "../kit/cam_figure";
import { classList, type Letter } from "../kit/class_list";
import { diverging, type ColormapName } from "../kit/colormap";
import { field, range, segmented, select } from "../kit/controls";
import { fill, h } from "../kit/dom";
import { frame } from "../kit/frame";
import { heatmapStore, type Cam } from "../kit/heatmap_store";
import { network, namedSkyline, neighbor, type Network } from "../kit/layer_picker";
import { message, noticeMessage } from "../kit/message";
import { assign, batched, watch } from "../kit/model";
import { percent } from "../kit/numbers";
import { patience } from "../kit/patience";
import { className, pictureStrip, pictureUrls, scoresOf } from "../kit/pictures";
import { onResize } from "../kit/resize";
import type { Cell } from "../kit/unit_figure";
import { view } from "../kit/view";
import { explain, named, reasonOf, spatialNear } from "../kit/why_empty";

const HELP: [string, string][] = [
  ["↑ ↓", "Move in the class list (with one picture, moving shows the class)"],
  ["a b", "Show the class as A, as B"],
  ["← ↑ ↓ →", "Move through the positions of a focused picture"],
  ["u o", "Layer before, layer after"],
  ["i", "Next picture"],
  ["m", "Positive only, signed"],
  ["x", "Swap A and B"],
  ["[ ]", "Less, more opacity"],
  ["h ?", "This list"],
  ["Esc", "Close, then back to one picture"],
];
const NOTES = [
  "The map says where the activations of the layer raise the score of the class. It is drawn smooth; the numbers are those of the layer’s own positions.",
  "Signed: warm positions speak for the class, cool ones against it.",
  "The legend shows the map at full strength, whatever the opacity.",
];
const TRAITS = ["layers", "pictures", "labels", "image", "layer", "target", "compare", "signed", "opacity", "colormap", "same_scale", "heatmaps", "archive"] as const;
const COLORS: [string, string][] = [["tide", "Tide"], ["viridis", "Viridis"], ["gray", "Gray"]];

interface Side {
  letter: Letter;
  target: number;
  /** What is drawn, which may be older than what was chosen. */
  cam: Cam | null;
  current: boolean;
  reason: ReturnType<typeof reasonOf>;
}

const render = view<GradCAMViewerTraits>(({ model, el, signal }) => {
  let folded: Network = network([]);
  let cell: Cell | null = null;
  let lastCompare = -1;
  const last: Record<Letter, Cam | null> = { A: null, B: null };
  const redraw = batched(() => widget.guard(draw), signal);
  const url = pictureUrls(signal);
  const store = heatmapStore(model, redraw, signal);
  const late = patience(redraw, signal);

  const set = (values: Partial<GradCAMViewerTraits>) => {
    const next = { image: model.get("image"), layer: model.get("layer"), target: model.get("target"), compare: model.get("compare"), ...values };
    const known = [next.target, next.compare].every((target) => target < 0 || store.has(next.image, next.layer, target));
    if (known) assign(model, values);
    else widget.ask(values);
  };
  const show = (target: number, letter: Letter) => set(letter === "A" ? { target } : { compare: target });
  const chooseLayer = (layer: string) => set({ layer });
  const usable = (name: string) => widget.kernel.state() === "live" || store.has(model.get("image"), name, model.get("target"));
  const go = (by: number) => { const name = neighbor(folded, model.get("layer"), by); if (name && usable(name)) chooseLayer(name); };
  const two = () => model.get("compare") >= 0;
  const pair = (on: boolean) => set({ compare: on ? partner() : -1 });
  const partner = () => (lastCompare >= 0 && lastCompare !== model.get("target") ? lastCompare : runnerUp());
  const runnerUp = () => {
    const scores = scoresOf(model.get("pictures")[model.get("image")]);
    let best = -1;
    scores.forEach((score, k) => { if (k !== model.get("target") && available(k) && !(score <= scores[best])) best = k; });
    return best >= 0 ? best : model.get("target") === 0 ? 1 : 0;
  };
  const swap = () => two() && set({ target: model.get("compare"), compare: model.get("target") });
  const fade = (by: number) => assign(model, { opacity: Math.round(Math.max(0, Math.min(1, model.get("opacity") + by)) * 100) / 100 });
  const nextPicture = () => { const count = model.get("pictures").length; if (count) set({ image: (model.get("image") + 1) % count }); };

  const strip = pictureStrip({ url, choose: (image) => set({ image }), take: (files) => widget.take(files), prompt: "Drop pictures or browse" });
  const how = h("p", { class: "cnn-quiet cnn-grow gc-how" });
  const count = segmented<"1" | "2">("Pictures", [["1", "One"], ["2", "A | B"]], "1", (value) => pair(value === "2"));
  const sign = segmented<"p" | "s">("Sign", [["p", "Positive"], ["s", "Signed"]], "p", (value) => assign(model, { signed: value === "s" }));
  const opacity = range("Opacity", 0.05, model.get("opacity"), (value) => percent(value, 0), (value) => assign(model, { opacity: value }));
  const colors = select("Color map", COLORS, model.get("colormap"), (value) => assign(model, { colormap: value as GradCAMViewerTraits["colormap"] }));
  const scale = segmented<"own" | "same">("Scale", [["own", "Own"], ["same", "Same"]], "own", (value) => assign(model, { same_scale: value === "same" }));
  const scaleField = field("Scale", scale.element);
  const point = (next: Cell | null) => { if (next?.row !== cell?.row || next?.column !== cell?.column) { cell = next; redraw(); } };
  const figures: Record<Letter, ReturnType<typeof camFigure>> = { A: camFigure(point), B: camFigure(point) };
  const classes = classList(show, signal);
  const sky = namedSkyline(chooseLayer);
  const pictures = h("div", { class: "gc-pictures" }, strip.element, strip.drop, how, count.element);
  const stage = h("div", { class: "gc-pair" });
  const tools = h("div", { class: "cnn-tools gc-tools" }, sign.element, opacity.element, field("Colors", colors.element), scaleField);
  const main = h("div", { class: "gc-main" }, pictures, stage, tools);
  const body = h("div", { class: "gc" }, h("div", { class: "gc-columns" }, main, classes.element), sky.element);

  const keys = {
    u: () => go(-1), o: () => go(1), i: nextPicture, x: swap, m: () => assign(model, { signed: !model.get("signed") }),
    "[": () => fade(-0.1), "]": () => fade(0.1), Escape: () => two() && (pair(false), true),
  };
  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Grad-CAM viewer", draw: () => draw(),
    archived: "A saved page without Python: opacity, colors and the saved classes still work.",
  });

  // The list is sorted anew whenever this function is another one.
  let available: (target: number) => boolean = () => true;
  let availableFor = "";
  const refreshAvailable = () => {
    const [state, image, layer] = [widget.kernel.state(), model.get("image"), model.get("layer")];
    const key = state === "live" ? "all" : `${state}|${image}|${layer}`;
    if (key !== availableFor) available = state === "live" ? () => true : (target) => store.has(image, layer, target);
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
    how.textContent = !picture ? "" : two() ? "Where the network looks to say A, and to say B" : "Where the network looks to say this class";
    count.show(two() ? "2" : "1");
    count.element.hidden = tools.hidden = !picture || widget.notice() !== null;
    showTools();
    drawStage(picture);
    const scores = scoresOf(picture);
    classes.show({ labels: model.get("labels"), scores, count: picture ? Math.max(scores.length, model.get("labels").length) : 0, a: model.get("target"), b: model.get("compare"), available });
    sky.show({ network: folded, chosen: model.get("layer"), available: usable });
  };

  const showTools = () => {
    sign.show(model.get("signed") ? "s" : "p");
    opacity.show(model.get("opacity"));
    colors.show(model.get("signed") ? "polar" : model.get("colormap"), model.get("signed") ? [["polar", "Polar"]] : COLORS);
    scale.show(model.get("same_scale") ? "same" : "own");
    scaleField.hidden = !two();
  };

  const drawStage = (picture: Picture | undefined) => {
    const notice = standIn(picture);
    const sides = notice || !picture ? [] : [side("A", model.get("target")), ...(two() ? [side("B", model.get("compare"))] : [])];
    const instead = notice ?? (picture ? whyNone(sides, picture) : null);
    const waiting = late(sides.filter((each) => !each.current).map((each) => `${model.get("image")}|${model.get("layer")}|${each.target}`).join());
    stage.dataset.one = String(!two());
    stage.dataset.bare = String(Boolean(instead));
    const parts = instead ? [instead] : sides.map((each) => figures[each.letter].element);
    if (parts.length !== stage.children.length || parts.some((part, k) => part !== stage.children[k])) fill(stage, ...parts);
    const top = model.get("same_scale") ? Math.max(0, ...sides.map(reach)) : 0;
    if (picture) for (const each of sides) showSide(each, picture, top || reach(each), waiting);
  };

  const side = (letter: Letter, target: number): Side => {
    const found = store.get(model.get("image"), model.get("layer"), target);
    const cam = found ?? (last[letter]?.image === model.get("image") ? last[letter] : null);
    last[letter] = cam;
    return { letter, target, cam, current: found !== null, reason: cam && reasonOf(cam, model.get("signed")) };
  };

  const reach = ({ cam, reason }: Side) => (!cam || reason ? 0 : Math.max(cam.high, model.get("signed") ? -cam.low : 0));

  const showSide = (each: Side, picture: Picture, top: number, waiting: boolean) => {
    const { letter, target, cam, current } = each;
    figures[letter].show({
      letter: two() ? letter : "", name: className(model.get("labels"), target), share: scoresOf(picture)[target], picture, url: url(picture), cam, top,
      older: !current && cam && waiting ? `${className(model.get("labels"), cam.target)} at ${cam.layer}` : "",
      instead: standInFor(each), signed: model.get("signed"), opacity: model.get("opacity"),
      colors: model.get("signed") ? diverging(widget.theme()) : (model.get("colormap") as ColormapName), cell: cam && cell && inside(cell, cam) ? cell : null,
    });
  };

  const standInFor = ({ target, cam, current, reason }: Side): HTMLElement | null => {
    if (target < 0) return message("", "No class chosen", "Choose one in the list: its map appears here.");
    const [silent, archived] = ["silent", "archived"].map((state) => state === widget.kernel.state());
    if (!current && (archived || (silent && !cam))) return message("", "Not computed yet", `${className(model.get("labels"), target)} at ${model.get("layer")} takes one backward pass, and there is no kernel to do it.`);
    if (!cam || !reason) return null;
    const layers = model.get("layers");
    const { title, text } = explain(reason, layerNamed(layers, cam.layer), cam.why);
    return message("warn", title, text, remedies(reason, cam.layer));
  };

  /** One message instead of two, where the layer is the reason. */
  const whyNone = (sides: Side[], picture: Picture) => {
    const all = sides.length > 0 && sides.every((each) => each.current && each.reason === "position");
    return all ? h("div", { class: "cnn-why" }, h("img", { src: url(picture), alt: "" }), standInFor(sides[0])) : null;
  };

  const remedies = (reason: string, name: string) => {
    const near = spatialNear(model.get("layers"), name);
    if (reason === "positive") return [{ label: "Show signed", press: () => assign(model, { signed: true }) }];
    return near && usable(near.name) ? [{ label: `Use ${named(near)}`, press: () => chooseLayer(near.name) }] : [];
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

const inside = ({ row, column }: Cell, { field }: Cam) => row < field.height && column < field.width;
const layerNamed = (layers: LayerInfo[], name: string) => layers.find((layer) => layer.name === name) ?? null;

export default { render };
