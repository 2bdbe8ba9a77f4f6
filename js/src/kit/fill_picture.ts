/** What a cover shows: the whole picture as it would be if all of it were covered. */

export const FILLS: [name: string, title: string][] = [["gray", "Gray"], ["mean", "Mean color"], ["black", "Black"], ["white", "White"], ["blur", "Blur"], ["noise", "Noise"]];

export const isColor = (fill: string) => fill.startsWith("#");

export const fillTitle = (fill: string) => FILLS.find(([name]) => name === fill)?.[1] ?? fill.charAt(0).toUpperCase() + fill.slice(1);

/** A fill in words, within a sentence. */
export const fillName = (fill: string) => (isColor(fill) ? fill : fillTitle(fill).toLowerCase());

/** Standard deviation of the blur in shorter sides, as in Python. */
const BLUR = 0.1;
const LEVELS: Record<string, number> = { gray: 128, black: 0, white: 255 };

/** Pixels of `width` by `height`, RGBA, from those of the picture: what Python lays over it, to the rounding of the blur. */
export function fillPixels(picture: Uint8ClampedArray, width: number, height: number, fill: string): Uint8ClampedArray {
  if (fill === "blur") return blurred(picture, width, height, BLUR * Math.min(width, height));
  if (fill === "noise") return noise(picture, width * height);
  if (fill !== "mean" && !isColor(fill) && !(fill in LEVELS)) return picture; // made for each place by Python: the outline alone shows it
  const color = isColor(fill) ? [1, 3, 5].map((at) => parseInt(fill.slice(at, at + 2), 16)) : fill === "mean" ? mean(picture) : [0, 1, 2].map(() => LEVELS[fill]);
  return plain(width * height, (k) => color[k % 3]);
}

/** `value` is asked for three numbers a pixel. */
function plain(count: number, value: (k: number) => number): Uint8ClampedArray {
  const out = new Uint8ClampedArray(count * 4).fill(255);
  for (let pixel = 0; pixel < count; pixel++) for (let color = 0; color < 3; color++) out[4 * pixel + color] = value(3 * pixel + color);
  return out;
}

function mean(picture: Uint8ClampedArray): number[] {
  const sums = [0, 0, 0];
  for (let k = 0; k < picture.length; k += 4) for (let color = 0; color < 3; color++) sums[color] += picture[k + color];
  return sums.map((sum) => Math.round((4 * sum) / Math.max(1, picture.length)));
}

/** The very noise of Python's generator, color by color; a picture without colors has one channel. */
function noise(picture: Uint8ClampedArray, count: number): Uint8ClampedArray {
  const gray = picture.every((value, k) => k % 4 > 2 || value === picture[k - (k % 4)]);
  const next = mersenne();
  const drawn = Uint8Array.from({ length: gray ? count : 3 * count }, () => Math.round(((next() & 0xffffff) / 2 ** 24) * 255));
  return plain(count, (k) => drawn[gray ? Math.floor(k / 3) : (k % 3) * count + Math.floor(k / 3)]);
}

/** Mersenne twister (Matsumoto and Nishimura 1998), seed 0. */
function mersenne(): () => number {
  const state = new Uint32Array(624);
  for (let k = 1; k < 624; k++) state[k] = Math.imul(1812433253, state[k - 1] ^ (state[k - 1] >>> 30)) + k;
  let at = 0;
  return () => {
    const mixed = (state[at] & (1 << 31)) | (state[(at + 1) % 624] & ~(1 << 31));
    let y = (state[at] = state[(at + 397) % 624] ^ (mixed >>> 1) ^ (mixed & 1 && 0x9908b0df));
    at = (at + 1) % 624;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >>> 18);
  };
}

/** Gaussian, along rows and then columns; edges are drawn out. */
function blurred(picture: Uint8ClampedArray, width: number, height: number, sigma: number): Uint8ClampedArray {
  const radius = Math.max(1, Math.round(3 * sigma));
  const weights = Array.from({ length: 2 * radius + 1 }, (_, k) => Math.exp(-(((k - radius) / sigma) ** 2) / 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const pass = (from: ArrayLike<number>, count: number, lines: number, step: number, stride: number) => {
    const out = new Float32Array(width * height * 4);
    for (let each = 0; each < lines; each++) for (let at = 0; at < count; at++) for (let color = 0; color < 3; color++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += weights[k + radius] * from[4 * (each * stride + Math.max(0, Math.min(count - 1, at + k)) * step) + color];
      out[4 * (each * stride + at * step) + color] = sum / total;
    }
    return out;
  };
  const wide = pass(picture, width, height, 1, width);
  const out = new Uint8ClampedArray(pass(wide, height, width, width, 1));
  for (let k = 3; k < out.length; k += 4) out[k] = 255;
  return out;
}
