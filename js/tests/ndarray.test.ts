import { expect, test } from "vitest";
import { inflate } from "../src/kit/inflate";
import { float32, int32, uint8 } from "../src/kit/ndarray";

/** A view that begins `offset` bytes into a larger buffer. */
function shifted(source: ArrayBuffer, offset: number): DataView {
  const room = new Uint8Array(source.byteLength + offset + 3).fill(7);
  room.set(new Uint8Array(source), offset);
  return new DataView(room.buffer, offset, source.byteLength);
}

test.each([0, 1, 2, 3, 4, 5, 8])("floats and integers are read at byte offset %i", (offset) => {
  expect([...float32(shifted(Float32Array.of(1.5, -2, 1e9).buffer, offset))]).toEqual([1.5, -2, 1e9]);
  expect([...int32(shifted(Int32Array.of(-1, 70000).buffer, offset))]).toEqual([-1, 70000]);
  expect([...uint8(shifted(Uint8Array.of(1, 2, 3).buffer, offset))]).toEqual([1, 2, 3]);
});

test("nothing is an empty array, and half a number is left out", () => {
  expect(float32(undefined)).toHaveLength(0);
  expect(float32(new DataView(new ArrayBuffer(7)))).toHaveLength(1);
});

test("bytes packed by zlib or by raw deflate are unpacked, others are left alone", async () => {
  const plain = Uint8Array.from({ length: 500 }, (_, k) => k % 7);
  for (const format of ["deflate", "deflate-raw"] as const) {
    const packed = new Uint8Array(await new Response(new Response(plain).body!.pipeThrough(new CompressionStream(format))).arrayBuffer());
    expect(packed.length).toBeLessThan(100);
    expect([...(await inflate(packed, 500))]).toEqual([...plain]);
  }
  expect(await inflate(plain, 500)).toBe(plain);
});
