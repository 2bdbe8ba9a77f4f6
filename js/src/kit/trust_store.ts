/** Maps of methods on scenes that have come from Python or lie in the page. */

import type { TrustBoardTraits, TrustMap } from "../traits";
import { filled, type Model } from "./model";
import { uint8 } from "./ndarray";
import { extremes, type Field } from "./pixels";

export interface SceneMap {
  field: Field;
  /** The end of its color scale, on both sides of 0. */
  top: number;
  /** As many cells as the method gave, which may be more than are shown. */
  full: [height: number, width: number];
  peak: number[];
  why: string;
  low: number;
  high: number;
}

export interface TrustStore {
  get(key: string): SceneMap | null;
  has(key: string): boolean;
}

export const mapKey = (image: number, layer: string, method: string, target: number) => `${image}|${layer}|${method}|${target}`;

/** Fine maps have few very strong pixels: the scale ends where 99 % of them do. */
const FINE = 20;

export function readMap({ height, width, full, low, high, peak, data, why }: TrustMap): SceneMap {
  const step = (high - low) / 255;
  const field = { height, width, data: Float32Array.from(uint8(data), (level) => low + level * step) };
  return { field, full, peak, why, top: topOf(field), ...(field.data.length ? extremes(field.data) : { low: 0, high: 0 }) };
}

function topOf({ data, width }: Field): number {
  const sizes = data.map(Math.abs).sort();
  const at = width > FINE ? Math.floor((sizes.length - 1) * 0.99) : sizes.length - 1;
  return sizes[at] || sizes.at(-1) || 0;
}

export function trustStore(model: Model<TrustBoardTraits>): TrustStore {
  const read = new WeakMap<TrustMap, SceneMap>();
  const find = (key: string): TrustMap | undefined =>
    model.get("heatmaps").find((map) => map.key === key) ?? model.get("kept")[key] ?? (filled(model.get("archive"))?.entries as Record<string, TrustMap> | undefined)?.[key];
  return {
    has: (key) => find(key) !== undefined,
    get: (key) => {
      const entry = find(key);
      if (!entry) return null;
      if (!read.has(entry)) read.set(entry, readMap(entry));
      return read.get(entry)!;
    },
  };
}
