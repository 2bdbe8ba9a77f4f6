import { expect, test } from "vitest";
import { channelFilter } from "../src/kit/channel_filter";
import { lookup } from "../src/kit/colormap";
import { countBins } from "../src/kit/histogram";
import { broken, mostSimilar, ordered, paintSheet, rank, readMaps, silent, tileSize, tileValues } from "../src/kit/maps";
import { bytes, floats, ints, maps } from "./states";

const all = () => true;
const signed = () => readMaps({ ...maps(0, "a"), channels: 1, lo: floats(-4), hi: floats(2), mean: floats(0), zeros: floats(0), peak: ints(0), data: bytes(0, 170, 255, 0) });

test("a level stands for lo + level / 255 (hi - lo)", () => {
  expect([...tileValues(readMaps(maps(0, "a")), 0)]).toEqual([0, 2, 4, 10]);
});

test("each map uses all colors up to its own maximum, and NaN is transparent", () => {
  const lut = lookup("tide");
  const sheet = paintSheet(readMaps(maps(0, "a")), "map", lut);
  expect([...sheet.slice(0, 4)]).toEqual([lut[0], lut[51], lut[102], lut[255]]);
  expect([...sheet.slice(4, 8)]).toEqual([lut[0], lut[0], lut[0], lut[0]]);
  expect([...sheet.slice(8, 12)]).toEqual([0, 0, 0, 0]);
});

test("the colors of signed maps have zero in the middle and the larger side at the end", () => {
  const lut = lookup("polar");
  const [low, zero, high] = paintSheet(signed(), "map", lut);
  expect(low).toBe(lut[0]);
  expect(zero).toBe(lut[128]);
  expect(high).toBe(lut[191]);
});

test("one scale for the layer keeps small maps dark", () => {
  const two = readMaps({ ...maps(0, "a"), hi: floats(10, 5, NaN), data: bytes(255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0) });
  const lut = lookup("tide");
  expect(paintSheet(two, "layer", lut)[4]).toBe(lut[128]);
  expect(paintSheet(two, "map", lut)[4]).toBe(lut[255]);
});

test("a sheet of the right size is used again and written over", () => {
  const first = paintSheet(readMaps(maps(0, "a")), "map", lookup("tide"));
  const second = paintSheet(readMaps(maps(0, "a")), "map", lookup("gray"), first);
  expect(second).toBe(first);
  expect(second[3]).toBe(lookup("gray")[255]);
});

test("silent channels have no positive value or are constant; a single value only if it is zero", () => {
  const some = readMaps(maps(0, "a"));
  expect([0, 1].map((c) => silent(some, c))).toEqual([false, true]);
  expect([broken(some, 1), broken(some, 2)]).toEqual([false, true]);
  const vector = readMaps({ ...maps(0, "a"), height: 1, width: 1, full: [1, 1], lo: floats(-2, 0, 3), hi: floats(-2, 0, 3) });
  expect([0, 1, 2].map((c) => silent(vector, c))).toEqual([false, true, false]);
});

test("NaN channels come last however the rest is sorted, but keep their number", () => {
  const some = readMaps({ ...maps(0, "a"), lo: floats(NaN, 0, 0), mean: floats(NaN, 1, 2), hi: floats(NaN, 9, 3), zeros: floats(0, 0.5, 0.1) });
  expect(ordered(some, "mean", all)).toEqual([2, 1, 0]);
  expect(ordered(some, "max", all)).toEqual([1, 2, 0]);
  expect(ordered(some, "zeros", all)).toEqual([2, 1, 0]);
  expect(ordered(some, "channel", all)).toEqual([0, 1, 2]);
  expect(rank(some, 1)).toBe(2);
});

test("infinite maps are no measure for the others", () => {
  const some = readMaps({ ...maps(0, "a"), hi: floats(10, Infinity, NaN) });
  expect([0, 1, 2].map((c) => broken(some, c))).toEqual([false, true, true]);
  expect(paintSheet(some, "layer", lookup("tide"))[3]).toBe(lookup("tide")[255]);
  expect(ordered(some, "max", all)[0]).toBe(0);
});

test("the most similar maps leave out the map itself and silent ones", () => {
  expect(mostSimilar(readMaps({ ...maps(0, "a"), lo: floats(0, 0, 0), hi: floats(10, 0, 2), data: bytes(0, 51, 102, 255, 0, 0, 0, 0, 1, 2, 3, 4) }), 0)).toEqual([2]);
});

test("tiles are whole multiples near 54 pixels", () => {
  expect([27, 13, 28, 37, 7, 55, 64].map((side) => tileSize(side, side).width)).toEqual([54, 52, 56, 74, 56, 55, 64]);
  expect(tileSize(10, 20)).toEqual({ width: 60, height: 30, times: 3 });
});

test("a filter takes numbers, ranges either way round and the dead", () => {
  const passing = (text: string) => [...Array(25).keys()].filter(channelFilter(text, (c) => c === 20).test);
  expect(passing("3, 10-12, dead")).toEqual([3, 10, 11, 12, 20]);
  expect(passing("12 – 10")).toEqual([10, 11, 12]);
  expect(passing(" ")).toHaveLength(25);
  expect(passing("-4")).toEqual([]);
  expect(channelFilter("3, x, 1-", () => false).unknown).toEqual(["x", "1-"]);
});

test("histograms count every number once, the largest in the last bar", () => {
  expect(countBins([0, 0, 1, 5, 10, NaN], 0, 10, 5)).toEqual([3, 0, 1, 0, 1]);
  expect(countBins([4, 4], 4, 4, 3)).toEqual([2, 0, 0]);
});
