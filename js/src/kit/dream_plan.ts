/** A dream in words: which octave or zoom a step belongs to, and how many there are. */

import type { DreamPlan, DreamSection } from "../traits";
import { extent, THIN } from "./numbers";

export function sectionAt(plan: DreamPlan, step: number): DreamSection | null {
  return plan.sections.find((each) => step >= each.first && step <= each.last) ?? null;
}

export const countOf = (plan: DreamPlan, kind: DreamSection["kind"]) => plan.sections.filter((each) => each.kind === kind).length;

/** `octave 2 of 4 (131 × 98 px), step 5 of 10` */
export function whereIs(plan: DreamPlan, step: number): string {
  const section = sectionAt(plan, step);
  if (!section) return "the photo";
  const size = section.kind === "octave" ? ` (${extent(section.width, section.height)}${THIN}px)` : "";
  return `${section.kind} ${section.number} of ${countOf(plan, section.kind)}${size}, step ${step - section.first + 1} of ${section.last - section.first + 1}`;
}

/** (height, width) of the octaves, as the engine counts them: those below 16 pixels are left out. */
export function octaveSizes(height: number, width: number, count: number, ratio: number): [height: number, width: number][] {
  const sizes = Array.from({ length: count }, (_, k): [number, number] => {
    const scale = ratio ** (k - count + 1);
    return [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
  });
  return sizes.filter((size, k) => k === count - 1 || Math.min(...size) >= 16);
}
