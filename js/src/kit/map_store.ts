/** Activation maps that have come from Python or lie in the page, by picture and layer. */

import type { LayerExplorerTraits, Maps as MapsReply, Unit as UnitReply } from "../traits";
import { Cache } from "./cache";
import { inflate } from "./inflate";
import { bytesOf, mapsKey, readMaps, type Maps } from "./maps";
import { filled, listen, type Model } from "./model";
import { float32, uint8 } from "./ndarray";
import type { Field } from "./pixels";

export interface Unit {
  field: Field;
  similar: number[];
}

export interface MapStore {
  maps(image: number, layer: string): Maps | null;
  unit(image: number, layer: string, channel: number): Unit | null;
  /** It is here, or will be without Python. */
  has(image: number, layer: string): boolean;
}

const MEMORY = 16e6;

export function mapStore(model: Model<LayerExplorerTraits>, changed: () => void, signal: AbortSignal): MapStore {
  const maps = new Cache<Maps>(MEMORY);
  const units = new Cache<Unit>(MEMORY / 4);
  const loading = new Set<string>();
  const entries = () => filled(model.get("archive"))?.entries as Record<string, MapsReply> | undefined;
  const keep = (found: Maps) => maps.set(mapsKey(found.image, found.layer), found, bytesOf(found));

  const readReply = () => {
    const reply = filled<MapsReply>(model.get("maps") as MapsReply);
    if (reply) keep(readMaps(reply));
  };
  const readUnit = () => {
    const reply = filled<UnitReply>(model.get("unit") as UnitReply);
    if (!reply) return;
    const field = { data: float32(reply.data), height: reply.height, width: reply.width };
    units.set(unitKey(reply.image, reply.layer, reply.channel), { field, similar: reply.similar ?? [] }, reply.data.byteLength);
  };
  const forget = () => { maps.clear(); units.clear(); readReply(); readUnit(); };
  const load = async (key: string, entry: MapsReply) => {
    if (loading.has(key)) return;
    loading.add(key);
    const data = await inflate(uint8(entry.data), entry.channels * entry.height * entry.width);
    loading.delete(key);
    keep(readMaps(entry, data));
    if (!signal.aborted) changed();
  };

  listen(model, "change:maps", readReply, signal);
  listen(model, "change:unit", readUnit, signal);
  // Other pictures or another network: what is kept may be of something else by the same number or name.
  listen(model, "change:layers", forget, signal);
  listen(model, "change:pictures", forgetReplaced(model, forget), signal);
  readReply();
  readUnit();
  return {
    has: (image, layer) => maps.has(mapsKey(image, layer)) || Boolean(entries()?.[mapsKey(image, layer)]),
    unit: (image, layer, channel) => units.get(unitKey(image, layer, channel)) ?? null,
    maps: (image, layer) => {
      const key = mapsKey(image, layer);
      const entry = entries()?.[key];
      if (entry && !maps.has(key)) void load(key, entry);
      return maps.get(key) ?? null;
    },
  };
}

const unitKey = (image: number, layer: string, channel: number) => `${image}|${layer}|${channel}`;

/** Pictures that were only added to leave the others where they were. */
export function forgetReplaced(model: Model<any>, forget: () => void): () => void {
  const names = () => (model.get("pictures") as { name: string; data: DataView }[]).map(({ name, data }) => `${name}/${data?.byteLength}`);
  let before = names();
  return () => {
    const after = names();
    if (before.some((name, k) => name !== after[k])) forget();
    before = after;
  };
}
