import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bitmaps, four, square } from "../src/kit/bitmaps";
import { bytes } from "./states";

interface Picture { name: number; width: number; height: number; close: () => void }

/** Decoding ends when a test says so. */
let pending: { name: number; end: () => void }[] = [];
let closed: number[] = [];

beforeEach(() => {
  [pending, closed] = [[], []];
  vi.stubGlobal("createImageBitmap", async (file: Blob) => {
    const [name] = new Uint8Array(await file.arrayBuffer());
    return new Promise<Picture>((resolve) => pending.push({ name, end: () => resolve({ name, width: 10, height: 10, close: () => closed.push(name) }) }));
  });
});
afterEach(() => vi.unstubAllGlobals());

const canvas = () => {
  const drawn: unknown[][] = [];
  const context = { drawImage: (picture: Picture, ...where: number[]) => drawn.push([picture.name, ...where]), clearRect: () => drawn.push(["clear"]) };
  return { drawn, names: () => drawn.map(([name]) => name), element: { width: 0, height: 0, getContext: () => context } as never };
};
const rest = () => new Promise((done) => setTimeout(done));
const decoded = async (name: number) => { await rest(); pending.find((each) => each.name === name)!.end(); await rest(); };

test("a picture that is decoded late does not cover the one that is wanted now", async () => {
  const { draw } = bitmaps(new AbortController().signal);
  const shown = canvas();
  draw(shown.element, bytes(1));
  draw(shown.element, bytes(2));
  await decoded(2);
  await decoded(1);
  expect(shown.names()).toEqual([2]);
});

test("nor does it appear where nothing is wanted any more", async () => {
  const { draw } = bitmaps(new AbortController().signal);
  const shown = canvas();
  draw(shown.element, bytes(1));
  draw(shown.element, null);
  await decoded(1);
  expect(shown.names()).toEqual(["clear"]);
});

test("what is decoded is drawn at once the next time, on any canvas", async () => {
  const { draw } = bitmaps(new AbortController().signal);
  const [one, other, file] = [canvas(), canvas(), bytes(1)];
  draw(one.element, file);
  draw(other.element, file);
  await decoded(1);
  draw(one.element, file);
  expect([one.names(), other.names(), pending.length]).toEqual([[1, 1], [1], 1]);
});

test("of more pictures than memory is meant for, those not drawn for longest are let go, and all in the end", async () => {
  const life = new AbortController();
  const { draw } = bitmaps(life.signal, 800); // two of them
  const [shown, files] = [canvas(), [bytes(1), bytes(2), bytes(3)]];
  for (const [k, file] of files.slice(0, 2).entries()) { draw(shown.element, file); await decoded(k + 1); }
  draw(shown.element, files[0]);
  draw(shown.element, files[2]);
  await decoded(3);
  expect(closed).toEqual([2]);
  life.abort();
  expect(closed.sort()).toEqual([1, 2, 3]);
});

test("the squares of a sheet are counted row by row, and a tile shows the first four", () => {
  const sheet = { name: 1, width: 30, height: 30 } as never;
  const [one, tile] = [canvas(), canvas()];
  square(5)(one.element, sheet);
  expect(one.drawn).toEqual([[1, 20, 10, 10, 10, 0, 0, 10, 10]]);
  four(tile.element, sheet);
  expect(tile.drawn.slice(1).map((each) => each.slice(1, 3))).toEqual([[0, 0], [10, 0], [20, 0], [0, 10]]);
});
