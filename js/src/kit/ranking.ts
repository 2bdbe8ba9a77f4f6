/** A ranking: methods by measures over scenes, read from its trait, put in order and said in words. */

import type { MeasureInfo, MethodInfo, RankTable } from "../traits";
import { float32, uint8 } from "./ndarray";
import { MINUS, percent } from "./numbers";

/** A method by a measure. `weak`: not told apart from a random map. `lead`: the best, or not told apart from it. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
  count: number;
  weak: boolean;
  lead: boolean;
}

export interface Ranking {
  table: RankTable;
  rows: string[];
  measures: MeasureInfo[];
  scenes: number;
  value(row: number, column: number, scene: number): number;
  estimate(row: number, column: number): Estimate | null;
  curve(row: number, kind: number, scene: number): Float32Array | null;
}

/** With fewer scenes all differences may point one way by chance. */
export const FEWEST = 5;
export const RANDOM = "random";

export function readRanking(table: RankTable): Ranking {
  const { rows, measures, points } = table;
  const scenes = table.images.length;
  const [values, mean, low, high, curves] = [table.values, table.mean, table.low, table.high, table.curves].map(float32);
  const [weak, lead] = [uint8(table.weak), uint8(table.lead)];
  const value = (row: number, column: number, scene: number) => values[(row * measures.length + column) * scenes + scene];
  const estimate = (row: number, column: number): Estimate | null => {
    const at = row * measures.length + column;
    if (!Number.isFinite(mean[at])) return null;
    let count = 0;
    for (let scene = 0; scene < scenes; scene++) if (Number.isFinite(value(row, column, scene))) count++;
    return { mean: mean[at], low: low[at], high: high[at], count, weak: weak[at] > 0, lead: lead[at] > 0 };
  };
  const curve = (row: number, kind: number, scene: number) => {
    const start = ((row * 2 + kind) * scenes + scene) * points;
    const found = curves.subarray(start, start + points);
    return found.length > 1 && found.every(Number.isFinite) ? found : null;
  };
  return { table, rows, measures, scenes, value, estimate, curve };
}

/** The column of a measure, or else the first. */
export function columnOf(ranking: Ranking, key: string): number {
  return Math.max(0, ranking.measures.findIndex((measure) => measure.key === key));
}

/** Rows from best to worst, or turned around; those without a number last, the random map below all. Without a key in their own order. */
export function ordered(ranking: Ranking, key: string, worstFirst: boolean): string[] {
  const rows = ranking.rows.slice(0, -1);
  const column = ranking.measures.findIndex((measure) => measure.key === key);
  if (column < 0) return [...(worstFirst ? rows.reverse() : rows), ranking.rows.at(-1)!];
  const sign = (ranking.measures[column].better === "high" ? 1 : -1) * (worstFirst ? -1 : 1);
  const place = new Map(rows.map((row, k) => [row, ranking.estimate(k, column)?.mean ?? NaN]));
  rows.sort((a, b) => {
    const [first, second] = [place.get(a)!, place.get(b)!];
    if (Number.isNaN(first) || Number.isNaN(second)) return Number(Number.isNaN(first)) - Number(Number.isNaN(second));
    return sign * (second - first);
  });
  return [...rows, ranking.rows.at(-1)!];
}

/** A number of a measure: as many decimals as its column needs. */
export function figureOf(ranking: Ranking, column: number, value: number): string {
  const { hit, key } = ranking.measures[column];
  if (!Number.isFinite(value)) return "–";
  if (hit) return percent(value, 0);
  const size = Math.abs(value);
  const decimals = key === "cost" ? (size < 9.95 ? 1 : 0) : reach(ranking, column) < 0.1 ? 3 : 2;
  const text = size.toFixed(decimals);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

/** The largest number of a column. */
export function reach(ranking: Ranking, column: number): number {
  let top = 0;
  ranking.rows.forEach((_, row) => {
    const found = ranking.estimate(row, column);
    if (found) top = Math.max(top, found.mean, Number.isFinite(found.high) ? found.high : 0);
  });
  return top;
}

/** The end of the bars of a column: that of the measure's scale, unless all of them would be too short to compare. */
export function scaleOf(ranking: Ranking, column: number): number {
  const [top, used] = [ranking.measures[column].top, reach(ranking, column)];
  if (!top) return used || 1;
  return used < top / 8 && used > 0 ? rounded(used) : top;
}

function rounded(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((step) => step * power >= value) ?? 10);
}

const inSentence = (title: string) => title.charAt(0).toLowerCase() + title.slice(1);

/** What the table says of one measure, in two sentences. */
export function finding(ranking: Ranking, column: number, titles: Map<string, string>): [string, string] {
  const measure = ranking.measures[column];
  const name = inSentence(measure.title);
  const found = ranking.rows.slice(0, -1).map((_, row) => ranking.estimate(row, column));
  const known = found.filter((each) => each !== null);
  const scenes = Math.min(...known.map((each) => each.count));
  if (!known.length || scenes < FEWEST) return ["Too few scenes to say", `That takes ${FEWEST} scenes${ranking.table.done < ranking.scenes ? "; more are on the way" : ": give more"}.`];
  const leaders = ranking.rows.filter((_, row) => found[row]?.lead);
  const over = `over ${scenes} scenes`;
  if (measure.reference && known.every((each) => each.weak)) return [`No method beats a random map in ${name}`, `None is told apart from it, scene by scene, ${over}.`];
  if (known.length === 1) return measure.reference ? [`${titles.get(leaders[0]) ?? leaders[0]} beats a random map in ${name}`, `It is told apart from it, scene by scene, ${over}.`] : [`One method, and its ${name}`, "There is nothing to compare it with."];
  if (leaders.length === 1) return [`${titles.get(leaders[0]) ?? leaders[0]} leads in ${name}`, `It is told apart from every other, scene by scene, ${over}.`];
  if (leaders.length === known.length && known.length > 2) return [`No method leads in ${name}`, `None is told apart from the best, scene by scene, ${over}.`];
  return [`${leaders.length} methods share the lead in ${name}`, `They are not told apart from the best, scene by scene, ${over}.`];
}

/** One cell in words, for the line below the table and for screen readers. */
export function cellText(ranking: Ranking, row: number, column: number, titles: Map<string, string>): string {
  const measure = ranking.measures[column];
  const title = titles.get(ranking.rows[row]) ?? ranking.rows[row];
  const found = ranking.estimate(row, column);
  const random = ranking.rows.length - 1;
  if (!found) return `${measure.title}, ${title}: ${row === random && !measure.reference ? "does not apply" : "not computed yet"}.`;
  const text = (value: number) => figureOf(ranking, column, value);
  const interval = Number.isFinite(found.low) ? `, 95\u202f% interval ${text(found.low)} to ${text(found.high)}` : "";
  const chance = row !== random && measure.reference ? ranking.estimate(random, column) : null;
  const against = chance ? ` Random map: ${text(chance.mean)}.${found.weak ? " Not told apart from it." : ""}` : "";
  return `${measure.title}, ${title}: ${text(found.mean)}${interval}, ${found.count} ${found.count === 1 ? "scene" : "scenes"}.${against}`;
}

export const titlesOf = (methods: MethodInfo[]) => new Map(methods.map(({ key, title }) => [key, title]));
