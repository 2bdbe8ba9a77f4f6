import { expect, test } from "vitest";
import { extent, number, percent } from "../src/kit/numbers";
import { ticks } from "../src/kit/ticks";

test("numbers have three significant digits and a true minus", () => {
  expect([47.23, 253.4, -31.72, 0, 0.04567, 12345].map((value) => number(value))).toEqual(["47.2", "253", "−31.7", "0", "0.0457", "12345"]);
});

test("very small and very large numbers are written as powers", () => {
  expect(number(0.00012)).toBe("1.2e−4");
  expect(number(-2.5e9)).toBe("−2.5e9");
});

test("what is no number says so", () => {
  expect(number(NaN)).toBe("NaN");
  expect(number(-Infinity)).toBe("−∞");
});

test("percentages show more digits below 0.1 and a bound below 0.01", () => {
  expect([0.805, 0.0004, 0.00001, 0, 0.9999].map((share) => percent(share).replace("\u202f", " "))).toEqual(["80.5 %", "0.04 %", "<0.01 %", "0 %", "100 %"]);
});

test("extents have thin spaces", () => expect(extent(512, 13, 13)).toBe("512\u202f×\u202f13\u202f×\u202f13"));

test("ticks are round and stand at their true place", () => {
  const list = ticks(0, 253, 5);
  expect(list.map((tick) => tick.text)).toEqual(["0", "50", "100", "150", "200", "250"]);
  for (const { at, text } of list) expect(at).toBeCloseTo(Number(text) / 253, 9);
});

test("ticks of a range about zero hold zero in the middle", () => {
  const list = ticks(-0.62, 0.62, 4);
  expect(list.find((tick) => tick.text === "0")?.at).toBeCloseTo(0.5, 9);
  expect(list[0].text.startsWith("−")).toBe(true);
});

test("no tick lies outside of the range", () => {
  expect(ticks(7, 93, 4).map((tick) => tick.text)).toEqual(["20", "40", "60", "80"]);
});

test("a range without extent has no ticks", () => {
  expect(ticks(3, 3)).toEqual([]);
  expect(ticks(0, NaN)).toEqual([]);
  expect(ticks(0, Infinity)).toEqual([]);
});

test("a narrow axis has two ticks at least", () => {
  for (const high of [0.055, 0.11, 0.19, 1, 3, 7, 49, 99]) {
    expect(ticks(-high, high, 2).length).toBeGreaterThan(1);
    expect(ticks(0, high, 2).length).toBeGreaterThan(1);
  }
});
