/** Numbers of 16 bits, which not every browser reads by itself. */

import { uint8, type Bytes } from "./ndarray";

const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 15));
const SMALLEST = 2 ** -24;

/** `scale` times the float16 numbers of some bytes. */
export function float16(bytes: Bytes, scale = 1): Float32Array {
  const raw = uint8(bytes);
  const out = new Float32Array(raw.byteLength >> 1);
  for (let i = 0; i < out.length; i++) out[i] = scale * half(raw[2 * i] | (raw[2 * i + 1] << 8));
  return out;
}

function half(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? POWERS[exponent] * (1 + fraction / 1024) : fraction * SMALLEST);
}
