/** Unpacking of deflated bytes, with what the browser has. */

/** Bytes as they were before zlib (or raw deflate) packed them; those of the expected length are returned as they are. */
export async function inflate(packed: Uint8Array, expected: number): Promise<Uint8Array> {
  if (packed.byteLength === expected) return packed;
  const format = isZlib(packed) ? "deflate" : "deflate-raw";
  const stream = new Response(packed as BodyInit).body!.pipeThrough(new DecompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function isZlib(bytes: Uint8Array): boolean {
  return (bytes[0] & 15) === 8 && (bytes[0] * 256 + bytes[1]) % 31 === 0;
}
