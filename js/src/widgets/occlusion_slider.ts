/** Occlusion slider: cover a part of the picture, and see at once what the network then says. */

import type { Brush, CoverAnswer, OcclusionSliderTraits } from "../traits";
import { answerPanel, shareText } from "../kit/answer_panel";
import { brushHand } from "../kit/brush_hand";
import { comparisonPart } from "../kit/comparison";
import { claim } from "../kit/controls";
import { coverHand } from "../kit/cover_hand";
import { coverPanel } from "../kit/cover_panel";
import { coverQuestion } from "../kit/cover_question";
import { h } from "../kit/dom";
import { covers } from "../kit/drawing";
import { frame } from "../kit/frame";
import { message, noticeMessage } from "../kit/message";
import { batched, filled, watch } from "../kit/model";
import { MINUS } from "../kit/numbers";
import { pictureStrip, pictureUrls } from "../kit/pictures";
import { onResize } from "../kit/resize";
import { saidByAnswer, saidBySweep, saidOfNothing, type Said } from "../kit/said";
import { cornerOf, isKnown, placeOf } from "../kit/sweep";
import { sweepPanel } from "../kit/sweep_panel";
import { view } from "../kit/view";

const HELP: [string, string][] = [
  ["← ↑ ↓ →", "Move the cover by a place of the map (Shift: by its size, Alt: by a pixel)"],
  ["+ −", "Larger, smaller cover or brush"],
  ["f", "Next fill"],
  ["t x", "Next class, swap A and B"],
  ["r s", "Replay, go to the strongest place"],
  ["[ ]", "Less, more opacity"],
  ["b", "Window, brush"],
  ["Space", "With the brush: pen down or up; arrows move it"],
  ["e", "With the brush: draw, erase"],
  ["Delete Ctrl+z", "With the brush: clear, undo"],
  ["i", "Next picture"],
  ["h ?", "This list"],
  ["Esc", "Close, stop the replay, lift the cover"],
];
const NOTES = [
  "Bars: gray is what is left, hatched lost, solid gained; the tick is the picture with nothing covered.",
  "Map: each cell is one place of the cover, drawn in the middle of what it hides there. Warm: the class loses by that. Cool: it gains.",
  "Hatched cells are not computed yet: their color is that of the nearest place that is.",
];
const TRAITS = ["pictures", "labels", "image", "target", "compare", "compare_fill", "window", "stride", "fill", "shape", "measure", "exact", "opacity", "mode", "place", "brush", "answer", "maps", "archive"] as const;

const render = view<OcclusionSliderTraits>(({ model, el, signal }) => {
  let last: Said | null = null;
  const redraw = batched(() => widget.guard(draw), signal);
  const url = pictureUrls(signal);
  const of = coverQuestion(model, { live: () => widget.kernel.state() === "live", ask: (values) => widget.ask(values), forgotten: () => { last = null; map.forget(); } }, signal);
  const hand = coverHand(model, of, () => map.letGo(), signal);
  const brush = brushHand(model, (drawn) => of.set({ brush: drawn as Brush, held: hand.held() }), signal);
  const drawing = () => model.get("mode") === "brush";

  const choosePicture = (image: number) => {
    if (image === model.get("image")) return;
    of.set({ image, ...(of.live() ? { place: [] } : {}) });
    hand.snap();
  };
  const nextPicture = () => { const count = model.get("pictures").length; if (count) choosePicture((model.get("image") + 1) % count); };

  const strip = pictureStrip({ url, choose: choosePicture, take: (files) => widget.take(files), prompt: "Drop pictures here or browse" });
  const comparison = comparisonPart(model, of);
  const cover = coverPanel(model, of, hand, brush, redraw);
  const answer = answerPanel(model, of, comparison, redraw, signal);
  const map = sweepPanel(model, of, hand, redraw, signal);
  const pictures = h("div", { class: "cnn-strip oc-strip" }, strip.element, strip.drop);
  const body = h("div", { class: "oc" }, pictures, h("div", { class: "oc-columns" }, cover.element, answer.element, map.element));

  // Of two columns the one beside the map has room.
  onResize(body, () => answer.lend(body.clientWidth < 900 && body.clientWidth >= 640 ? map.about : null), signal);

  const whileDrawing = (deed: () => void) => () => drawing() && (deed(), true);
  const clear = whileDrawing(cover.clear);
  const [larger, smaller] = [() => cover.grow(1), () => cover.grow(-1)];
  const keys = {
    "+": larger, "=": larger, "-": smaller, [MINUS]: smaller, f: cover.nextFill, t: answer.nextClass, x: comparison.swap, r: map.play, s: map.strongest, i: nextPicture,
    "[": () => map.fade(-0.1), "]": () => map.fade(0.1), b: () => cover.setMode(drawing() ? "cover" : "brush"), e: whileDrawing(() => cover.erase(!brush.erasing)), Delete: clear, Backspace: clear,
    Escape: () => (map.playing() ? (map.play(), true) : !drawing() && hand.lift()),
  };
  const widget = frame({
    model, el, signal, body, keys, help: HELP, notes: NOTES, title: "Occlusion slider", draw: () => draw(),
    archived: "A saved page without Python: the cover snaps to the places computed. The brush, other sizes, fills and classes need Python.",
  });
  widget.root.addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || !drawing()) return;
    claim(event);
    cover.undo();
  });

  const draw = () => {
    const picture = of.picture();
    body.dataset.empty = String(!picture);
    body.dataset.pair = String(of.comparison() !== "none");
    strip.show(model.get("pictures"), model.get("image"), of.live());
    cover.element.hidden = map.element.hidden = !picture;
    const notice = widget.notice() && noticeMessage(widget.notice()!, (values) => widget.ask(values));
    answer.showInstead(picture ? null : notice ?? message("", "Nothing to cover yet", "Drop a picture anywhere here, or pass one from Python; then drag a cover over it."));
    if (!picture) return;
    const sweep = map.refresh();
    const back = map.back();
    const { said, current } = back ? { said: saidBySweep(back.sweep, back.place), current: true } : saidNow();
    const told = !current ? "computing" : said.kind === "nothing" ? "nothing covered" : `${of.nameOf(said.best)} ${shareText(said, said.best)}`;
    cover.show({ picture, url: url(picture), back: back && { place: cornerOf(back.sweep, back.place), fill: back.sweep.fill, window: back.sweep.window }, told });
    answer.show({ picture, said, current, moving: hand.held() || back !== null, sweep });
    map.show({ picture, url: url(picture), theme: widget.theme(), notice });
  };

  /** What the network says of what is covered; until that is there, what it said last. */
  const saidNow = (): { said: Said; current: boolean } => {
    const image = model.get("image");
    const found = drawing() ? saidOfDrawing(image) : saidOfPlace(image);
    last = found ?? newer(image) ?? (last?.image === image ? last : saidOfNothing(image, of.scores()));
    return { said: last, current: found !== null };
  };
  const answered = () => filled<CoverAnswer>(model.get("answer") as CoverAnswer);
  const saidOfDrawing = (image: number): Said | null => {
    const [drawn, reply] = [brush.drawing(), answered()];
    if (!drawn || !covers(drawn)) return saidOfNothing(image, of.scores());
    return reply?.brush && reply.image === image && reply.stroke === brush.stroke() && reply.fill === model.get("fill") ? saidByAnswer(reply) : null;
  };
  const saidOfPlace = (image: number): Said | null => {
    const [place, reply, sweep] = [hand.place(), answered(), of.sweep()];
    if (!place) return saidOfNothing(image, of.scores());
    const asked = { image, row: place[0], column: place[1], window: model.get("window"), fill: model.get("fill"), shape: model.get("shape"), brush: false };
    if (reply && Object.entries(asked).every(([name, value]) => reply[name as keyof CoverAnswer] === value)) return saidByAnswer(reply);
    const found = sweep ? placeOf(sweep, ...place) : -1;
    return found >= 0 && isKnown(sweep!, found) ? saidBySweep(sweep!, found) : null;
  };
  /** An answer to another question is older, but newer than what is shown. */
  const newer = (image: number): Said | null => {
    const reply = answered();
    return reply && reply.image === image && reply.brush === drawing() ? saidByAnswer(reply) : null;
  };

  if (widget.kernel.state() === "archived" && of.picture() && !of.sweep()) of.set({ image: model.get("image") });
  watch(model, TRAITS, redraw, signal);
  widget.guard(draw);
});

export default { render };
