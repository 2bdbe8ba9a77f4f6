/** The table of a study: a row a recipe, a column a channel; the best of a column is strong and underlined. */

import type { LabStudy, LabStudyRow } from "../traits";
import { button, claim, disable } from "./controls";
import { fill, h, holdsFocus, setAttribute, setText } from "./dom";
import { labPicture } from "./lab_picture";
import { number, plural, points, THIN } from "./numbers";

export interface StudyTable {
  element: HTMLElement;
  show(study: LabStudy | null, side: string, live: boolean): void;
}

export interface StudyDeeds {
  /** Climb the side in hand by a recipe. */
  load(row: LabStudyRow): void;
  /** Take a unit into the laboratory. */
  see(layer: string, channel: number): void;
}

const far = (value: number | null) => (value === null ? "–" : value.toFixed(3));
const change = (value: number | null) => (value === null ? "–" : `${points(value)}${THIN}%`);

export function studyTable({ load, see }: StudyDeeds, signal: AbortSignal): StudyTable {
  let study: LabStudy | null = null;
  let [row, column] = [0, 0];
  let parts = new AbortController();
  const about = h("span", { class: "cnn-quiet" });
  const finding = h("p");
  const table = h("div", { class: "fl-table", role: "grid", "aria-label": "Distance by recipe and channel" });
  const [title, told] = [h("h3", { class: "cnn-title cnn-mono cnn-clip" }), h("dl", { class: "cnn-stats" })];
  const [picture, real] = [labPicture(signal), labPicture(signal)];
  const called = h("span", { class: "cnn-small" });
  const take = button("", () => { if (study) load(study.rows[row]); });
  const go = button("Climb this unit", () => { if (study) see(study.layer, study.channels[column]); });
  const pair = h("div", { class: "fl-pair" }, h("div", null, picture.element, called), h("div", null, real.element, h("span", { class: "cnn-small" }, "Strongest patch")));
  const side = h("aside", { "aria-label": "Chosen picture of the study" }, h("header", { class: "fl-head" }, title), pair, told, h("div", { class: "cnn-tools" }, take, go));
  const element = h("section", { class: "fl-study", "aria-label": "Study", hidden: true },
    h("div", { class: "fl-study-main" }, h("div", { class: "fl-study-head" }, h("h3", { class: "cnn-title" }, "Study"), about), finding, table), side);
  signal.addEventListener("abort", () => parts.abort(), { once: true });

  const draw = () => {
    if (!study) return;
    const had = holdsFocus(table);
    parts.abort();
    parts = new AbortController();
    const best = study.channels.map((_, k) => lowest(study!.rows, k));
    const reach = Math.max(1e-9, ...study.rows.flatMap(({ mean, low, high }) => [mean, low, high].map((each) => Math.abs(each ?? 0))));
    setAttribute(table, "style", `--channels: ${study.channels.length}`);
    fill(table, head(study), ...study.rows.map((each, at) => line(each, at, best, reach)));
    if (had) cell()?.focus({ preventScroll: true });
  };
  const head = ({ channels }: LabStudy) => h("div", { role: "row", class: "fl-row" }, h("span", { role: "columnheader" }, "Recipe"),
    ...channels.map((each) => h("span", { role: "columnheader", class: "cnn-mono" }, `:${each}`)), h("span", { role: "columnheader" }, "Closer than none"));
  const line = (each: LabStudyRow, at: number, best: number[], reach: number) => h("div", { role: "row", class: "fl-row" },
    h("span", { role: "rowheader" }, each.title, each.faint ? h("span", { class: "cnn-small fl-faint" }, "excites less than real ones") : null), ...study!.channels.map((channel, k) => part(each, at, k, channel, best[k] === at)), h("span", { role: "gridcell", class: "fl-mean", "aria-label": spoken(each) }, h("span", { class: "cnn-num" }, at ? change(each.mean) : "baseline"), at && each.mean !== null ? bar(each, reach) : null));
  const part = (each: LabStudyRow, at: number, k: number, channel: number, isBest: boolean) => {
    const small = labPicture(parts.signal);
    const value = each.distances[k];
    small.show(each.pictures[k]?.byteLength ? each.pictures[k] : null, "");
    setAttribute(small.element, "role", null);
    const on = at === row && k === column;
    const words = `${each.title}, channel ${channel}: distance ${far(value)}${at ? `, ${change(each.improvements[k])}` : ""}${isBest ? ", best" : ""}`;
    return h("div", { role: "gridcell", class: "fl-cell", tabindex: on ? 0 : -1, "aria-selected": on, "aria-label": words, "data-best": isBest, "data-place": `${at},${k}`, onclick: () => choose(at, k) },
      small.element, h("span", null, h("b", null, far(value)), h("span", { class: "cnn-small" }, at ? change(each.improvements[k]) : "")));
  };
  const cell = () => table.querySelector<HTMLElement>(`[data-place="${row},${column}"]`);
  const choose = (at: number, k: number) => {
    if (!study) return;
    [row, column] = [Math.max(0, Math.min(study.rows.length - 1, at)), Math.max(0, Math.min(study.channels.length - 1, k))];
    table.querySelectorAll<HTMLElement>(".fl-cell").forEach((each) => {
      const on = each === cell();
      setAttribute(each, "aria-selected", on);
      each.tabIndex = on ? 0 : -1;
    });
    cell()?.focus({ preventScroll: true });
    showChosen();
  };
  table.addEventListener("keydown", (event) => {
    const by = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    choose(row + by[0], column + by[1]);
  });
  const showChosen = () => {
    if (!study) return;
    const each = study.rows[row];
    setText(title, `${study.layer}:${study.channels[column]}`);
    setText(called, each.title);
    picture.show(each.pictures[column]?.byteLength ? each.pictures[column] : null, `${each.title}, channel ${study.channels[column]}`);
    real.show(study.references[column]?.byteLength ? study.references[column] : null, "Strongest patch of the channel");
    fill(told, ...[["Distance", far(each.distances[column])], ["Against none", row ? change(each.improvements[column]) : "baseline"], ["Response", each.responses[column] === null ? "–" : number(each.responses[column]!)]]
      .flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
  };

  const show: StudyTable["show"] = (next, hand, live) => {
    element.hidden = !next;
    if (!next) return;
    setText(take, `Load into ${hand}`);
    [take, go].forEach((each) => disable(each, !live));
    if (next === study) return;
    study = next;
    if (row >= next.rows.length || column >= next.channels.length) [row, column] = [0, 0];
    setText(about, `one thing changed at a time, ${plural(next.seeds, "seed")}; ${next.measure}`);
    setText(finding, found(next));
    draw();
    showChosen();
  };
  return { element, show };
}

/** The recipe that comes closest on a channel; -1 where nothing is known. */
function lowest(rows: LabStudyRow[], channel: number): number {
  let best = -1;
  rows.forEach(({ distances }, at) => {
    const value = distances[channel];
    if (value !== null && (best < 0 || value < rows[best].distances[channel]!)) best = at;
  });
  return best;
}

/** A bar from a marked zero, with its 95 % interval. */
function bar({ mean, low, high }: LabStudyRow, reach: number): HTMLElement {
  const place = (value: number) => 50 + (50 * value) / reach;
  const grown = h("i"), zero = h("b"), ends = h("u");
  const size = Math.abs(place(mean!) - 50);
  grown.style.cssText = `left: ${mean! < 0 ? 50 - size : 50}%; width: ${size}%`;
  if (low !== null && high !== null) ends.style.cssText = `left: ${place(low)}%; width: ${place(high) - place(low)}%`;
  return h("span", { class: "fl-zero", "aria-hidden": "true" }, grown, low !== null && high !== null ? ends : null, zero);
}

const spoken = ({ title, mean, low, high }: LabStudyRow) => `${title}: ${mean === null ? "not computed yet" : `${change(mean)} closer on average`}${low !== null && high !== null ? `, 95 % interval ${change(low)} to ${change(high)}` : ""}`;

/** One sentence about what comes closest. */
export function found({ rows, channels, done, total }: LabStudy): string {
  const told = rows.filter(({ mean, faint }, at) => at && mean !== null && !faint);
  const state = done < total ? `${done} of ${total} ascents are there. ` : "";
  if (!told.length) return `${state}Each distance is that of the picture to the strongest patch of its channel.`;
  const best = told.reduce((a, b) => (b.mean! > a.mean! ? b : a));
  const sure = best.low !== null && best.low > 0 ? "" : ", which is not told apart from none";
  return `${state}“${best.title}” comes ${best.mean! > 0 ? "closest" : "least far"}: ${change(best.mean)} against no regularization on average of ${plural(channels.length, "channel")}${sure}. Underlined: best of its column.`;
}
