/** Attribution maps that have come from Python or lie in the page, by picture, class, method and layer. */

import type { AttributionInfo, PackedField, SaliencyViewerTraits } from "../traits";
import { Cache } from "./cache";
import { float16 } from "./float16";
import { inflate } from "./inflate";
import { forgetReplaced } from "./map_store";
import { filled, listen, type Model } from "./model";
import { uint8 } from "./ndarray";
import type { Field } from "./pixels";

export interface Attribution extends Omit<AttributionInfo, "data" | "scale"> {
  name: string;
  field: Field;
  /** Where the colors end: 99 % of a fine map lie within, all of a coarse one. */
  top: number;
  whole: boolean;
}

/** Which map: the layer is "" for methods that are not read at one. */
export interface Place {
  image: number;
  target: number;
  method: string;
  layer: string;
}

export interface Attributions {
  get(place: Place): Attribution | null;
  /** The map that Python last told of a method, which may be of an older question. */
  told(method: string): Attribution | null;
  /** It is here, or will be without Python. */
  has(place: Place): boolean;
  /** Rank correlation of the strength of two maps, or null where it is not known. */
  rho(first: string, second: string): number | null;
}

export const nameOf = ({ image, layer, target, method }: Place) => `${image}|${layer}|${target}|${method}`;

const MEMORY = 48e6;
/** Maps with fewer cells than this are shown to their last one. */
const COARSE = 400;

export function readField(packed: PackedField, bytes: Uint8Array = uint8(packed.data)): Field {
  return { data: float16(bytes, packed.scale), height: packed.height, width: packed.width };
}

export function readAttribution(info: AttributionInfo, bytes?: Uint8Array): Attribution {
  const field = readField(info, bytes);
  return { ...info, name: nameOf(info), field, top: topOf(field.data), whole: info.done >= info.total };
}

/** The size that 99 % of the values do not exceed; of few values the largest. */
export function topOf(values: Float32Array): number {
  const sizes = values.map(Math.abs).filter(Number.isFinite).sort();
  const top = sizes[sizes.length > COARSE ? Math.floor(sizes.length * 0.99) : sizes.length - 1] ?? 0;
  return top > 0 ? top : (sizes.at(-1) ?? 0);
}

export function attributions(model: Model<SaliencyViewerTraits>, changed: () => void, signal: AbortSignal): Attributions {
  const maps = new Cache<Attribution>(MEMORY);
  const ranks = new Map<string, AttributionInfo["rho"]>();
  const loading = new Set<string>();
  const seen = new WeakMap<DataView, string>();
  const entries = () => filled(model.get("archive"))?.entries as Record<string, AttributionInfo> | undefined;
  const keep = (map: Attribution) => maps.set(map.name, map, map.field.data.byteLength + 400);

  const take = (info: AttributionInfo) => {
    const name = nameOf(info);
    ranks.set(name, info.rho);
    // The list comes again with each map that is added to it: those known are not read anew.
    if (seen.get(info.data) === name && maps.has(name)) return;
    seen.set(info.data, name);
    keep(readAttribution(info));
  };
  const read = () => (model.get("heatmaps") ?? []).forEach(take);
  const readPart = () => {
    const part = filled<AttributionInfo>(model.get("partial"));
    if (part) keep(readAttribution(part));
  };
  const forget = () => { maps.clear(); ranks.clear(); read(); readPart(); };
  const load = async (name: string, entry: AttributionInfo) => {
    if (loading.has(name)) return;
    loading.add(name);
    const bytes = await inflate(uint8(entry.data), entry.height * entry.width * 2);
    loading.delete(name);
    keep(readAttribution(entry, bytes));
    if (!signal.aborted) changed();
  };

  listen(model, "change:heatmaps", read, signal);
  listen(model, "change:partial", readPart, signal);
  listen(model, "change:layers", forget, signal);
  listen(model, "change:pictures", forgetReplaced(model, forget), signal);
  read();
  readPart();
  const rhoOf = (name: string) => ranks.get(name) ?? entries()?.[name]?.rho;
  return {
    has: (place) => (maps.get(nameOf(place))?.whole ?? false) || Boolean(entries()?.[nameOf(place)]),
    get: (place) => {
      const name = nameOf(place);
      const entry = entries()?.[name];
      if (entry && !maps.has(name)) void load(name, entry);
      return maps.get(name) ?? null;
    },
    told: (method) => {
      const info = (model.get("heatmaps") ?? []).find((each) => each.method === method && !each.failed);
      return info ? (maps.get(nameOf(info)) ?? null) : null;
    },
    rho: (first, second) => rhoOf(first)?.[second] ?? rhoOf(second)?.[first] ?? null,
  };
}

/** How well each of some maps agrees with the others: the mean of its rank correlations. */
export function agreement(store: Attributions, names: string[]): (number | null)[] {
  return names.map((name) => {
    const known = names.filter((other) => other !== name).map((other) => store.rho(name, other)).filter((rho) => rho !== null);
    return known.length ? known.reduce((sum, rho) => sum + rho, 0) / known.length : null;
  });
}
