/** The table of a ranking: a row a method, a column a measure; each cell a number, a bar, an interval and what chance gets. */

import { claim } from "./controls";
import { fill, h, holdsFocus, setAttribute, setText } from "./dom";
import { cellText, figureOf, RANDOM, scaleOf, type Ranking } from "./ranking";

export interface RankView {
  ranking: Ranking;
  titles: Map<string, string>;
  /** Rows from top to bottom. */
  order: string[];
  method: string;
  /** Key of the measure that it is sorted by, and of the only one shown where it is narrow. */
  measure: string;
  column: number;
  worstFirst: boolean;
}

export interface RankGridOptions {
  choose: (method: string, column: number) => void;
  sort: (measure: string) => void;
  /** What is pointed at or focused: a cell, a heading (row -1), or nothing. */
  point: (place: [row: string, column: number] | null) => void;
}

export interface RankGrid {
  element: HTMLElement;
  show(view: RankView): void;
}

interface Cell {
  element: HTMLElement;
  number: HTMLElement;
  bar: HTMLElement;
  mean: HTMLElement;
  chance: HTMLElement;
  interval: HTMLElement;
}

interface Row {
  element: HTMLElement;
  name: HTMLElement;
  cells: Cell[];
}

export const HEAD = "";

export function rankGrid({ choose, sort, point }: RankGridOptions): RankGrid {
  const element = h("div", { class: "tb-grid", role: "grid", "aria-label": "Methods by measures" });
  let now: RankView | null = null;
  let built = "";
  let order = "";
  let rows = new Map<string, Row>();
  let heads: HTMLButtonElement[] = [];
  /** Where the one tab stop is: a row (or the headings) and a column; -1 is the column of names. */
  let stop: [row: string, column: number] = [HEAD, 0];
  /** Where the focus goes once a column that was hidden is shown. */
  let pending: [row: string, column: number] | null = null;

  const show = (view: RankView) => {
    now = view;
    const { ranking } = view;
    const shape = JSON.stringify([ranking.rows, ranking.measures.map((measure) => measure.key), view.titles.size]);
    if (shape !== built) build(view);
    built = shape;
    arrange(view);
    showHeads(view);
    for (const [key, row] of rows) showRow(view, key, row);
    const next = pending;
    pending = null;
    if (next) stop = next;
    else if (!holdsFocus(element)) stop = [view.method, view.column];
    settle();
    if (next) focus(next);
  };

  const build = ({ ranking }: RankView) => {
    heads = [-1, ...ranking.measures.keys()].map((column) => heading(column, ranking));
    const head = h("div", { class: "tb-row tb-top", role: "row" }, ...heads.map((button, k) => h("div", { role: "columnheader", class: k ? "" : "tb-name-head", "data-column": k - 1 }, button)));
    rows = new Map(ranking.rows.map((key) => [key, row(key, ranking)]));
    fill(element, head);
    order = "";
    stop = [now!.method, Math.max(0, now!.column)];
    element.style.setProperty("--measures", String(ranking.measures.length));
  };

  const heading = (column: number, { measures }: Ranking) => {
    const measure = measures[column];
    const more = measure?.better === "high" ? "more" : "less";
    return h("button", {
      type: "button", class: "tb-sort", tabindex: -1, "data-row": HEAD, "data-column": column,
      "aria-label": measure ? `${measure.title}, ${more} is better. Sort` : "Method. In their own order",
      onclick: () => sort(measure?.key ?? ""),
      onpointerenter: () => point([HEAD, column]), onpointerleave: () => point(null),
      onfocus: () => { stop = [HEAD, column]; settle(); point([HEAD, column]); }, onblur: () => point(null),
    }, h("span", null, measure?.title ?? "Method"), measure ? h("small", null, `best: ${measure.better}`) : null) as HTMLButtonElement;
  };

  const row = (key: string, ranking: Ranking): Row => {
    const name = h("div", { class: "tb-name cnn-clip", role: "rowheader" });
    const cells = ranking.measures.map((_, column) => cell(key, column));
    const line = h("div", { class: "tb-row tb-line", role: "row", "data-method": key, "data-random": key === RANDOM, onclick: (event: Event) => {
      const at = (event.target as Element).closest<HTMLElement>("[role=gridcell]");
      const column = at ? Number(at.dataset.column) : Math.max(0, stop[1]);
      stop = [key, column];
      choose(key, column);
      if (at) at.focus({ preventScroll: true });
    } }, name, ...cells.map((each) => each.element));
    return { element: line, name, cells };
  };

  const cell = (key: string, column: number): Cell => {
    const [mean, chance, interval, number] = [h("i"), h("b"), h("u"), h("span", { class: "cnn-num" })];
    const bar = h("span", { class: "tb-bar", "aria-hidden": "true" }, mean, chance, interval);
    const box = h("div", {
      class: "tb-cell", role: "gridcell", tabindex: -1, "data-row": key, "data-column": column,
      onpointerenter: () => point([key, column]), onpointerleave: () => point(null),
      onfocus: () => { stop = [key, column]; settle(); point([key, column]); }, onblur: () => point(null),
    }, number, bar);
    return { element: box, number, bar, mean, chance, interval };
  };

  /** Rows keep their elements, so that the eye, the focus and the bars can follow them. */
  const arrange = (view: RankView) => {
    const next = view.order.join("\n");
    if (next === order) return;
    const had = holdsFocus(element);
    element.append(...view.order.map((key) => rows.get(key)!.element));
    order = next;
    if (had && !holdsFocus(element)) focus(stop);
  };

  const showHeads = ({ ranking, measure, worstFirst, column }: RankView) => {
    heads.forEach((button, k) => {
      const head = button.parentElement!;
      const about = ranking.measures[k - 1];
      const sorted = about ? about.key === measure : measure === "";
      const falling = (about?.better === "high") !== worstFirst;
      setAttribute(head, "aria-sort", sorted ? (about && falling ? "descending" : "ascending") : "none");
      setAttribute(head, "data-on", k - 1 === column);
    });
  };

  const showRow = (view: RankView, key: string, { element: line, name, cells }: Row) => {
    const title = view.titles.get(key) ?? key;
    setText(name, title);
    name.title = title;
    setAttribute(line, "aria-selected", key === view.method);
    const at = view.ranking.rows.indexOf(key);
    cells.forEach((each, column) => showCell(view, at, column, each));
  };

  const showCell = ({ ranking, titles, column: narrow }: RankView, at: number, column: number, cell: Cell) => {
    const random = ranking.rows.length - 1;
    const found = ranking.estimate(at, column);
    const text = found ? figureOf(ranking, column, found.mean) : "–";
    const scale = scaleOf(ranking, column);
    const place = (value: number) => Math.max(0, Math.min(1, value / scale)) * 100;
    const chance = at !== random && ranking.measures[column].reference ? ranking.estimate(random, column) : null;
    setText(cell.number, text);
    setAttribute(cell.element, "data-on", column === narrow);
    setAttribute(cell.element, "data-best", found !== null && at !== random && text === bestText(ranking, column));
    setAttribute(cell.element, "data-weak", !found || at === random || found.weak);
    setAttribute(cell.element, "aria-label", cellText(ranking, at, column, titles));
    setAttribute(cell.bar, "data-none", found === null);
    cell.mean.style.width = `${found ? place(found.mean) : 0}%`;
    cell.chance.hidden = !found || !chance;
    if (chance) cell.chance.style.left = `${place(chance.mean)}%`;
    cell.interval.hidden = !found || !Number.isFinite(found.low);
    if (!cell.interval.hidden) [cell.interval.style.left, cell.interval.style.width] = [`${place(found!.low)}%`, `${Math.max(0.5, place(found!.high) - place(found!.low))}%`];
  };

  /** One tab stop; where one column alone is shown, the stop is in it. */
  const settle = () => {
    for (const button of heads) button.tabIndex = stop[0] === HEAD && Number(button.dataset.column) === stop[1] ? 0 : -1;
    for (const [key, row] of rows) row.cells.forEach((each, column) => (each.element.tabIndex = stop[0] === key && column === stop[1] ? 0 : -1));
  };

  const placeOf = ([row, column]: [string, number]): HTMLElement | undefined => (row === HEAD ? heads[column + 1] : rows.get(row)?.cells[column].element);
  const isHidden = (place: [string, number]) => {
    const target = placeOf(place);
    return place[1] >= 0 && target !== undefined && getComputedStyle(target.closest("[role]:not(button)")!).display === "none";
  };
  const focus = (place: [string, number]) => {
    const target = placeOf(place);
    target?.focus({ preventScroll: true });
    target?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  };

  element.addEventListener("keydown", (event) => {
    const from = (event.target as HTMLElement).closest<HTMLElement>("[data-row][data-column]");
    if (!from || !now || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = step(event.key, from.dataset.row!, Number(from.dataset.column), [HEAD, ...now.order], now.ranking.measures.length);
    if (!next) return;
    claim(event);
    stop = next;
    if (next[0] !== HEAD) choose(...next);
    if (!isHidden(next)) return focus(next);
    pending = next;
    sort(now.ranking.measures[next[1]].key);
  });
  return { element, show };
}

function bestText(ranking: Ranking, column: number): string {
  const means = ranking.rows.slice(0, -1).map((_, row) => ranking.estimate(row, column)?.mean).filter((mean) => mean !== undefined);
  if (!means.length) return "";
  return figureOf(ranking, column, ranking.measures[column].better === "high" ? Math.max(...means) : Math.min(...means));
}

/** Where a key leads from a cell; null if nowhere. The names are not a place, but their heading is. */
function step(key: string, row: string, column: number, rows: string[], columns: number): [string, number] | null {
  const by = ({ ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -columns], End: [0, columns] } as Record<string, number[]>)[key];
  if (!by) return null;
  const to = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + by[0]))];
  return [to, Math.max(to === HEAD ? -1 : 0, Math.min(columns - 1, column + by[1]))];
}
