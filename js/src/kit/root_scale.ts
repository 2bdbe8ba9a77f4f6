/** Strengths that differ by decades, drawn on a root scale that says so. */

import { lookup } from "./colormap";
import { h } from "./dom";
import { legend } from "./legend";
import { number } from "./numbers";
import { paintCells, type Field, type PaintOptions } from "./pixels";
import { ticks, type Tick } from "./ticks";

export const rooted = (field: Field): Field => ({ ...field, data: field.data.map((value) => Math.sqrt(Math.abs(value))) });

export const rootPaint = (top: number): PaintOptions => ({ lut: lookup("tide"), low: 0, high: Math.sqrt(top) || 1 });

/** The largest number of a field. */
export function highest(field: Field): number {
  return field.data.reduce((most, value) => (value > most ? value : most), 0);
}

export function paintRoot(canvas: HTMLCanvasElement, field: Field): void {
  paintCells(canvas, rooted(field), rootPaint(highest(field)));
}

/** Round values at their places on a root scale, none nearer to the next than a label is wide. */
export function rootTicks(top: number): Tick[] {
  const kept: Tick[] = [];
  for (const tick of ticks(0, top, 4).reverse()) {
    const at = Math.sqrt(tick.at);
    if (!kept.length || tick.at === 0 || kept.at(-1)!.at - at > 0.3) kept.push({ at, text: tick.text });
  }
  return kept.reverse();
}

export function rootLegend(top: number): HTMLElement {
  return top > 0 ? legend("tide", rootTicks(top), `from 0 to ${number(top)}, root scale`) : h("span", { class: "cnn-small" }, "zero everywhere");
}
