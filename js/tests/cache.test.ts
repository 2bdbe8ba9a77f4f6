import { expect, test } from "vitest";
import { Cache } from "../src/kit/cache";

test("what was used longest ago is forgotten first", () => {
  const cache = new Cache<string>(3);
  for (const key of ["a", "b", "c"]) cache.set(key, key);
  cache.get("a");
  cache.set("d", "d");
  expect(["a", "b", "c", "d"].map((key) => cache.has(key))).toEqual([true, false, true, true]);
});

test("costs add up, and replacing gives the old cost back", () => {
  const cache = new Cache<number>(10);
  cache.set("a", 1, 6);
  cache.set("a", 2, 4);
  cache.set("b", 3, 6);
  expect([cache.get("a"), cache.get("b")]).toEqual([2, 3]);
});

test("an entry dearer than the limit is kept alone", () => {
  const cache = new Cache<number>(10);
  cache.set("a", 1, 5);
  cache.set("b", 2, 50);
  expect([cache.has("a"), cache.get("b")]).toEqual([false, 2]);
});
