/** What is known of all units of a layer: how far they are, how strongly they answer, which are alike; and their order. */

import type { FilterWall as WallReply } from "../traits";
import { channelFilter } from "./channel_filter";
import { float32, int32, uint8 } from "./ndarray";

export interface Wall {
  layer: string;
  key: string;
  channels: number;
  size: number[];
  steps: number;
  marks: number[];
  seed: number;
  recipe: string;
  pictures: number;
  seen: number;
  unreadable: string[];
  unread: string;
  done: Int32Array;
  score: Float32Array;
  /** The largest activation over the data set, and the share of its pictures that wake the unit; empty without one. */
  peak: Float32Array;
  frequency: Float32Array;
  notes: Map<number, string>;
  profile: Int8Array;
  probe: string;
}

export type Order = "channel" | "response" | "activation" | "frequency" | "likeness";

/** Steps that have come by message since count, where the pictures are still the same ones. */
export function readWall(reply: WallReply, before: Wall | undefined): Wall {
  const { layer, key, channels, size, steps, marks, seed, recipe, pictures, seen, unreadable, unread, probe } = reply;
  const [done, score] = [int32(reply.done).slice(), float32(reply.score).slice()];
  if (before?.key === key) for (let c = 0; c < channels; c++) if (before.done[c] > done[c]) [done[c], score[c]] = [before.done[c], before.score[c]];
  const notes = new Map(Object.entries(reply.notes ?? {}).map(([channel, why]) => [Number(channel), why]));
  const bytes = uint8(reply.profile);
  const profile = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { layer, key, channels, size, steps, marks, seed, recipe, pictures, seen, unreadable: unreadable ?? [], unread: unread ?? "", probe, done, score, notes, profile, peak: float32(reply.peak), frequency: float32(reply.frequency) };
}

export const finished = (wall: Wall, channel: number) => wall.done[channel] >= wall.steps;

export const countFinished = (wall: Wall) => wall.done.reduce((sum, done) => sum + Number(done >= wall.steps), 0);

/** Nothing came of it, or no picture of the data set wakes it. */
export function dead(wall: Wall, channel: number): boolean {
  return wall.notes.has(channel) || (wall.seen > 0 && wall.frequency[channel] === 0);
}

/** A word for why nothing came. */
export function deadWord(wall: Wall, channel: number): string {
  const why = wall.notes.get(channel);
  return why === undefined ? "" : /nan|not a number|finite/i.test(why) ? "NaN" : "silent";
}

/** The correlation of each unit's answers with those of one, NaN for units that never differ. */
export function likeness(wall: Wall, channel: number): Float32Array {
  const known = correlations.get(wall.profile);
  if (known?.channel === channel) return known.values;
  const values = correlated(wall, channel);
  correlations.set(wall.profile, { channel, values });
  return values;
}

/** Those of the last unit asked about, of each wall: the chosen unit is drawn ten times a second. */
const correlations = new WeakMap<Int8Array, { channel: number; values: Float32Array }>();

function correlated(wall: Wall, channel: number): Float32Array {
  const depth = wall.profile.length / wall.channels;
  const row = (c: number) => wall.profile.subarray(c * depth, (c + 1) * depth);
  const own = row(channel);
  const length = (values: Int8Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const ownLength = length(own);
  return Float32Array.from({ length: wall.channels }, (_, c) => {
    const other = row(c);
    return own.reduce((sum, value, k) => sum + value * other[k], 0) / (ownLength * length(other));
  });
}

/** The units most like one, best first. */
export function mostAlike(wall: Wall, channel: number, count = 5): number[] {
  if (!wall.profile.length) return [];
  const found = likeness(wall, channel);
  return [...found.keys()].filter((c) => c !== channel && found[c] > 0).sort((a, b) => found[b] - found[a]).slice(0, count);
}

/** Which orders can be had now. */
export function available(wall: Wall | null, order: Order): boolean {
  if (order === "activation" || order === "frequency") return Boolean(wall?.peak.length);
  return order !== "likeness" || Boolean(wall?.profile.length);
}

/** Channels that pass what is typed, in the order asked for; those that are not known come last. `alike` is the unit that likeness is to. */
export function ordered(wall: Wall, order: Order, text: string, alike: number): number[] {
  const { test } = channelFilter(text, (channel) => dead(wall, channel));
  const list = [...Array(wall.channels).keys()].filter(test);
  if (order === "channel" || !available(wall, order)) return list;
  const values = { response: wall.score, activation: wall.peak, frequency: wall.frequency, likeness: order === "likeness" ? likeness(wall, Math.max(0, alike)) : wall.score }[order];
  const value = (channel: number) => (channel === alike && order === "likeness" ? Infinity : Number.isNaN(values[channel]) ? -Infinity : values[channel]);
  return list.sort((a, b) => (value(a) === value(b) ? 0 : value(b) - value(a)) || a - b);
}
