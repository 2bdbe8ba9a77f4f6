/** Dream canvas: mix layers and channels, watch a network dream on a picture, step back, dream on. */

import type { AloneInfo, Archive, DreamCanvasTraits, DreamPlan, DreamSays, Picture, PullCurves } from "../traits";
import { button, disable, segmented } from "../kit/controls";
import { dreamFigure, type DreamLook } from "../kit/dream_figure";
import { sectionAt, whereIs } from "../kit/dream_plan";
import { dreamStore } from "../kit/dream_store";
import { dreamStrip } from "../kit/dream_strip";
import { fill, h, setText } from "../kit/dom";
import { mimeOf, moved, player as playerOf } from "../kit/film";
import { frame } from "../kit/frame";
import { proportions, type Proportions } from "../kit/layer_bars";
import { download } from "../kit/menu";
import { message, noticeMessage } from "../kit/message";
import { mixPanel } from "../kit/mix_panel";
import { assign, batched, filled, listen, watch } from "../kit/model";
import { float32, uint8 } from "../kit/ndarray";
import { extent, percent, plural, THIN } from "../kit/numbers";
import { octavePanel, type OctaveValues } from "../kit/octave_panel";
import { className, pictureStrip, pictureUrls, scoresOf, strongest } from "../kit/pictures";
import { pullCurves } from "../kit/pull_curves";
import { onResize } from "../kit/resize";
import { savePanel } from "../kit/save_panel";
import { view } from "../kit/view";

const HELP: [string, string][] = [
  ["d", "Dream on, go on from the frame shown, or stop"],
  ["n", "Dream anew, from the photo"],
  ["p", "Play or stop the film"],
  [", .", "Frame before, frame after"],
  ["z", "Dream, split, photo"],
  ["← →", "On the film or the line between photo and dream: move (Shift: further)"],
  ["0", "On a weight: leave this layer out"],
  ["i", "Next picture"],
  ["h ?", "This list"],
  ["Esc", "Close, stop the film, stop dreaming"],
];
const NOTES = [
  "A layer that pulls makes stronger what it already finds in the picture. Weights are relative: each unit counts in multiples of its strength in the photo.",
  "Octaves go from small to large, so that shapes of every size come up; the photo’s own detail is put back each time.",
  "Pull: how active a unit is, in multiples of its activity in the photo on one log scale for all; a unit silent in the photo has no multiple and is shown on an axis of its own.",
  "A changed weight acts at once while it dreams. Count, ratio, canvas, guide and seed act on the next dream from the photo.",
  "Going on from an earlier frame begins with the picture as it was kept, as JPEG.",
];
const TRAITS = [
  "layers", "pictures", "labels", "image", "layer", "archive", "mix", "rows", "plan", "live", "film", "curves", "alone", "says", "saving", "shown", "view",
  "octaves", "ratio", "steps", "rate", "levels", "jitter", "zoom", "size", "seed", "guide", "speed",
] as const;
const SETTINGS = ["octaves", "ratio", "steps", "rate", "levels", "jitter", "zoom", "size", "seed", "guide"] as const;
const LOOKS: [DreamLook, string][] = [["dream", "Dream"], ["split", "Split"], ["photo", "Photo"]];

const render = view<DreamCanvasTraits>(({ model, el, signal }) => {
  const redraw = batched(() => widget.guard(draw), signal);
  const url = pictureUrls(signal);
  const store = dreamStore(signal);
  let top: [unknown, Proportions] = [null, proportions([])];
  let body: HTMLElement;

  // what is known ------------------------------------------------------------------------------------------------

  const live = () => widget.kernel.state() === "live";
  const busy = () => widget.state() === "busy" || (live() && model.get("status") === "busy");
  const plan = (): DreamPlan | null => { const found = filled<DreamPlan>(model.get("plan") as DreamPlan); return found && found.image === model.get("image") ? found : null; };
  const newest = () => store.steps().at(-1) ?? 0;
  const stepShown = () => { const wish = playing.at() >= 0 ? playing.at() : model.get("shown"); return wish < 0 ? newest() : (store.at(wish)?.step ?? 0); };
  const entries = () => (model.get("archive") as Archive<AloneInfo>).entries;
  const alone = (unit: string) => { const key = `${model.get("image")}|${unit}`; return model.get("alone")[key] ?? entries()?.[key]; };
  /** As it was kept when the dream began, or as it was given. */
  const photo = (picture: Picture) => (store.at(0)?.step === 0 ? store.at(0)!.url : url(picture));
  const older = (known: DreamPlan) => SETTINGS.some((name) => known.asked[name] !== model.get(name)) || !sameMix(known.asked.pulls, model.get("mix"));

  // what is done -------------------------------------------------------------------------------------------------

  const playing = playerOf({ steps: store.steps, pace: () => 1000 / model.get("speed"), changed: redraw, ended: (step) => assign(model, { shown: step >= newest() ? -1 : step }) }, signal);
  const tell = (from: "photo" | number) => { playing.stop(); widget.kernel.expect(); widget.kernel.send({ type: "dream", from }); };
  const go = () => { if (!live()) return; if (busy()) widget.kernel.cancel(); else if (!plan()) tell("photo"); else tell(stepShown()); };
  const anew = () => { if (live() && model.get("pictures").length) tell("photo"); };
  const set = (values: Partial<DreamCanvasTraits>) => (live() ? widget.ask(values) : undefined);
  const choose = (step: number) => { playing.stop(); assign(model, { shown: step >= newest() ? -1 : step, ...(model.get("view") === "photo" ? { view: "dream" as const } : {}) }); };
  const stepBy = (by: number) => { if (store.steps().length > 1) choose(moved(store.steps(), stepShown(), by)); };
  const play = () => {
    if (store.steps().length < 2) return;
    if (model.get("view") === "photo") assign(model, { view: "dream" });
    playing.toggle(stepShown());
  };
  const cycle = () => { const at = LOOKS.findIndex(([look]) => look === model.get("view")); assign(model, { view: LOOKS[(at + 1) % LOOKS.length][0] }); };
  const choosePicture = (image: number) => { playing.stop(); if (image !== model.get("image")) widget.ask({ image, shown: -1 }); };
  const nextPicture = () => { const count = model.get("pictures").length; if (count > 1 && live()) choosePicture((model.get("image") + 1) % count); };
  const pull = (unit: string, weight: number) => set({ mix: { ...model.get("mix"), [unit]: weight } });
  const file = (format: string, step: number) => { asked++; widget.kernel.expect(); widget.kernel.send({ type: "save", format, step }); };
  const savePicture = () => {
    const [step, bytes] = [stepShown(), store.bytes(stepShown())];
    if (live()) file("png", step);
    else if (bytes) download(`dream_${step}.${mimeOf(bytes) === "image/png" ? "png" : "jpg"}`, mimeOf(bytes), bytes as BlobPart);
  };
  listen(model, "msg:custom", (content: any, buffers: DataView[] = []) => {
    if (content?.type === "dream file" && buffers.length && asked-- > 0) download(content.name, content.mime, uint8(buffers[0]) as BlobPart);
  }, signal);
  /** Files this view asked for; another view of the same widget asks for its own. */
  let asked = 0;

  // parts --------------------------------------------------------------------------------------------------------

  const strip = pictureStrip({ url, choose: choosePicture, take: (files) => widget.take(files), prompt: "Drop pictures here or browse" });
  const look = () => { const units = mix.inSight(); if (live() && plan() && units.join("|") !== model.get("wanted").join("|")) assign(model, { wanted: units }); };
  const mix = mixPanel({ pull, scrolled: look }, signal);
  const figure = dreamFigure();
  const film = dreamStrip(choose, signal);
  const pulls = pullCurves();
  const octaves = octavePanel((values: Partial<OctaveValues>) => set(values));
  const save = savePanel({ picture: savePicture, film: (format) => file(format, stepShown()), speed: (speed) => assign(model, { speed }) });
  const looks = segmented<DreamLook>("Show", LOOKS, "dream", (next) => assign(model, { view: next }));
  const name = h("h3", { class: "cnn-title cnn-clip" });
  const pulled = h("span", { class: "cnn-quiet cnn-clip cnn-grow" });
  const where = h("p", { class: "cnn-small dc-where" });
  const changed = h("span", { class: "cnn-small dc-older" });
  const [before, after] = [button("", () => stepBy(-1), { kind: "icon", icon: "previous", label: "Frame before (,)" }), button("", () => stepBy(1), { kind: "icon", icon: "next", label: "Frame after (.)" })];
  const player = button("Play", play);
  const fresh = button("Dream anew", anew);
  const main = button("Dream on", go, { kind: "primary" });
  const stage = h("div", { class: "dc-stage" });
  const pullSet = h("div", { class: "dc-set" }, h("h3", { class: "cnn-title" }, "Pull"), pulls.element);
  const transport = h("div", { class: "dc-transport" }, before, player, after, changed, fresh, main);
  const center = h("div", { class: "dc-center" }, h("div", { class: "dc-head" }, name, pulled, looks.element), stage, where, transport, film.element, pullSet);
  const says = h("div", { class: "dc-set dc-says" });
  const side = h("aside", { class: "dc-side", "aria-label": "Octaves and saving" }, octaves.element, says, save.element);
  body = h("div", { class: "dc" }, h("div", { class: "cnn-strip" }, strip.element, strip.drop), h("div", { class: "dc-columns" }, mix.element, center, side));

  const widget = frame({
    model, el, signal, body, help: HELP, notes: NOTES, title: "Dream canvas", draw: () => draw(),
    keys: { d: go, n: anew, p: play, ",": () => stepBy(-1), ".": () => stepBy(1), z: cycle, i: nextPicture, Escape: () => playing.stop() || (busy() && (widget.kernel.cancel(), true)) },
    archived: "A saved page without Python: the film, the curves and the small pictures are here; dreaming needs Python.",
  });

  // drawing ------------------------------------------------------------------------------------------------------

  const draw = () => {
    const list = model.get("pictures");
    const picture: Picture | undefined = list[model.get("image")];
    if (top[0] !== model.get("layers")) top = [model.get("layers"), proportions(model.get("layers"))];
    const known = plan();
    if (store.take(known, model.get("live"), model.get("film")) && playing.at() > newest()) playing.stop();
    strip.show(list, model.get("image"), live());
    body.dataset.empty = String(!picture);
    mix.element.hidden = side.hidden = transport.hidden = where.hidden = film.element.hidden = !picture;
    drawHead(picture, known);
    if (!picture) return fill(stage, message("", "No picture to dream on", "Drop a photo anywhere here, or pass one from Python: DreamCanvas(network, image)."));
    drawStage(picture, known);
    drawTransport(picture, known);
    mix.show({ layers: model.get("layers"), top: top[1], rows: model.get("rows"), mix: model.get("mix"), image: model.get("image"), alone, layer: model.get("layer"), able: live() });
    drawSide(picture, known);
    look();
  };

  const drawHead = (picture: Picture | undefined, known: DreamPlan | null) => {
    setText(name, picture?.name ?? "");
    const count = Object.values(model.get("mix")).filter(Boolean).length;
    setText(pulled, picture ? `${plural(count, "pull")}, seed ${known ? String(known.asked.seed) : model.get("seed")}` : "");
    looks.element.hidden = !picture;
    looks.show(model.get("view"));
  };
  const drawStage = (picture: Picture, known: DreamPlan | null) => {
    const notice = widget.notice();
    const shown = store.at(stepShown());
    const [height, width] = known ? [known.height, known.width] : [picture.height, picture.width];
    const told = known && stepShown() > 0 ? `The dream: ${whereIs(known, stepShown())}` : `The photo: ${picture.name}`;
    figure.show({ dream: shown?.url ?? photo(picture), photo: photo(picture), height, width, look: model.get("view"), told, name: picture.name });
    const said = notice && noticeMessage(notice, (values) => widget.ask(values));
    // What was dreamed before something went wrong stays in sight, below what is said.
    if (!said) { if (stage.firstChild !== figure.element || stage.children.length > 1) fill(stage, figure.element); }
    else if (drawnNotice !== notice || !stage.querySelector(".cnn-msg")) fill(stage, said, store.steps().length > 1 ? figure.element : null);
    drawnNotice = notice;
    setText(where, !known ? `${extent(width, height)}${THIN}px` : model.get("view") === "photo" || stepShown() === 0 ? `The photo, ${extent(width, height)}${THIN}px` : `Step ${stepShown()} of ${known.total}: ${whereIs(known, stepShown())}`);
  };
  let drawnNotice: unknown = null;

  const drawTransport = (picture: Picture, known: DreamPlan | null) => {
    const steps = store.steps();
    const last = stepShown() >= newest();
    const whole = Boolean(known) && known!.step >= known!.total;
    disable(before, stepShown() <= (steps[0] ?? 0));
    disable(after, last);
    disable(player, steps.length < 2);
    setText(player, playing.at() >= 0 ? "Stop film" : "Play");
    setText(main, busy() ? "Stop" : !known ? "Dream" : !last ? "Dream on from here" : whole ? "Dream on" : "Go on");
    disable(main, !live());
    disable(fresh, !live() || busy());
    fresh.hidden = !known;
    setText(changed, known && !busy() && older(known) ? "older than the mix" : "");
    film.element.hidden = !known;
    if (known) film.show(known, store, stepShown(), url(picture));
  };
  const drawSide = (picture: Picture, known: DreamPlan | null) => {
    const values = Object.fromEntries(SETTINGS.map((each) => [each, model.get(each)])) as unknown as OctaveValues;
    const now = known ? sectionAt(known, stepShown()) : null;
    const canvas: [number, number] = known ? [known.height, known.width] : [picture.height, picture.width];
    octaves.show({ values, canvas: scaled(canvas, values.size), now: now?.height ?? 0, pictures: model.get("pictures").map((each) => each.name), image: model.get("image"), able: live() });
    const curves = filled<PullCurves>(model.get("curves") as PullCurves);
    pullSet.hidden = !known;
    if (known) pulls.show({ curves: curves?.reel === known.reel ? curves : null, total: known.total, step: stepShown() });
    drawSays(picture, known);
    save.element.hidden = !known;
    const frames = store.steps().filter((step) => step <= stepShown()).length;
    save.show({ frames: stepShown() === 0 ? store.steps().length : frames, height: canvas[0], width: canvas[1], speed: model.get("speed"), saving: model.get("saving"), live: live() });
  };
  /** What the network says of the photo, and of the dream. */
  const drawSays = (picture: Picture, known: DreamPlan | null) => {
    const found = filled<DreamSays>(model.get("says") as DreamSays);
    const [photo, dream] = [scoresOf(picture), found && known && found.reel === known.reel ? float32(found.scores) : new Float32Array(0)];
    says.hidden = !photo.length;
    const key = `${photo.length}|${model.get("image")}|${found?.reel}|${found?.step}|${dream.length}`;
    if (key === saidKey) return;
    saidKey = key;
    const row = (label: string, scores: Float32Array) => {
      const [best] = strongest(scores, 1);
      return [h("dt", null, label), h("dd", { class: "cnn-clip" }, className(model.get("labels"), best)), h("dd", { class: "cnn-num" }, percent(scores[best]))];
    };
    fill(says, h("h3", { class: "cnn-title" }, "The network says"), h("dl", { class: "dc-classes" }, ...(photo.length ? row("Photo", photo) : []), ...(dream.length ? row(`Step ${found!.step}`, dream) : [])));
  };
  let saidKey = "";

  onResize(body, () => look(), signal);
  watch(model, TRAITS, redraw, signal);
  widget.guard(draw);
});

function sameMix(a: Record<string, number>, b: Record<string, number>): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((unit) => (a[unit] ?? 0) === (b[unit] ?? 0));
}

/** A canvas whose longest side is `size`, if one is asked for. */
function scaled([height, width]: [number, number], size: number): [number, number] {
  const scale = size ? size / Math.max(height, width) : 1;
  return [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
}

export default { render };
