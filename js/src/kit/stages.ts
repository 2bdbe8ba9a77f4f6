/** The stages of a DeconvNet on their way back to the pixels, from Python or out of the page. */

import type { PackedField, SaliencyViewerTraits, StageInfo, Walk as WalkReply } from "../traits";
import { readField } from "./attributions";
import { inflate } from "./inflate";
import { filled, listen, type Model } from "./model";
import { int32, uint8 } from "./ndarray";
import { extent } from "./numbers";
import type { Field } from "./pixels";

export interface Winners {
  height: number;
  width: number;
  /** Columns of the plane that the winners lie in. */
  across: number;
  places: Int32Array;
}

export interface Stage extends Omit<StageInfo, "signal" | "before" | "switches"> {
  signal: Field;
  /** What arrives, and its shape; null at the beginning. */
  before: Field | null;
  arrived: number[];
  switches: Winners | null;
}

export interface Walk extends Omit<WalkReply, "rows" | "pixels"> {
  rows: Stage[];
  /** The channels of the last signal, summed with their signs. */
  pixels: Field | null;
}

export interface Walks {
  get(image: number, target: number, unit: string): Walk | null;
  has(image: number, target: number, unit: string): boolean;
}

const KEPT = 4;

/** A unit's stages are the same for every class. */
export const walkName = (image: number, target: number, unit: string) => `${image}|${unit ? "" : target}|${unit}`;

export const nameOf = (walk: { image: number; target: number; unit: string }) => walkName(walk.image, walk.target, walk.unit);

export function walks(model: Model<SaliencyViewerTraits>, changed: () => void, signal: AbortSignal): Walks {
  const known = new Map<string, Walk>();
  const loading = new Set<string>();
  const entry = (name: string) => {
    const entries = filled(model.get("archive"))?.entries as Record<string, WalkReply> | undefined;
    return Object.values(entries ?? {}).find((each) => each.rows && nameOf(each) === name);
  };
  const keep = (name: string, walk: Walk) => {
    known.delete(name);
    known.set(name, walk);
    for (const oldest of [...known.keys()].slice(0, -KEPT)) known.delete(oldest);
  };
  const read = () => {
    const reply = filled<WalkReply>(model.get("stages"));
    if (reply) keep(nameOf(reply), readWalk(reply));
  };
  const load = async (name: string, packed: WalkReply) => {
    if (loading.has(name)) return;
    loading.add(name);
    keep(name, readWalk(await unpacked(packed)));
    loading.delete(name);
    if (!signal.aborted) changed();
  };
  listen(model, "change:stages", read, signal);
  listen(model, "change:layers", () => known.clear(), signal);
  read();
  return {
    has: (image, target, unit) => known.has(walkName(image, target, unit)) || Boolean(entry(walkName(image, target, unit))),
    get: (image, target, unit) => {
      const name = walkName(image, target, unit);
      const found = known.get(name);
      const packed = found ? undefined : entry(name);
      if (packed) void load(name, packed);
      return found ?? null;
    },
  };
}

async function unpacked(walk: WalkReply): Promise<WalkReply> {
  const open = async <Packed extends object>(packed: Packed): Promise<Packed> => {
    const field = filled<PackedField>(packed as PackedField);
    if (!field) return packed;
    const size = field.height * field.width * 2;
    const bytes = await inflate(uint8(field.data), size);
    return { ...packed, data: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  };
  const rows = await Promise.all(walk.rows.map(async (row) => ({ ...row, signal: await open(row.signal), before: await open(row.before) })));
  return { ...walk, rows, pixels: await open(walk.pixels) };
}

export function readWalk(reply: WalkReply): Walk {
  const rows: Stage[] = [];
  for (const row of reply.rows) {
    const last = rows.at(-1) ?? null;
    const own = filled<PackedField & { shape: number[] }>(row.before as PackedField & { shape: number[] });
    const won = filled<Exclude<StageInfo["switches"], Record<string, never>>>(row.switches as never);
    rows.push({
      ...row, signal: readField(row.signal), before: row.deed === "start" ? null : own ? readField(own) : (last?.signal ?? null), arrived: own?.shape ?? last?.shape ?? [],
      switches: won && { height: won.height, width: won.width, across: won.across, places: int32(won.data) },
    });
  }
  const pixels = filled<PackedField>(reply.pixels as PackedField);
  return { ...reply, rows, pixels: pixels && readField(pixels) };
}

const DEEDS: Record<string, string> = {
  start: "Start", rectify: "Rectify", filter: "Filter", unpool: "Unpool with switches", scale: "Scale", spread: "Spread evenly",
  sum: "Sum", split: "Split", reshape: "Reshape", derivative: "Derivative",
};

export const deedOf = (deed: string) => DEEDS[deed] ?? deed;

/** `64 × 111 × 111`, or how long a vector is. */
export function shapeOf(shape: number[]): string {
  return shape.length === 3 && shape[1] * shape[2] === 1 ? `${shape[0]} values` : extent(...shape);
}

/** A vector has no positions: its values stand in rows, and over no picture. */
export const isVector = ({ shape }: { shape: number[] }) => shape[1] * shape[2] === 1;

/** The module whose operation is undone; what the signal begins with; or a function that belongs to no module. */
export const nameOfStage = ({ layer, deed }: Stage, { unit, called }: Walk) => layer || (deed === "start" ? unit || called : "function");

/** `deconv:features.7` */
export const addressOf = (stage: Stage) => `deconv:${stage.layer || stage.deed}`;
