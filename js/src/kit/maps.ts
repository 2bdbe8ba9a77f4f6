/** The activation maps of one layer for one picture, and their colors. */

import type { Maps as MapsReply } from "../traits";
import { float32, int32, uint8 } from "./ndarray";

export interface Maps {
  image: number;
  layer: string;
  channels: number;
  height: number;
  width: number;
  full: [height: number, width: number];
  lo: Float32Array;
  hi: Float32Array;
  mean: Float32Array;
  zeros: Float32Array;
  peak: Int32Array;
  data: Uint8Array;
  /** Some value is below zero, so colors have their middle at zero. */
  signed: boolean;
}

export type Scale = "map" | "layer";

export const mapsKey = (image: number, layer: string) => `${image}|${layer}`;

export function readMaps(reply: MapsReply, data: Uint8Array = uint8(reply.data)): Maps {
  const { image, layer, channels, height, width, full } = reply;
  const lo = float32(reply.lo);
  return {
    image, layer, channels, height, width, full, data, lo,
    hi: float32(reply.hi), mean: float32(reply.mean), zeros: float32(reply.zeros), peak: int32(reply.peak),
    signed: lo.some((value) => value < 0),
  };
}

export function bytesOf(maps: Maps): number {
  return maps.data.byteLength + maps.channels * 20;
}

/** NaN or infinite values: nothing to draw or to sort by. */
export const broken = (maps: Maps, channel: number) => !Number.isFinite(maps.hi[channel] - maps.lo[channel]);

/** No positive value, or the same everywhere. A single value is only silent where it is zero. */
export function silent(maps: Maps, channel: number): boolean {
  const [lo, hi] = [maps.lo[channel], maps.hi[channel]];
  return maps.full[0] * maps.full[1] <= 1 ? hi === 0 : hi <= 0 || lo === hi;
}

/** The value shown as the last color (and with the opposite sign as the first, if signed). */
export function reach(maps: Maps, channel: number): number {
  return Math.max(maps.hi[channel], maps.signed ? -maps.lo[channel] : 0);
}

export function layerReach(maps: Maps): number {
  let top = 0;
  for (let c = 0; c < maps.channels; c++) if (!broken(maps, c) && reach(maps, c) > top) top = reach(maps, c);
  return top;
}

/** The values of one map at tile resolution. */
export function tileValues(maps: Maps, channel: number): Float32Array {
  const size = maps.height * maps.width;
  const step = (maps.hi[channel] - maps.lo[channel]) / 255;
  return Float32Array.from(maps.data.subarray(channel * size, (channel + 1) * size), (level) => maps.lo[channel] + level * step);
}

/** Colors of all maps, one below the other in one array of pixels: `into`, if it has the right size. */
export function paintSheet(maps: Maps, scale: Scale, lut: Uint32Array, into?: Uint32Array): Uint32Array {
  const size = maps.height * maps.width;
  const sheet = into?.length === maps.channels * size ? into : new Uint32Array(maps.channels * size);
  const colors = new Uint32Array(256);
  const top = layerReach(maps);
  for (let c = 0; c < maps.channels; c++) {
    mapColors(maps, c, scale === "layer" ? top : reach(maps, c), lut, colors);
    for (let i = c * size; i < (c + 1) * size; i++) sheet[i] = colors[maps.data[i]];
  }
  return sheet;
}

/** The color of each of the 256 levels of one map. NaN is transparent. */
function mapColors(maps: Maps, c: number, top: number, lut: Uint32Array, colors: Uint32Array): void {
  if (broken(maps, c)) return void colors.fill(0);
  const perUnit = top > 0 ? (maps.signed ? 127.5 : 255) / top : 0;
  const gain = ((maps.hi[c] - maps.lo[c]) / 255) * perUnit;
  const bias = (maps.signed ? 127.5 : 0) + maps.lo[c] * perUnit + 0.5;
  for (let level = 0; level < 256; level++) {
    const place = (level * gain + bias) | 0;
    colors[level] = lut[place < 0 ? 0 : place > 255 ? 255 : place];
  }
}

export type SortKey = "mean" | "max" | "zeros" | "channel";

/** Channels that pass the filter, in the order asked for; NaN channels come last. */
export function ordered(maps: Maps, sort: SortKey, passes: (channel: number) => boolean): number[] {
  const key = { mean: (c: number) => -maps.mean[c], max: (c: number) => -maps.hi[c], zeros: (c: number) => maps.zeros[c], channel: (c: number) => c }[sort];
  const value = (c: number) => (broken(maps, c) && sort !== "channel" ? Infinity : key(c));
  return [...Array(maps.channels).keys()].filter(passes).sort((a, b) => compare(value(a), value(b)) || a - b);
}

const compare = (a: number, b: number) => (a === b ? 0 : a - b);

/** Place among all channels by mean, from 1. */
export function rank(maps: Maps, channel: number): number {
  let above = 0;
  for (let c = 0; c < maps.channels; c++) if (maps.mean[c] > maps.mean[channel]) above++;
  return above + 1;
}

/** The channels whose maps point most nearly the same way (cosine). For pages where Python cannot be asked. */
export function mostSimilar(maps: Maps, channel: number, count = 5): number[] {
  const own = tileValues(maps, channel);
  const scores = [...Array(maps.channels).keys()].filter((c) => c !== channel && !silent(maps, c) && !broken(maps, c));
  const nearness = new Map(scores.map((c) => [c, cosine(own, tileValues(maps, c))]));
  return scores.sort((a, b) => nearness.get(b)! - nearness.get(a)!).slice(0, count);
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) ((dot += a[i] * b[i]), (aa += a[i] * a[i]), (bb += b[i] * b[i]));
  return aa && bb ? dot / Math.sqrt(aa * bb) : 0;
}

/** On-screen size of a tile: a whole multiple of its resolution near `wish` pixels. */
export function tileSize(height: number, width: number, wish = 54): { width: number; height: number; times: number } {
  const side = Math.max(height, width, 1);
  const low = Math.max(1, Math.floor(wish / side));
  const times = Math.abs(Math.log((low * side) / wish)) <= Math.abs(Math.log(((low + 1) * side) / wish)) ? low : low + 1;
  return { width: width * times, height: height * times, times };
}
