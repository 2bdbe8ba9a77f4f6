/** A picture that changes while one looks: the one before stays until the next can be shown. */

import type { LabLevels } from "../traits";
import { lookup } from "./colormap";
import { h, setAttribute } from "./dom";
import { onEnd } from "./ending";
import { addressOf } from "./film";
import { uint8 } from "./ndarray";
import { blit, resize } from "./pixels";

const TIDE = lookup("tide");

export interface LabPicture {
  element: HTMLElement;
  /** Bytes of a file, or none. */
  show(data: DataView | null, said: string): void;
  /** Lay colors over it for how much each part mattered; null: take them away. */
  cover(levels: LabLevels | null): void;
}

export function labPicture(signal: AbortSignal, look = ""): LabPicture {
  const image = h("img", { alt: "", draggable: "false", hidden: true });
  const colors = h("canvas", { "aria-hidden": "true", hidden: true });
  const element = h("span", { class: `fl-pic ${look}`, role: "img" }, image, colors);
  let covered: LabLevels | null = null;
  let shown: DataView | null = null;
  let [url, before] = ["", ""];
  const drop = () => { if (before) URL.revokeObjectURL(before); before = ""; };
  image.addEventListener("load", drop);
  onEnd(signal, () => { drop(); if (url) URL.revokeObjectURL(url); });
  const show = (data: DataView | null, said: string) => {
    setAttribute(element, "aria-label", said);
    if (data === shown) return;
    shown = data;
    image.hidden = !data?.byteLength;
    if (!data?.byteLength) return;
    drop();
    before = url;
    url = addressOf(data);
    image.src = url;
  };
  const cover = (levels: LabLevels | null) => {
    setAttribute(element, "data-covered", levels ? "true" : null);
    colors.hidden = !levels;
    if (!levels || levels === covered) return;
    covered = levels;
    resize(colors, levels.width, levels.height);
    blit(colors, Uint32Array.from(uint8(levels.data), (level) => TIDE[level]), levels.width, levels.height);
  };
  return { element, show, cover };
}
