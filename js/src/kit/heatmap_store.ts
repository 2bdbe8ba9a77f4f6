/** Heatmaps that have come from Python or lie in the page, by what they answer. */

import type { GradCAMViewerTraits, HeatmapInfo } from "../traits";
import { Cache } from "./cache";
import { CAM_METHODS, type CamMethodName } from "./cam_methods";
import { inflate } from "./inflate";
import { forgetReplaced } from "./map_store";
import { filled, listen, type Model } from "./model";
import { float32, uint8 } from "./ndarray";
import { extremes, type Field } from "./pixels";

/** One map: of which picture, made how, where, of which class, against which (-1: none), for which place (none: the whole). */
export interface CamQuestion {
  image: number;
  layer: string;
  target: number;
  against: number;
  method: CamMethodName;
  place: number[];
}

export interface Cam extends CamQuestion {
  field: Field;
  low: number;
  high: number;
  finite: boolean;
  why: string;
  /** The share of it that is computed. */
  done: number;
}

export interface HeatmapStore {
  get(question: CamQuestion): Cam | null;
  /** It is here as a whole, or will be without Python. */
  has(question: CamQuestion): boolean;
  /** Every question whose map lies in the page. */
  archived(): CamQuestion[];
}

/** What differs from plain Grad-CAM of a class stands at the end; Python writes the same. */
export function camKey({ image, layer, target, against, method, place }: CamQuestion): string {
  const parts = [image, layer, target, ...(method === "grad_cam" ? [] : [method]), ...(against < 0 ? [] : [`-${against}`]), ...(place.length ? [`@${place.join()}`] : [])];
  return parts.join("|");
}

/** Pages saved by an earlier version lack what came later. */
function questionOf({ image, layer, target, against = -1, method = "grad_cam", place = [] }: HeatmapInfo): CamQuestion {
  return { image, layer, target, against, method: method as CamMethodName, place };
}

export function readHeatmap(info: HeatmapInfo, bytes: Uint8Array = uint8(info.data)): Cam {
  const field = { data: float32(bytes), height: info.height, width: info.width };
  return cam(questionOf(info), field, info.why ?? "", info.done ?? 1);
}

function cam(question: CamQuestion, field: Field, why: string, done: number): Cam {
  return { ...question, field, why, done, finite: field.data.every(Number.isFinite), ...extremes(field.data) };
}

export function heatmapStore(model: Model<GradCAMViewerTraits>, changed: () => void, signal: AbortSignal): HeatmapStore {
  const cams = new Cache<Cam>(8e6);
  const loading = new Set<string>();
  const entries = () => filled(model.get("archive"))?.entries as Record<string, HeatmapInfo> | undefined;
  const keep = (found: Cam) => {
    const key = camKey(found);
    if (found.done < 1 && cams.get(key)?.done === 1) return;
    cams.set(key, found, found.field.data.byteLength + 200);
  };
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
  const whole = (key: string) => cams.get(key)?.done === 1 || Boolean(entries()?.[key]);
  const has = (question: CamQuestion) => whole(camKey(question)) || (halves(question)?.every((half) => whole(camKey(half))) ?? false);
  const get = (question: CamQuestion): Cam | null => {
    const key = camKey(question);
    const entry = entries()?.[key];
    if (entry && !cams.has(key)) void load(key, entry);
    return cams.get(key) ?? subtracted(question);
  };
  const subtracted = (question: CamQuestion): Cam | null => {
    const [a, b] = halves(question)?.map(get) ?? [];
    if (!a || !b || a.done < 1 || b.done < 1 || a.field.data.length !== b.field.data.length) return null;
    const made = cam(question, { ...a.field, data: a.field.data.map((value, k) => value - b.field.data[k]) }, "", 1);
    keep(made);
    return made;
  };
  listen(model, "change:heatmaps", read, signal);
  listen(model, "change:layers", forget, signal);
  listen(model, "change:pictures", forgetReplaced(model, forget), signal);
  read();
  return { has, get, archived: () => Object.values(entries() ?? {}).map(questionOf) };
}

/** For methods where it is the same: the two maps whose difference sets one class against another. Fused maps are scaled first. */
function halves(question: CamQuestion): CamQuestion[] | null {
  if (question.against < 0 || !CAM_METHODS[question.method].linear || question.layer.includes(" + ")) return null;
  return [{ ...question, against: -1 }, { ...question, target: question.against, against: -1 }];
}
