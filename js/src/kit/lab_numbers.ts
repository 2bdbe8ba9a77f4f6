/** Response and distance along both ascents, and both at the step that is shown or pointed at. */

import type { LabReference } from "../traits";
import { ascentChart } from "./ascent_chart";
import { fill, h, setText, svg } from "./dom";
import type { Shown, Side } from "./lab_field";
import { valueAt, type Run } from "./lab_run";
import { number } from "./numbers";

export interface NumbersView {
  side: Side;
  sides: Record<Side, Shown>;
  reference: LabReference | null;
  objective: string;
}

export interface LabNumbers {
  element: HTMLElement;
  show(view: NumbersView): void;
}

export function labNumbers(): LabNumbers {
  let view: NumbersView;
  let pointed: number | null = null;
  const point = (step: number | null) => { if (step !== pointed) { pointed = step; draw(); } };
  const response = ascentChart("Response", "responses", point);
  const distance = ascentChart("Distance", "distances", point);
  const table = h("div", { class: "fl-numbers", role: "table", "aria-label": "A and B at the step shown" });
  const how = h("p", { class: "cnn-small" });
  const element = h("aside", { class: "fl-curves", "aria-label": "Curves" }, response.element, distance.element, h("div", { class: "fl-told" }, table, how));

  const draw = () => {
    const runs = [view.sides.A.run, view.sides.B.run] as [Run | null, Run | null];
    element.hidden = !runs.some(Boolean);
    const last = Math.max(1, ...runs.map((run) => run?.total ?? 0));
    const step = pointed ?? view.sides[view.side].step;
    const { reference } = view;
    response.show({ runs, step, last, about: view.objective });
    distance.element.hidden = !reference;
    if (reference) distance.show({ runs, step, last, about: reference.kind === "patch" ? "To the patch" : "To the reference" });
    // Both where pointed at; else each at the step of its own that is shown.
    const at = (side: Side) => pointed ?? view.sides[side].step;
    const value = (side: Side, name: "responses" | "distances") => valueAt(view.sides[side].run, name, at(side));
    const text = (found: number) => (Number.isNaN(found) ? "–" : number(found));
    const far = (found: number) => (Number.isNaN(found) ? "–" : found < 10 ? found.toFixed(3) : number(found));
    const cells = (name: string, of: (side: Side) => string) => row("rowheader", name, of("A"), of("B"));
    // A mean square is no activation, so it is not compared with one.
    const patch = view.objective.includes("square") ? null : reference?.response;
    fill(table,
      row("columnheader", "", key("A"), key("B")),
      cells("Step", (side) => (view.sides[side].run ? String(Math.min(at(side), view.sides[side].run!.done)) : "–")),
      cells("Response", (side) => text(value(side, "responses"))),
      patch ? cells("× patch’s peak", (side) => text(value(side, "responses") / patch)) : null,
      reference ? cells("Distance", (side) => far(value(side, "distances"))) : null);
    setText(how, reference?.distance ?? "");
  };
  return { element, show: (next) => { view = next; draw(); } };
}

function row(role: string, name: string, ...cells: (string | Node)[]): HTMLElement {
  const own = role === "columnheader" ? role : "cell";
  return h("div", { role: "row" }, h("span", { role: role === "columnheader" ? "cell" : role }, name), ...cells.map((cell) => h("span", { role: own, class: "cnn-num" }, cell)));
}

function key(side: Side): HTMLElement {
  return h("span", { class: "fl-line-key" }, svg("svg", { viewBox: "0 0 20 8", "aria-hidden": "true" }, svg("path", { class: side === "B" ? "cnn-chart-line cnn-chart-dashed" : "cnn-chart-line", d: "M0 4H20" })), side);
}
