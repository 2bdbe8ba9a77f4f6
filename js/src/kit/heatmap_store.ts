/** Heatmaps that have come from Python or lie in the page, by picture, layer and class. */

import type { GradCAMViewerTraits, HeatmapInfo } from "../traits";
import { Cache } from "./cache";
import { inflate } from "./inflate";
import { forgetReplaced } from "./map_store";
import { filled, listen, type Model } from "./model";
import { float32, uint8 } from "./ndarray";
import { extremes, type Field } from "./pixels";

export interface Cam {
  image: number;
  layer: string;
  target: number;
  field: Field;
  low: number;
  high: number;
  finite: boolean;
  why: string;
}

export interface HeatmapStore {
  get(image: number, layer: string, target: number): Cam | null;
  has(image: number, layer: string, target: number): boolean;
}

export const camKey = (image: number, layer: string, target: number) => `${image}|${layer}|${target}`;

export function readHeatmap({ image, layer, target, height, width, data, why }: HeatmapInfo, bytes: Uint8Array = uint8(data)): Cam {
  const field = { data: float32(bytes), height, width };
  return { image, layer, target, field, why: why ?? "", finite: field.data.every(Number.isFinite), ...extremes(field.data) };
}

export function heatmapStore(model: Model<GradCAMViewerTraits>, changed: () => void, signal: AbortSignal): HeatmapStore {
  const cams = new Cache<Cam>(8e6);
  const loading = new Set<string>();
  const entries = () => filled(model.get("archive"))?.entries as Record<string, HeatmapInfo> | undefined;
  const keep = (cam: Cam) => cams.set(camKey(cam.image, cam.layer, cam.target), cam, cam.field.data.byteLength + 200);
  const read = () => (model.get("heatmaps") ?? []).forEach((heatmap) => keep(readHeatmap(heatmap)));
  const forget = () => { cams.clear(); read(); };
  const load = async (key: string, entry: HeatmapInfo) => {
    if (loading.has(key)) return;
    loading.add(key);
    const bytes = await inflate(uint8(entry.data), entry.height * entry.width * 4);
    loading.delete(key);
    keep(readHeatmap(entry, bytes));
    if (!signal.aborted) changed();
  };
  listen(model, "change:heatmaps", read, signal);
  listen(model, "change:layers", forget, signal);
  listen(model, "change:pictures", forgetReplaced(model, forget), signal);
  read();
  return {
    has: (image, layer, target) => cams.has(camKey(image, layer, target)) || Boolean(entries()?.[camKey(image, layer, target)]),
    get: (image, layer, target) => {
      const key = camKey(image, layer, target);
      const entry = entries()?.[key];
      if (entry && !cams.has(key)) void load(key, entry);
      return cams.get(key) ?? null;
    },
  };
}
