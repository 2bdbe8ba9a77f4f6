/** Feature lab: what a unit looks for, climbed while one turns the sliders; two recipes side by side. */

import type { FeatureLabTraits, LabFrame, LabRecipe, LabStudy } from "../traits";
import { button, disable, field, onCommit, segmented, select } from "../kit/controls";
import { h, setAttribute, setText } from "../kit/dom";
import { moved, nearest, player as playerOf } from "../kit/film";
import { stepsThere } from "../kit/film_strip";
import { frame } from "../kit/frame";
import { labField, type Shown, type Side } from "../kit/lab_field";
import { labNumbers } from "../kit/lab_numbers";
import { isSame, OBJECTIVES } from "../kit/lab_recipe";
import { readRun } from "../kit/lab_run";
import { message, noticeMessage } from "../kit/message";
import { assign, batched, filled, watch } from "../kit/model";
import { pythonCode } from "../kit/python_code";
import { recipePanel } from "../kit/recipe_panel";
import { studyTable } from "../kit/study_table";
import { view } from "../kit/view";

const HELP: [string, string][] = [
  [", .", "Frame before, frame after"],
  ["p", "Play or stop the film"],
  ["x", "Swap A and B"],
  ["z", "One picture, A and B"],
  ["m", "With MaCo: the picture, or what mattered in it"],
  ["g", "Go on climbing"],
  ["r", "Restart from the beginning"],
  ["u o", "Layer before, layer after"],
  ["← →", "In the film: frame before, after; on a slider: less, more"],
  ["h ?", "This list"],
  ["Esc", "Close, back to the newest frame"],
];
const NOTES = [
  "The picture is climbed from noise until the unit answers strongly. Turn a slider and it goes on from there by the new recipe; a notch under the curves marks where.",
  "The bracket under a slider is the range that is usual. Transforms move the picture a little at every step, so that it has to hold up when moved. A penalty’s weight is a multiple of the unit’s response.",
  "Where a picture may be transparent, squares show through what the unit can do without; responses and distances are those of the opaque picture. What mattered, with MaCo, is the sum of the sizes of all gradients on the way.",
  "A is drawn solid, B dashed; the vertical line is the frame shown. Responses are measured on the picture itself, not on the moved one.",
];
const TRAITS = ["layers", "layer", "channel", "side", "view", "size", "seed", "recipe_a", "recipe_b", "run_a", "run_b", "film_a", "film_b", "reference", "study", "presets", "ranges", "archive"] as const;
/** Milliseconds a frame of the film. */
const PACE = 250;
const OTHER = { A: "B", B: "A" } as const;
const RECIPE = { A: "recipe_a", B: "recipe_b" } as const;

const render = view<FeatureLabTraits>(({ model, el, signal }) => {
  const redraw = batched(() => widget.guard(draw), signal);
  /** The step of the frame that is shown; null: the newest. */
  let chosen: number | null = null;
  let covered = false;

  const side = () => model.get("side");
  const live = () => widget.kernel.state() === "live";
  const channels = () => model.get("layers").find(({ name }) => name === model.get("layer"))?.channels ?? 0;
  const recipeOf = (of: Side) => model.get(RECIPE[of]) as LabRecipe;
  const framesOf = (of: Side): LabFrame[] => model.get(of === "A" ? "film_a" : "film_b");
  const address = () => (model.get("channel") < 0 ? model.get("layer") : `${model.get("layer")}:${model.get("channel")}`);
  /** What was climbed. Of another unit the side in hand keeps its picture until the first of this one is there. */
  const runOf = (of: Side) => {
    const run = readRun(model.get(of === "A" ? "run_a" : "run_b"));
    return run && (run.unit === address() || of === side()) ? run : null;
  };

  const newest = () => { playing.stop(); chosen = null; };
  const set = (values: Partial<FeatureLabTraits>) => { newest(); widget.ask(values); };
  const change = (recipe: LabRecipe) => { if (live()) set({ [RECIPE[side()]]: recipe }); };
  const choose = (next: Side) => { playing.stop(); assign(model, { side: next }); };
  const turn = () => assign(model, { view: model.get("view") === "one" ? "both" : "one" });
  const swap = () => {
    const [a, b] = ([["recipe_a", "run_a", "film_a"], ["recipe_b", "run_b", "film_b"]] as const).map((names) => names.map((name) => model.get(name)));
    const values = { recipe_a: b[0], run_a: b[1], film_a: b[2], recipe_b: a[0], run_b: a[1], film_b: a[2] } as Partial<FeatureLabTraits>;
    if (live()) set(values); else assign(model, values);
  };
  const send = (deed: object) => { if (!live() || model.get("channel") < 0) return false; newest(); widget.kernel.expect(); widget.kernel.send({ type: "run", again: true, ...deed }); };
  const again = () => send({ restart: side() });
  const onwards = () => { if (model.get("status") === "busy") return false; return send({}); };
  const unit = (layer: string, channel: number) => { if (live()) set({ layer, channel }); };
  const nextChannel = (by: number) => { const count = channels(); if (count) unit(model.get("layer"), (Math.max(0, model.get("channel")) + by + count) % count); };
  const nextLayer = (by: number) => {
    const names = usable();
    const at = names.indexOf(model.get("layer"));
    const next = names[at + by];
    if (next) unit(next, 0);
  };
  const usable = () => model.get("layers").filter((layer) => layer.channels > 0 && !layer.container).map(({ name }) => name);

  /** Walk the frames that are there. */
  const steps = () => stepsThere(runOf(side()) ? framesOf(side()) : []);
  const last = () => steps().at(-1) ?? 0;
  const show = (step: number) => { chosen = step >= last() ? null : step; redraw(); };
  const playing = playerOf({ steps, pace: () => PACE, changed: redraw, ended: show }, signal);
  const go = (step: number) => { playing.stop(); show(nearest(steps(), step)); };
  const now = () => (playing.at() >= 0 ? playing.at() : (chosen ?? last()));
  const walk = (by: number) => go(moved(steps(), now(), by));
  const play = () => playing.toggle(now());
  const cover = (on: boolean) => { covered = on; redraw(); };
  const canCover = () => (["A", "B"] as const).some((of) => runOf(of)?.mattered);

  const layers = select("Layer", [], "", (layer) => unit(layer, 0));
  const channel = h("input", { class: "cnn-input fl-channel", type: "number", min: 0, step: 1, "aria-label": "Channel" });
  onCommit(channel, () => { if (channel.value !== "" && Number(channel.value) !== model.get("channel")) unit(model.get("layer"), Number(channel.value)); });
  const beside = [-1, 1].map((by) => button("", () => nextChannel(by), { kind: "icon", icon: by < 0 ? "previous" : "next", label: by < 0 ? "Channel before" : "Channel after" }));
  const which = segmented<Side>("Recipe", [["A", "A"], ["B", "B"]], "A", choose);
  const views = segmented<"one" | "both">("View", [["one", "One picture"], ["both", "A and B"]], "one", (value) => assign(model, { view: value }));
  const restart = button("Restart", again);
  const goOn = button("Go on", onwards, { kind: "primary" });
  const bar = h("div", { class: "fl-bar" },
    field("Layer", layers.element), h("span", { class: "cnn-field" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, "Channel"), channel, h("span", { class: "fl-steps" }, ...beside)),
    field("Recipe", which.element), views.element, h("span", { class: "fl-deeds" }, restart, goOn));

  const recipe = recipePanel(change);
  const pictures = labField({ choose, go, play, cover, resize: (size) => set({ size }) }, signal);
  const numbers = labNumbers();
  const code = pythonCode("The ascent as Python", signal);
  const study = studyTable({ load: (row) => change({ ...row.recipe, steps: recipeOf(side()).steps }), see: unit }, signal);
  const body = h("div", { class: "fl" }, bar, h("div", { class: "fl-body" }, recipe.element, pictures.element, numbers.element, code.element), study.element);

  const keys = {
    ",": () => walk(-1), ".": () => walk(1), x: swap, z: turn, g: onwards, r: again, u: () => nextLayer(-1), o: () => nextLayer(1),
    p: play, m: () => { if (!canCover()) return false; cover(!covered); },
    Escape: () => { if (!playing.stop() && chosen === null) return false; chosen = null; redraw(); },
  };
  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Feature lab", draw: () => draw(),
    archived: "A saved laboratory without Python: the film, the curves and the numbers work; sliders need Python.",
  });

  /** What a side shows: of the chosen side the chosen frame, of the other the one nearest to it in steps. */
  const shown = (of: Side): Shown => {
    const run = runOf(of);
    const frames = run ? framesOf(of) : [];
    const [there, wanted] = [stepsThere(frames), playing.at() >= 0 ? playing.at() : chosen];
    if (!run || wanted === null || wanted >= last() || !there.length) return { run, frames, step: run?.done ?? 0 };
    const step = of === side() ? nearest(there, wanted) : there.reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best));
    return { run, frames, step };
  };

  const draw = () => {
    const sides = { A: shown("A"), B: shown("B") };
    const reference = filled(model.get("reference")) as FeatureLabTraits["reference"] as never;
    showBar(sides);
    recipe.show({ side: side(), recipe: recipeOf(side()), presets: model.get("presets"), ranges: model.get("ranges"), off: !live() });
    pictures.show({ side: side(), both: model.get("view") === "both", sides, presets: model.get("presets"), reference, covered, size: model.get("size"), able: live(), playing: playing.at() >= 0, seed: model.get("seed"), unit: address(), stale: stale(), instead: instead() });
    const { run } = sides[side()];
    code.show(run?.code ?? "");
    study.show(filled(model.get("study")) as LabStudy | null, side(), live());
    const objective = (run ?? sides[OTHER[side()]].run)?.recipe.objective ?? "mean";
    numbers.show({ side: side(), sides, reference, objective: OBJECTIVES.find(([key]) => key === objective)?.[1] ?? "Objective" });
  };

  const showBar = (sides: Record<Side, Shown>) => {
    layers.show(model.get("layer"), usable().map((name) => [name, name]));
    layers.element.disabled = channel.disabled = !live();
    setAttribute(channel, "max", Math.max(0, channels() - 1));
    if (channel.getRootNode() instanceof Document && document.activeElement !== channel || channel.value === "") channel.value = model.get("channel") < 0 ? "" : String(model.get("channel"));
    beside.forEach((each) => disable(each, !live()));
    which.show(side());
    views.show(model.get("view"));
    const { run } = sides[side()];
    const none = !live() || model.get("channel") < 0;
    disable(restart, none || !run);
    disable(goOn, none || model.get("status") === "busy");
    setText(goOn, run && run.done < run.total ? "Go on" : run ? "Go further" : "Run");
  };

  /** A recipe that is another than that of the picture, while nothing climbs. */
  const stale = () => {
    const run = runOf(side());
    if (run && run.unit !== address()) return `The picture is that of ${run.unit} until the first one is there.`;
    if (!run || model.get("status") === "busy" || isSame(recipeOf(side()), run.recipe)) return "";
    return `The picture is older than recipe ${side()}; ${live() ? "Go on climbs by it." : "without Python it stays."}`;
  };

  const instead = (): HTMLElement | null => {
    const notice = widget.notice();
    if (notice) return noticeMessage(notice, (values) => set(values as Partial<FeatureLabTraits>));
    const run = runOf(side());
    if (model.get("channel") < 0) {
      return message("", "No unit chosen", "Choose a layer and a channel above; the lab then climbs to what this unit looks for.", live() && channels() ? [{ label: `Try ${model.get("layer")}:0`, press: () => unit(model.get("layer"), 0) }] : []);
    }
    if (run?.note) return message("warn", "Little comes of this", run.note, live() ? [{ label: "Try another seed", press: () => set({ seed: model.get("seed") + 1 }) }] : []);
    if (run || model.get("status") === "busy") return null;
    return message("", `Recipe ${side()} was not climbed yet`, live() ? "Turn a slider, or let it run." : "It was not computed before this was saved.");
  };

  watch(model, TRAITS, redraw, signal);
  widget.guard(draw);
});

export default { render };
