/** Filter gallery: all units of a layer on one wall, and all about the chosen one. */

import type { FilterGalleryTraits, LayerInfo } from "../traits";
import { bitmaps } from "../kit/bitmaps";
import { cellStore } from "../kit/cell_store";
import { disableParts, field, segmented, select, type Option } from "../kit/controls";
import { fill, h, holdsFocus } from "../kit/dom";
import { available, countFinished, finished, mostAlike, ordered, type Order, type Wall } from "../kit/filter_wall";
import { readFilters, type Filters } from "../kit/filter_weights";
import { frame } from "../kit/frame";
import { message, noticeMessage, type Action } from "../kit/message";
import { assign, batched, watch, type Model } from "../kit/model";
import { unitStudy, type Mode } from "../kit/unit_study";
import { view } from "../kit/view";
import { wallPanel } from "../kit/wall_panel";

const HELP: [string, string][] = [
  ["← ↑ ↓ →", "Move to the next unit (Shift: ten at a time)"],
  ["1 2 3", "Weights, synthesized, strongest patches"],
  ["Enter z", "Large view of the unit, and back"],
  [", .", "Frame before, frame after"],
  ["r", "Replay the ascent"],
  ["b", "Take the unit in focus as the second one, and paint the way to it"],
  ["s", "Sharpen to 512 px"],
  ["u o", "Layer before, layer after"],
  ["h ?", "This list"],
  ["Esc", "Close, then let go of the unit"],
];
const NOTES = [
  "A synthesized picture shows what a unit answers to strongly, painted from noise. It is one of many such pictures: the three beside the large one are kept unlike it.",
  "What is in view is computed first. Finished pictures are kept on the disk, so that the gallery opens at once next time.",
  "A silent unit could not be woken from noise; the picture of it says nothing.",
];
const MODES: [Mode, string][] = [["weights", "Weights"], ["synthesized", "Synthesized"], ["patches", "Strongest patches"]];
const SORTS: [Order, string][] = [["channel", "Channel"], ["response", "Answer to its picture"], ["activation", "Strongest in data set"], ["frequency", "How often active"], ["likeness", "Likeness"]];
const TRAITS = ["layers", "layer", "channel", "mode", "sort", "only", "whole", "weights", "archive"] as const;

const render = view<FilterGalleryTraits>(({ model, el, signal }) => {
  let large = false;
  let wantsUnit = true;
  let other = -1;
  let alikeTo = 0;
  let lastLayer = model.get("layer");
  let order: { key: string; items: number[] } = { key: "", items: [] };
  let filters: { of: unknown; read: Filters | null } = { of: null, read: null };
  const redraw = batched(() => widget.guard(draw), signal);
  const pictures = bitmaps(signal);
  const store = cellStore(model, (channels) => { if (channels && sorted() === "channel") { panel.refresh(channels); drawUnit(); } else redraw(); }, signal);

  const set = (values: Partial<FilterGalleryTraits>) => assign(model, values);
  const sorted = () => model.get("sort");
  const known = () => store.wall(model.get("layer"));
  const choose = (channel: number, moveFocus = false) => { panel.choose(channel, moveFocus); set({ channel }); };
  const chooseLayer = (name: string) => { wantsUnit = true; other = -1; (store.layers().includes(name) && !live() ? set : widget.ask)({ layer: name, channel: -1 }); };
  const chooseMode = (mode: Mode) => { if (possible(mode)) set({ mode }); };
  const chooseSort = (sort: Order) => { alikeTo = Math.max(0, model.get("channel")); set({ sort }); redraw(); };
  const pair = (channel: number) => { if (channel === model.get("channel") || channel < 0) return; other = channel; redraw(); deed("between", channel); };
  const enlarge = (on: boolean) => { large = on; body.dataset.large = String(on); aside.scrollTop = 0; redraw(); if (!on) panel.choose(model.get("channel"), true); else queueMicrotask(() => widget.root.focus({ preventScroll: true })); };
  const open = (channel: number) => { choose(channel); enlarge(true); };
  const deed = (kind: string, second = -1) => { if (live()) { widget.kernel.expect(); widget.kernel.send({ type: kind, channel: model.get("channel"), other: second }); } };
  const step = (by: number) => { const list = order.items; const at = list.indexOf(model.get("channel")); if (list.length) choose(list[at < 0 ? 0 : (at + by + list.length) % list.length]); };
  const live = () => widget.kernel.state() === "live";
  const possible = (mode: Mode) => mode !== "patches" || (known()?.pictures ?? 0) > 0 || live();

  const modes = segmented<Mode>("Show", MODES, "synthesized", chooseMode);
  const layers = select("Layer", [], "", chooseLayer);
  const sorts = select("Sort", SORTS, "channel", (value) => chooseSort(value as Order));
  const search = h("input", { class: "cnn-input", type: "search", placeholder: "3, 10-20, dead", "aria-label": "Show only these channels", oninput: () => set({ only: search.value }) });
  const bar = h("div", { class: "fg-bar" }, modes.element, field("Layer", layers.element), field("Sort", sorts.element), field("Only", search));
  const panel = wallPanel({ bitmaps: pictures, store, choose, pair, open, seen: (viewport) => see(viewport) }, signal);
  const study = unitStudy({
    bitmaps: pictures, choose, step, deed, mode: chooseMode, large: () => enlarge(!large), pair: (channel) => { other = channel; redraw(); },
    sortAlike: () => chooseSort("likeness"), paintCell: (canvas, channel) => { const wall = known(); pictures.draw(canvas, wall && store.picture(wall, channel)?.file); },
  }, signal);
  const aside = h("aside", { class: "fg-side", "aria-label": "Chosen unit" });
  const body = h("div", { class: "fg" }, bar, h("div", { class: "fg-body" }, panel.element, aside));

  const go = (by: number) => { const list = listed(model); const next = list[list.findIndex((layer) => layer.name === model.get("layer")) + by]; if (next && canShow(next.name)) chooseLayer(next.name); };
  const letGo = () => {
    if (large) { enlarge(false); return true; }
    if (model.get("channel") < 0) return false;
    wantsUnit = false;
    set({ channel: -1 });
    return true;
  };
  const keys = {
    "1": () => chooseMode("weights"), "2": () => chooseMode("synthesized"), "3": () => chooseMode("patches"),
    z: () => { if (model.get("channel") < 0) return false; enlarge(!large); return true; },
    ",": () => study.frame(-1), ".": () => study.frame(1), r: () => study.play(), s: () => deed("sharp"),
    b: () => pair(panel.focused()), u: () => go(-1), o: () => go(1), Escape: letGo,
  };
  const canShow = (name: string) => live() || store.layers().includes(name);

  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Filter gallery", draw: () => draw(), actions: () => further(), amiss: () => Boolean(known()?.unread),
    archived: "A saved page without Python: the pictures and films that were saved can be looked at, nothing is computed.",
  });

  /** What can be done when nothing runs. */
  const further = (): Action[] => {
    const wall = known();
    if (!wall) return [];
    const again = () => { widget.kernel.expect(); widget.kernel.send({ type: "run", again: true }); };
    if (countFinished(wall) === wall.channels) return wall.unread ? [{ label: "Read the data set again", press: again }] : [];
    const inView = model.get("viewport").filter((channel) => channel < wall.channels);
    if (model.get("whole") || inView.some((channel) => !finished(wall, channel))) return [{ label: "Continue", press: again }];
    return [{ label: `Compute all ${wall.channels}`, press: () => widget.ask({ whole: true }) }];
  };
  const see = (viewport: number[]) => {
    if (viewport.join() !== model.get("viewport").join()) set({ viewport });
  };

  const draw = () => {
    if (lastLayer !== model.get("layer")) { wantsUnit = true; large = false; other = -1; }
    lastLayer = model.get("layer");
    const info = model.get("layers").find((layer) => layer.name === model.get("layer")) ?? null;
    const wall = known() ?? (info && waitingWall(info));
    modes.show(model.get("mode"));
    disableParts(modes.element, (mode) => !possible(mode as Mode));
    layers.show(model.get("layer"), listed(model).map(({ name }): Option => [name, name, !canShow(name)]));
    sorts.show(sorted(), SORTS.map(([key, text]): Option => [key, key === "likeness" && sorted() === key ? `Likeness to ${alikeTo}` : text, !available(wall, key)]));
    if (!holdsFocus(search)) search.value = model.get("only");
    body.dataset.large = String(large);
    drawWall(wall);
    drawUnit();
  };
  const drawWall = (wall: Wall | null) => {
    const instead = standIn(wall);
    const items = wall && !instead ? itemsOf(wall) : [];
    body.dataset.bare = String(Boolean(instead));
    settle(items, instead === null);
    const busy = widget.state() === "busy";
    panel.show({ wall, mode: model.get("mode"), filters: filtersNow(), items, chosen: model.get("channel"), other, order: sorted(), theme: widget.theme(), busy, instead });
  };
  /** Sorted anew only where something that decides the order has changed: the wall does not jump while it sharpens. */
  const itemsOf = (wall: Wall): number[] => {
    const known = sorted() === "response" && widget.state() !== "busy" ? countFinished(wall) : 0;
    const key = [wall.key, sorted(), model.get("only"), alikeTo, wall.seen, wall.profile.length, known, wall.notes.size].join("|");
    if (key !== order.key) order = { key, items: ordered(wall, sorted(), model.get("only"), alikeTo) };
    return order.items;
  };
  const filtersNow = () => {
    const told = store.weights(model.get("layer"));
    if (filters.of !== told) filters = { of: told, read: told ? readFilters(told) : null };
    return filters.read;
  };
  const settle = (items: number[], visible: boolean) => {
    if (model.get("channel") >= 0 || !wantsUnit || !visible || !items.length) return;
    queueMicrotask(() => { if (!signal.aborted && model.get("channel") < 0) set({ channel: items[0] }); });
  };

  const drawUnit = () => {
    const [wall, channel] = [known(), model.get("channel")];
    if (!wall || channel < 0 || channel >= wall.channels) {
      if (!holdsFocus(aside)) fill(aside, message("", "No unit chosen", "Choose a tile: its film, others like it and what excites it appear here."));
      return;
    }
    if (study.element.parentNode !== aside) fill(aside, study.element);
    const unit = store.unit(wall, channel);
    study.show({ wall, channel, mode: model.get("mode"), large, theme: widget.theme(), live: live(), unit, picture: store.picture(wall, channel), filters: filtersNow(), other, alike: mostAlike(wall, channel) });
  };

  const standIn = (wall: Wall | null): HTMLElement | null => {
    const notice = widget.notice();
    if (notice && widget.kernel.state() !== "archived") return noticeMessage(notice, (values) => widget.ask(values));
    const mode = model.get("mode");
    const told = store.weights(model.get("layer"));
    if (mode === "weights" && told?.why) return message("", "This layer has no filters", told.why, told.near.filter(canShow).map((name) => ({ label: `Go to ${name}`, press: () => chooseLayer(name) })));
    if (mode === "patches" && wall?.key && wall.pictures === 0) return message("", "No data set yet", "Drop pictures here, or give dataset=… in Python: then each unit shows the pieces to which it answers most.", [{ label: "Show synthesized", press: () => chooseMode("synthesized") }]);
    if (mode === "patches" && wall?.unread && !wall.seen) return message("warn", "No picture could be looked at", wall.unread, [{ label: "Show synthesized", press: () => chooseMode("synthesized") }]);
    if (wall?.key || live()) return wall && model.get("only") && !itemsOf(wall).length ? nothing(wall) : null;
    const there = store.layers().filter((name) => name !== model.get("layer"));
    return message("", widget.kernel.state() === "archived" ? "Not in this page" : "Not computed yet", `The units of ${model.get("layer")} have not been computed here.`, there.slice(0, 1).map((name) => ({ label: `Go to ${name}`, press: () => chooseLayer(name) })));
  };
  const nothing = (wall: Wall) => message("", "No channel matches", `Nothing in ${wall.layer} fits “${model.get("only")}”. Write numbers and ranges, or dead.`, [{ label: "Show all", press: () => { search.value = ""; set({ only: "" }); } }]);

  watch(model, TRAITS, redraw, signal);
  widget.guard(draw);
});

const listed = (model: Model<FilterGalleryTraits>) => model.get("layers").filter((layer) => !layer.container);

/** Empty wells, until Python has told of the layer. */
function waitingWall(info: LayerInfo): Wall {
  const { name: layer, channels } = info;
  const [none, nothing] = [new Float32Array(0), new Int8Array(0)];
  return {
    layer, channels, key: "", size: [0, 0], steps: 1, marks: [], seed: 0, recipe: "", pictures: 0, seen: 0, unreadable: [], unread: "", done: new Int32Array(channels), score: new Float32Array(channels).fill(NaN),
    peak: none, frequency: none, notes: new Map(), profile: nothing, probe: "",
  };
}

export default { render };
