/** All classes of a network with their probabilities; those in view alone exist. A and B are chips in ink. */

import { claim, isDisabled } from "./controls";
import { fill, h, holdsFocus, reveal, setAttribute } from "./dom";
import { typing } from "./keys";
import { message } from "./message";
import { percent } from "./numbers";
import { className } from "./pictures";
import { probabilityBar } from "./predictions";
import { onResize } from "./resize";

export type Letter = "A" | "B";

export interface ClassView {
  labels: string[];
  scores: Float32Array;
  /** Number of classes, which may have no labels. */
  count: number;
  a: number;
  /** -1 when one class is shown. */
  b: number;
  available: (target: number) => boolean;
}

export interface ClassList {
  element: HTMLElement;
  show(view: ClassView): void;
}

const ROW = 32;
/** Chosen classes further down the list than this are repeated above it. */
const NEAR = 8;

/** Classes whose name or number fits, the most probable first. */
export function found({ labels, scores, count, available }: ClassView, text: string): number[] {
  const wanted = text.trim().toLowerCase();
  const fits = (target: number) => !wanted || className(labels, target).toLowerCase().includes(wanted) || String(target) === wanted;
  const able = (target: number) => Number(available(target));
  return [...Array(count).keys()].filter(fits).sort((x, y) => able(y) - able(x) || (scores[y] ?? 0) - (scores[x] ?? 0) || x - y);
}

export function classList(choose: (target: number, letter: Letter) => void, signal: AbortSignal): ClassList {
  let now: ClassView | null = null;
  let listed: number[] = [];
  let basis: unknown[] = [];
  let at = 0;
  const rows = new Map<number, HTMLElement>();
  const search = h("input", { class: "cnn-input", type: "search", "aria-label": "Search classes", oninput: () => { basis = []; at = 0; list.scrollTop = 0; draw(); } });
  const pinned = h("div", { class: "cnn-class-pinned", role: "rowgroup" });
  const room = h("div", { class: "cnn-class-room", role: "rowgroup" });
  const list = h("div", { class: "cnn-class-scroll", role: "presentation" }, room);
  const grid = h("div", { class: "cnn-class-grid", role: "grid", "aria-label": "Classes by probability" }, pinned, list);
  const none = h("div", { class: "cnn-class-none" });
  const element = h("aside", { class: "cnn-classes", "aria-label": "Classes" }, h("header", { class: "cnn-classes-head" }, h("h3", { class: "cnn-title" }, "Classes"), search), grid, none);

  const show = (view: ClassView) => {
    now = view;
    search.placeholder = view.count ? `Search ${view.count} classes` : "Search classes";
    draw();
  };
  const draw = () => {
    if (!now) return;
    const next = [now.labels, now.scores.buffer, now.scores.byteOffset, now.count, now.available, search.value];
    if (next.some((value, k) => value !== basis[k])) relist(found(now, search.value));
    basis = next;
    at = Math.min(at, Math.max(0, listed.length - 1));
    room.style.height = `${listed.length * ROW}px`;
    setAttribute(grid, "aria-rowcount", listed.length);
    const top = search.value ? [] : [now.a, now.b].filter((target, k, all) => target >= 0 && all.indexOf(target) === k && listed.indexOf(target) >= NEAR);
    pinned.hidden = !top.length;
    const pins = [...pinned.children] as HTMLElement[];
    if (top.join() !== pins.map((row) => row.dataset.target).join()) fill(pinned, ...top.map((target) => classRow(now!, target)));
    top.forEach((target, k) => markRow(pinned.children[k] as HTMLElement, now!, target));
    grid.hidden = !listed.length;
    fill(none, listed.length ? null : nothing(now.count));
    if (holdsFocus(room)) reveal(list, at * ROW, ROW, "y");
    fillRows();
  };
  const relist = (next: number[]) => { listed = next; rows.clear(); fill(room); };
  const nothing = (count: number) => count ? message("", "No class of that name", `None of the ${count} classes contains “${search.value}”.`)
    : message("", "No classes yet", "They appear with their probabilities when there is a picture.");
  const fillRows = () => {
    if (!now) return;
    const had = holdsFocus(room);
    const kept = inView();
    for (const [k, row] of rows) if (!kept.includes(k) || Number(row.dataset.target) !== listed[k]) { row.remove(); rows.delete(k); }
    for (const k of kept) {
      if (!rows.has(k)) add(k);
      markRow(rows.get(k)!, now, listed[k]);
      rows.get(k)!.tabIndex = k === at ? 0 : -1;
    }
    if (had) rowAt(at)?.focus({ preventScroll: true });
  };
  /** Rows in view, a few more, and always that of the tab stop. */
  const inView = () => {
    const from = Math.max(0, Math.floor(list.scrollTop / ROW) - 3);
    const to = Math.min(listed.length, Math.ceil((list.scrollTop + (list.clientHeight || 400)) / ROW) + 3);
    const seen = Array.from({ length: Math.max(0, to - from) }, (_, k) => from + k);
    return seen.includes(at) || !listed.length ? seen : [...seen, at];
  };
  const add = (k: number) => {
    const row = classRow(now!, listed[k]);
    row.style.top = `${k * ROW}px`;
    row.setAttribute("aria-rowindex", String(k + 1));
    room.insertBefore(row, rows.get(Math.min(...[...rows.keys()].filter((other) => other > k))) ?? null);
    rows.set(k, row);
  };
  const rowAt = (k: number) => rows.get(k);
  const moveTo = (k: number) => {
    at = Math.max(0, Math.min(listed.length - 1, k));
    reveal(list, at * ROW, ROW, "y");
    fillRows();
    rowAt(at)?.focus({ preventScroll: true });
  };
  const pick = (target: number, letter: Letter) => { if (now?.available(target)) choose(target, letter); };

  const press = (event: MouseEvent) => {
    const row = (event.target as Element).closest<HTMLElement>("[role=row]");
    const chip = (event.target as Element).closest<HTMLElement>("[data-letter]");
    if (!row || isDisabled(row)) return;
    if (room.contains(row)) moveTo(Number(row.getAttribute("aria-rowindex")) - 1);
    pick(Number(row.dataset.target), (chip?.dataset.letter as Letter | undefined) ?? "A");
  };
  const step = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !listed.length) return;
    if (typing(event.target)) return fromSearch(event);
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 }[event.key];
    const letter = ({ a: "A", b: "B", Enter: "A", " ": "A" } as Record<string, Letter>)[event.key];
    if (by === undefined && !letter) return;
    claim(event);
    if (by !== undefined) moveTo(at + by * (event.shiftKey ? 10 : 1));
    // With one picture, moving is choosing; with two, a and b say which.
    if (letter || now!.b < 0) pick(listed[at], letter ?? "A");
  };
  const fromSearch = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") moveTo(at);
    else if (event.key === "Enter") pick(listed[0], "A");
    else return;
    claim(event);
  };
  element.addEventListener("keydown", step);
  grid.addEventListener("click", press);
  list.addEventListener("scroll", fillRows, { passive: true });
  onResize(list, fillRows, signal);
  return { element, show };
}

function classRow({ labels, scores, available }: ClassView, target: number): HTMLElement {
  const name = className(labels, target);
  const share = scores[target];
  const able = available(target);
  return h("div", { class: "cnn-class", role: "row", "data-target": target, "aria-disabled": able ? null : "true" },
    h("span", { role: "gridcell", class: "cnn-class-name cnn-clip", title: name }, name),
    h("span", { role: "gridcell", class: "cnn-num" }, share === undefined ? "" : percent(share || 1e-9)),
    h("span", { role: "gridcell", class: "cnn-chips" }, chip("A", name, able), chip("B", name, able)),
    share === undefined ? null : probabilityBar(share));
}

function chip(letter: Letter, name: string, able: boolean): HTMLElement {
  return h("button", { type: "button", tabindex: -1, "data-letter": letter, "aria-label": `Show ${name} as ${letter}`, "aria-disabled": able ? null : "true" }, letter);
}

/** Say in a row whether it is A, B or neither. */
function markRow(row: HTMLElement, { labels, scores, a, b }: ClassView, target: number): void {
  const share = scores[target];
  const told = className(labels, target) + (share === undefined ? "" : `, ${percent(share)}`);
  setAttribute(row, "aria-selected", target === a || target === b);
  setAttribute(row, "aria-label", told + (target === a ? ", shown as A" : "") + (target === b ? ", shown as B" : ""));
  const [chipA, chipB] = row.querySelectorAll("[data-letter]");
  setAttribute(chipA, "aria-pressed", target === a);
  setAttribute(chipB, "aria-pressed", target === b);
}
