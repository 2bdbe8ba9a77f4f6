/** What the network says with a part covered: a finding in words, bars before and after, and a cut through the map. */

import type { OcclusionSliderTraits, Picture } from "../traits";
import { answerBars, type Bar } from "./answer_bars";
import type { ComparisonPart } from "./comparison";
import { placeText } from "./cover_panel";
import type { CoverQuestion } from "./cover_question";
import { h, setText } from "./dom";
import { onEnd } from "./ending";
import { fillName } from "./fill_picture";
import type { Model } from "./model";
import { number, percent } from "./numbers";
import { panelHead } from "./panel_head";
import { patience } from "./patience";
import { strongest } from "./pictures";
import { rowProfile } from "./row_profile";
import { inOrder, inWords, listed, sharedBy, type Said } from "./said";
import type { Sweep } from "./sweep";
import { tell } from "./telling";

export interface AnswerPanelView {
  picture: Picture;
  said: Said;
  /** It is of what is covered now. */
  current: boolean;
  /** Something moves: rows stay where they are, and nothing is spoken. */
  moving: boolean;
  sweep: Sweep | null;
}

export interface AnswerPanel {
  element: HTMLElement;
  show(view: AnswerPanelView): void;
  /** Stands in for it where there is nothing to cover. */
  showInstead(instead: HTMLElement | null): void;
  nextClass(): void;
  /** The cut through the map stands elsewhere; null: here. */
  lend(to: HTMLElement | null): void;
}

const BARS = 5;
/** A live region that spoke at every move would never stop. */
const CALM = 600;

export const shareText = (said: Said, target: number) => { const share = sharedBy(said, target); return share === share ? percent(share || 1e-9) : ""; };

export function answerPanel(model: Model<OcclusionSliderTraits>, of: CoverQuestion, comparison: ComparisonPart, changed: () => void, signal: AbortSignal): AnswerPanel {
  const late = patience(changed, signal);
  const bars = answerBars(comparison.explain);
  const profile = rowProfile();
  const finding = h("span", { class: "cnn-clip cnn-finding" });
  const key = h("p", { class: "cnn-key" }, ...Object.entries({ tick: "uncovered", lost: "lost", gained: "gained, in points" }).map(([mark, text]) => h("span", { "data-mark": mark }, text)));
  const [whose, took] = [h("span", { class: "cnn-clip" }), h("span", { class: "cnn-num" })];
  const calm = h("p", { class: "cnn-sr", role: "status" });
  const told = h("div", null, bars.element, key, h("p", { class: "cnn-small cnn-whose" }, whose, took));
  const aside = h("div", null, comparison.element, profile.element);
  const speech = h("div", { class: "cnn-speech" }, told, aside, calm);
  const place = h("div", { class: "cnn-instead" });
  const element = h("section", { class: "cnn-panel", "aria-label": "Prediction" }, panelHead("What the network says", null, finding, null), speech, place);
  let order: number[] = [];
  let signed: unknown[] = [];
  let speaking: ReturnType<typeof setTimeout> | undefined;
  onEnd(signal, () => clearTimeout(speaking));

  const show = (view: AnswerPanelView) => {
    const { said, current, moving } = view;
    const words = inWords(said, of.scores(), of.nameOf);
    showBars(said, moving);
    setText(finding, words);
    finding.title = words;
    setText(took, said.took >= 0 ? `${number(said.took, 2)} ms` : "");
    const waits = late(current ? "" : placeText([said.row, said.column]));
    setText(whose, `Bars: ${waits ? "older, of " : ""}${whatIsCovered(said, current)}`);
    speech.dataset.older = String(waits);
    comparison.show();
    showProfile(view);
    if (current) sign(said);
    clearTimeout(speaking);
    const target = model.get("target");
    const aloud = target >= 0 ? `${words}. ${of.nameOf(target)} ${shareText(said, target)}.` : `${words}.`;
    if (current && !moving) speaking = setTimeout(() => setText(calm, aloud), CALM);
  };
  const showBars = (said: Said, moving: boolean) => {
    const [clean, a] = [of.scores(), model.get("target")];
    const b = of.comparison() === "class" ? model.get("compare") : -1;
    order = inOrder(said, listed(said, [a, b, ...strongest(clean, 1)], BARS), order, moving);
    const bar = (target: number): Bar => ({
      target, name: of.nameOf(target), before: clean[target] ?? NaN, now: said.kind === "nothing" ? null : sharedBy(said, target), letter: b < 0 ? "" : target === a ? "A" : target === b ? "B" : "", able: of.able(target),
    });
    bars.show(order.map(bar), a);
    bars.element.dataset.still = String(moving);
  };
  const whatIsCovered = (said: Said, current: boolean): string => {
    const what = said.kind === "nothing" ? "the picture with nothing covered" : said.kind === "brush" ? "what was drawn" : placeText([said.row, said.column]);
    const other = !current && said.kind === "cover" && (said.window !== model.get("window") || said.fill !== model.get("fill")) ? `, ${said.window} px, ${fillName(said.fill)}` : "";
    return what + other + (current || of.live() ? "" : "; the place chosen was not computed");
  };
  const showProfile = ({ sweep, said, picture }: AnswerPanelView) => {
    const target = model.get("target");
    const [row, column] = said.kind === "cover" ? [said.row, said.column] : [(picture.height - model.get("window")) / 2, -1];
    profile.show(sweep ? { sweep, row, column, target, clean: of.scores()[target] ?? NaN, width: picture.width, name: of.nameOf(target) } : null);
  };
  /** Once for every answer painted. */
  const sign = ({ image, row, column, window, fill, kind, took: time, probabilities }: Said) => {
    const next = [probabilities.buffer, probabilities.byteOffset, image, row, column, window];
    if (next.every((value, k) => value === signed[k])) return;
    signed = next;
    tell("cnn-paint-cover", { image, row, column, window, fill, kind, source: time < 0 ? "map" : "answer" });
  };
  const showInstead = (instead: HTMLElement | null) => {
    speech.hidden = finding.hidden = instead !== null;
    place.replaceChildren(...(instead ? [instead] : []));
  };
  const nextClass = () => {
    const list = order.filter(of.able);
    if (list.length) comparison.explain(list[(list.indexOf(model.get("target")) + 1) % list.length]);
  };
  return { element, show, lend: (to) => (to ?? aside).append(profile.element), showInstead, nextClass };
}
