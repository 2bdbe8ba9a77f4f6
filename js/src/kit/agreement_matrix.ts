/** How alike the maps of every two methods are, as squares in ink. */

import { fill, h, setAttribute, setText, svg } from "./dom";
import { MINUS } from "./numbers";

export interface MatrixView {
  methods: { key: string; title: string; short: string }[];
  chosen: string;
  /** Rank correlation of two methods by their places, or null. */
  rho: (first: number, second: number) => number | null;
}

export interface AgreementMatrix {
  element: HTMLElement;
  show(view: MatrixView): void;
}

const LABELS = 33;
const REST = "Same order across. Larger: more alike.";

/** Two decimals: correlations are not told more finely than they mean. */
export function two(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "–";
  const text = Math.abs(value).toFixed(2);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

export function agreementMatrix(choose: (key: string) => void): AgreementMatrix {
  const plot = svg("svg", { viewBox: "0 0 100 100", role: "img" });
  const caption = h("span", { class: "cnn-small" }, REST);
  const element = h("div", { class: "sv-panel sv-agreement" }, h("header", null, h("h3", { class: "cnn-grow" }, "Agreement")), h("div", { class: "sv-matrix" }, plot), caption);
  let drawn = "";

  const show = (view: MatrixView) => {
    const { methods, chosen } = view;
    const values = methods.map((_, i) => methods.map((__, j) => (i === j ? null : view.rho(i, j))));
    const next = JSON.stringify([methods.map(({ key }) => key), chosen, values]);
    if (next === drawn) return;
    drawn = next;
    setText(caption, REST);
    setAttribute(plot, "aria-label", `Rank correlation of every two maps. ${pairs(view).join(", ")}`);
    fill(plot, ...methods.flatMap((method, i) => [label(method, i, view), ...methods.flatMap((_, j) => cell(i, j, values[i][j], view))]));
  };
  const label = ({ key, short }: MatrixView["methods"][0], i: number, { methods, chosen }: MatrixView) => {
    const strong = key === chosen;
    return svg("text", { class: strong ? "sv-strong" : null, x: LABELS - 3, y: ((i + 0.5) * 100) / methods.length + 1.8, "text-anchor": "end" }, short);
  };
  const cell = (i: number, j: number, rho: number | null, { methods, chosen }: MatrixView) => {
    const [wide, high] = [(100 - LABELS) / methods.length, 100 / methods.length];
    const side = Math.max(0.8, Math.max(0, rho ?? 0) * Math.min(wide, high) * 0.94);
    const strong = methods[i].key === chosen || methods[j].key === chosen;
    const [x, y] = [LABELS + (j + 0.5) * wide, (i + 0.5) * high];
    const square = i === j || rho === null ? null : svg("rect", { class: strong ? "sv-strong" : null, x: x - side / 2, y: y - side / 2, width: side, height: side });
    const words = i === j ? methods[i].title : `${methods[i].title} and ${methods[j].title}: ${two(rho)}`;
    const hit = svg("rect", {
      class: "sv-hit", x: x - wide / 2, y: y - high / 2, width: wide, height: high, onclick: () => choose(methods[i].key),
      onpointerenter: () => setText(caption, words), onpointerleave: () => setText(caption, REST),
    });
    return square ? [square, hit] : [hit];
  };
  return { element, show };
}

function pairs({ methods, rho }: MatrixView): string[] {
  return methods.flatMap((first, i) => methods.slice(i + 1).map((second, k) => `${first.title} and ${second.title} ${two(rho(i, i + 1 + k))}`));
}
