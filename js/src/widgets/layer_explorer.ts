/** Layer explorer: every map of every layer, and all about one unit. */

import type { Activity, LayerInfo, LayerExplorerTraits, Picture } from "../traits";
import { fill, h, holdsFocus } from "../kit/dom";
import { frame } from "../kit/frame";
import { network, neighbor, partSelect, ribbon, skyline, type Network } from "../kit/layer_picker";
import { mapStore } from "../kit/map_store";
import { mostSimilar, type Maps } from "../kit/maps";
import { mapsPanel } from "../kit/maps_panel";
import { message, noticeMessage } from "../kit/message";
import { assign, batched, filled, watch, type Model } from "../kit/model";
import { patience } from "../kit/patience";
import { className, pictureStrip, pictureUrls, scoresOf } from "../kit/pictures";
import { predictions } from "../kit/predictions";
import { unitInspector } from "../kit/unit_inspector";
import { view } from "../kit/view";

const HELP: [string, string][] = [
  ["← ↑ ↓ →", "Move to the next unit (Shift: ten at a time), or through the large map"],
  ["u o", "Layer before, layer after"],
  ["i", "Next picture"],
  ["z", "Map over the picture, map alone, picture alone"],
  ["h ?", "This list"],
  ["Esc", "Close, then let go of the unit"],
];
const NOTES = [
  "Shape: the bar is as wide as the layer has channels and as high as its maps (square roots).",
  "Activity: how many values of the layer are small, how many large, from left to right on a log scale.",
  "The box on the picture is what the unit sees; the dot is its middle.",
];
const TRAITS = ["layers", "pictures", "labels", "image", "layer", "channel", "maps", "unit", "activity", "colormap", "archive"] as const;

const render = view<LayerExplorerTraits>(({ model, el, signal }) => {
  let folded: Network = network([]);
  let wantsUnit = true;
  let last: Maps | null = null;
  let lastLayer = model.get("layer");
  const redraw = batched(() => widget.guard(draw), signal);
  const url = pictureUrls(signal);
  const store = mapStore(model, redraw, signal);
  const late = patience(redraw, signal);

  const chooseLayer = (name: string) => {
    const same = layerNamed(model, name)?.channels === layerNamed(model, model.get("layer"))?.channels;
    wantsUnit = true;
    set({ layer: name, channel: same ? model.get("channel") : -1 }, store.has(model.get("image"), name));
  };
  const choosePicture = (image: number) => set({ image }, store.has(image, model.get("layer")));
  const chooseUnit = (channel: number, moveFocus = false) => {
    panel.choose(channel, moveFocus);
    set({ channel }, store.unit(model.get("image"), model.get("layer"), channel) !== null);
  };
  const set = (values: Partial<LayerExplorerTraits>, known: boolean) => (known ? assign(model, values) : widget.ask(values));

  const strip = pictureStrip({ url, choose: choosePicture, take: (files) => widget.take(files), prompt: "Drop pictures here or browse" });
  const top = predictions();
  const pickers = [ribbon(chooseLayer), skyline(chooseLayer), partSelect(chooseLayer)];
  const [side, sky, parts] = pickers;
  const panel = mapsPanel({ pick: chooseUnit, recolor: (colormap) => assign(model, { colormap } as Partial<LayerExplorerTraits>), changed: redraw, more: parts.element }, signal);
  const inspector = unitInspector({
    choose: (channel) => chooseUnit(channel), paint: panel.paint,
    step: (by) => { const next = stepped(panel.items(), model.get("channel"), by); if (next !== undefined) chooseUnit(next); },
  });
  const aside = h("aside", { class: "le-side", "aria-label": "Chosen unit" });
  const columns = h("div", { class: "le-columns" }, side.element, panel.element, aside);
  const pictures = h("div", { class: "cnn-strip" }, strip.element, strip.drop, h("span", { class: "cnn-grow" }), top.element);
  const body = h("div", { class: "le" }, pictures, h("div", { class: "le-sky" }, sky.element), columns);

  const keys = {
    u: () => go(-1), o: () => go(1),
    i: () => { const count = model.get("pictures").length; if (count) choosePicture((model.get("image") + 1) % count); },
    z: () => inspector.cycle(),
    Escape: () => letGo(),
  };
  const go = (by: number) => { const name = neighbor(folded, model.get("layer"), by); if (name && canShow(name)) chooseLayer(name); };
  const letGo = () => {
    if (model.get("channel") < 0) return false;
    wantsUnit = false;
    assign(model, { channel: -1 });
    return true;
  };
  const canShow = (name: string) => widget.kernel.state() === "live" || store.has(model.get("image"), name);

  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Layer explorer", draw: () => draw(),
    archived: "A saved page without Python: the layers that were saved can be looked at, nothing is computed.",
  });

  const draw = () => {
    if (folded.layers !== model.get("layers")) folded = network(model.get("layers"));
    if (lastLayer !== model.get("layer")) wantsUnit = true;
    lastLayer = model.get("layer");
    const list = model.get("pictures");
    const picture = list[model.get("image")];
    body.dataset.empty = String(list.length === 0);
    strip.show(list, model.get("image"), widget.kernel.state() === "live");
    top.show(scoresOf(picture), model.get("labels"));
    const chosen = { network: folded, chosen: model.get("layer"), activity: activityOf(model), available: canShow };
    for (const picker of pickers) picker.show(chosen);
    drawField(picture);
  };

  const drawField = (picture: Picture | undefined) => {
    const [image, name] = [model.get("image"), model.get("layer")];
    const ready = store.maps(image, name);
    const waiting = late(ready ? "" : `${image}|${name}`);
    last = ready ?? last;
    const wells = waiting && last?.layer !== name && widget.kernel.state() === "live";
    const maps = picture && !wells ? last : null;
    const layer = layerNamed(model, maps?.layer ?? name);
    const older = !ready && maps && waiting ? olderThan(maps, name, model.get("pictures")[maps.image]) : "";
    const instead = standIn(picture, ready);
    const channel = ready ? settle(ready, instead === null) : -1;
    panel.show({ maps, layer, name: maps?.layer ?? name, chosen: ready ? channel : model.get("channel"), theme: widget.theme(), colors: model.get("colormap") ?? "tide", older, instead });
    columns.dataset.bare = String(Boolean(instead));
    drawUnit(maps, instead ? -1 : ready ? channel : model.get("channel"));
  };

  /** The chosen channel; where none is, that of the first tile. */
  const settle = (maps: Maps, visible: boolean): number => {
    const channel = model.get("channel");
    if (channel >= 0 && channel < maps.channels) return channel;
    const first = wantsUnit && visible ? panel.first(maps) : undefined;
    if (first === undefined) return -1;
    queueMicrotask(() => { if (!signal.aborted && model.get("channel") === channel) set({ channel: first }, false); });
    return first;
  };

  const drawUnit = (maps: Maps | null, channel: number) => {
    const picture = maps ? model.get("pictures")[maps.image] : undefined;
    if (!maps || !picture || channel < 0 || channel >= maps.channels) {
      if (!holdsFocus(aside)) fill(aside, maps ? message("", "No unit chosen", "Choose a map: its values, what it sees and the maps most like it appear here.") : null);
      return;
    }
    if (inspector.element.parentNode !== aside) fill(aside, inspector.element);
    const unit = store.unit(maps.image, maps.layer, channel);
    const coarse = widget.kernel.state() !== "live";
    inspector.show({
      maps, channel, coarse, picture, url: url(picture), lut: panel.lut(), layer: layerNamed(model, maps.layer), exact: unit?.field ?? null,
      similar: unit?.similar ?? (coarse ? mostSimilar(maps, channel) : []), meaning: meaningOf(maps, channel),
    });
  };

  const meaningOf = (maps: Maps, channel: number) =>
    maps.layer === model.get("layers").at(-1)?.name && maps.channels === model.get("labels").length ? className(model.get("labels"), channel) : "";

  const standIn = (picture: Picture | undefined, ready: Maps | null): HTMLElement | null => {
    const notice = widget.notice();
    if (notice) return noticeMessage(notice, (values) => widget.ask(values));
    if (!picture) return message("", "No picture yet", "Drop a picture above, or pass some from Python. Every layer of the network is recorded in one forward pass.");
    if (ready || widget.kernel.state() === "live" || (last && widget.kernel.state() === "silent")) return null;
    return absent(widget.kernel.state() === "archived", model.get("layer"), folded.layers.find((layer) => !layer.container && store.has(model.get("image"), layer.name)), chooseLayer);
  };

  watch(model, TRAITS, redraw, signal);
  widget.guard(draw);
});

function absent(archived: boolean, name: string, known: LayerInfo | undefined, choose: (name: string) => void): HTMLElement {
  const text = archived ? `${name} was not saved with this page.` : `The maps of ${name} have not been computed, and the kernel does not answer.`;
  return message("", archived ? "Not in this page" : "Not computed yet", text, known ? [{ label: `Go to ${known.name}`, press: () => choose(known.name) }] : []);
}

function olderThan(maps: Maps, name: string, picture: Picture | undefined): string {
  const what = maps.layer === name ? `of ${picture?.name ?? "the picture before"}` : maps.layer;
  return `Still ${what}: older than what is chosen.`;
}

function stepped(items: number[], channel: number, by: number): number | undefined {
  const at = items.indexOf(channel);
  return items[at < 0 ? 0 : (at + by + items.length) % items.length];
}

const layerNamed = (model: Model<LayerExplorerTraits>, name: string) => model.get("layers").find((layer) => layer.name === name) ?? null;

function activityOf(model: Model<LayerExplorerTraits>): Activity | null {
  return filled<Activity>(model.get("activity") as Activity);
}

export default { render };
