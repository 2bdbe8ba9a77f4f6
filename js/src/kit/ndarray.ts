/** Numbers out of the bytes of a trait. A view may start at any byte; typed arrays may not, so such bytes are copied. */

export type Bytes = DataView | ArrayBuffer | Uint8Array | null | undefined;

export function uint8(bytes: Bytes): Uint8Array {
  if (!bytes) return new Uint8Array(0);
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function float32(bytes: Bytes): Float32Array {
  const [buffer, offset, count] = aligned(bytes);
  return new Float32Array(buffer, offset, count);
}

export function int32(bytes: Bytes): Int32Array {
  const [buffer, offset, count] = aligned(bytes);
  return new Int32Array(buffer, offset, count);
}

function aligned(bytes: Bytes): [ArrayBufferLike, number, number] {
  const raw = uint8(bytes);
  const count = Math.floor(raw.byteLength / 4);
  if (raw.byteOffset % 4 === 0) return [raw.buffer, raw.byteOffset, count];
  return [raw.slice().buffer, 0, count];
}
