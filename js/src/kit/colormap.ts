/** Color maps: 9 stops each, the same as in tokens.css, spread over 256 packed pixels. */

const STOPS = {
  tide: "#0a0d23 #182153 #21407d #006699 #008aa5 #0fafae #68cfa8 #bbe7a4 #fcfacc",
  polar: "#004d74 #0178b1 #35a7e0 #8bd5f1 #f1f4f5 #eec08f #dc844f #b25026 #782c07",
  "polar-dark": "#b0edff #01c1e5 #007fae #014766 #141618 #682c13 #b25623 #e09a28 #ffdbac",
  viridis: "#440154 #472c7a #3b518b #2c718e #21908d #27ad81 #5cc863 #aadc32 #fde725",
  gray: "#0b0b0b #272727 #424242 #5e5e5e #7b7b7b #9a9a9a #bababa #dbdbdb #fdfdfd",
};

export type ColormapName = keyof typeof STOPS;
export type Theme = "light" | "dark";

/** The map for signed values: its middle is the color of the paper, or of the night. */
export function diverging(theme: Theme): ColormapName {
  return theme === "dark" ? "polar-dark" : "polar";
}

export function stops(name: ColormapName): number[][] {
  return STOPS[name].split(" ").map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
}

/** 256 opaque pixels, packed as ImageData wants them on a little-endian machine. */
export function lookup(name: ColormapName): Uint32Array {
  const list = stops(name);
  return Uint32Array.from({ length: 256 }, (_, level) => {
    const [red, green, blue] = mixed(list, (level / 255) * (list.length - 1));
    return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

function mixed(list: number[][], place: number): number[] {
  const before = Math.min(list.length - 2, Math.floor(place));
  const share = place - before;
  return list[before].map((value, k) => Math.round(value * (1 - share) + list[before + 1][k] * share));
}
