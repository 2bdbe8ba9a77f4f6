import { expect, test } from "vitest";
import { partsOf, PART, upload } from "../src/kit/upload";

test("a picture goes in parts of at most 4 MB, in order, and nothing is lost", () => {
  const data = Uint8Array.from({ length: 25 }, (_, k) => k).buffer;
  const parts = partsOf("cat.jpg", data, "x", 10);
  expect(parts.map(({ content }) => content)).toEqual([0, 1, 2].map((part) => ({ type: "upload", id: "x", name: "cat.jpg", part, parts: 3 })));
  expect(parts.flatMap(({ buffer }) => [...new Uint8Array(buffer)])).toEqual([...new Uint8Array(data)]);
  expect(PART).toBeLessThanOrEqual(4_000_000);
  expect(partsOf("big.png", new ArrayBuffer(9_000_000), "y").map(({ buffer }) => buffer.byteLength)).toEqual([4e6, 4e6, 1e6]);
});

test("an empty file is one empty part", () => expect(partsOf("none", new ArrayBuffer(0), "x")).toHaveLength(1));

test("files follow each other, each under its own id", async () => {
  const sent: any[] = [];
  await upload([new File([new Uint8Array(3)], "a.png"), new File([new Uint8Array(4)], "b.png")], (content, buffers) => sent.push([content, buffers[0].byteLength]));
  expect(sent.map(([content, size]) => [content.name, size])).toEqual([["a.png", 3], ["b.png", 4]]);
  expect(sent[0][0].id).not.toBe(sent[1][0].id);
});
