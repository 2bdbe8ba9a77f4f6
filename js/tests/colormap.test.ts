import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { diverging, lookup, stops, type ColormapName } from "../src/kit/colormap";

const NAMES: ColormapName[] = ["tide", "polar", "polar-dark", "viridis", "gray"];
const split = (pixel: number) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255, pixel >>> 24];
const lightness = (pixel: number) => split(pixel).slice(0, 3).reduce((sum, value, k) => sum + value * [0.2126, 0.7152, 0.0722][k], 0);

test.each(NAMES)("%s begins and ends with its outer stops and is opaque", (name) => {
  const [lut, list] = [lookup(name), stops(name)];
  expect(lut).toHaveLength(256);
  expect(split(lut[0])).toEqual([...list[0], 255]);
  expect(split(lut[255])).toEqual([...list.at(-1)!, 255]);
});

test.each(NAMES)("%s has the stops of tokens.css", (name) => {
  const css = readFileSync(`${import.meta.dirname}/../src/kit/tokens.css`, "utf8");
  const said = new RegExp(`--cnn-map-${name}:([^;]+);`).exec(css)![1].trim().split(/,\s*/);
  expect(stops(name)).toEqual(said.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))));
});

test("polar is palest in the middle and polar-dark is darkest there", () => {
  const middle = (name: ColormapName) => lightness(lookup(name)[128]);
  expect(middle("polar")).toBeGreaterThan(Math.max(...[0, 60, 200, 255].map((k) => lightness(lookup("polar")[k]))));
  expect(middle("polar-dark")).toBeLessThan(Math.min(...[0, 60, 200, 255].map((k) => lightness(lookup("polar-dark")[k]))));
  expect([diverging("light"), diverging("dark")]).toEqual(["polar", "polar-dark"]);
});

test("the two ends of polar are about equally dark", () => {
  const lut = lookup("polar");
  expect(Math.abs(lightness(lut[0]) - lightness(lut[255]))).toBeLessThan(20);
});

test("tide grows lighter all the way", () => {
  const shades = [...lookup("tide")].map(lightness);
  expect(shades.every((shade, k) => k === 0 || shade >= shades[k - 1] - 0.5)).toBe(true);
});
