/** The pixels of a picture, once it is decoded, and its fills on canvases: each made once. */

import { fillPixels } from "./fill_picture";

export interface FillCanvases {
  /** Null until the picture is decoded. */
  get(fill: string): HTMLCanvasElement | null;
  /** Another picture. */
  load(url: string, width: number, height: number): void;
}

/** A blur is as good when it is made small and drawn large, and much sooner; of a large picture nobody sees each pixel. */
const [SMALL, LARGE] = [72, 1024];

export function fillCanvases(ready: () => void): FillCanvases {
  const image = document.createElement("img");
  let [source, wide, high, decoded] = ["", 0, 0, false];
  const made = new Map<string, HTMLCanvasElement>();
  image.addEventListener("load", () => { decoded = true; ready(); });
  const load = (url: string, width: number, height: number) => {
    if (url === source) return;
    [source, wide, high, decoded] = [url, width, height, false];
    made.clear();
    image.src = url;
  };
  const make = (fill: string) => {
    const scale = Math.min(1, (fill === "blur" ? SMALL : LARGE) / Math.max(wide, high));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.max(1, Math.round(wide * scale)), Math.max(1, Math.round(high * scale))];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return canvas;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    pixels.data.set(fillPixels(pixels.data, canvas.width, canvas.height, fill));
    context.putImageData(pixels, 0, 0);
    return canvas;
  };
  const get = (fill: string) => {
    if (!decoded) return null;
    if (!made.has(fill)) {
      if (made.size > 12) made.clear();
      made.set(fill, make(fill));
    }
    return made.get(fill)!;
  };
  return { get, load };
}
