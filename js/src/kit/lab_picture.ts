/** A picture that changes while one looks: the one before stays until the next can be shown. */

import { h, setAttribute } from "./dom";
import { uint8 } from "./ndarray";

export interface LabPicture {
  element: HTMLElement;
  /** Bytes of a PNG or JPEG, or none. */
  show(data: DataView | null, said: string): void;
}

export function labPicture(signal: AbortSignal, look = ""): LabPicture {
  const image = h("img", { alt: "", draggable: "false", hidden: true });
  const element = h("span", { class: `fl-pic ${look}`, role: "img" }, image);
  let shown: DataView | null = null;
  let [url, before] = ["", ""];
  const drop = () => { if (before) URL.revokeObjectURL(before); before = ""; };
  image.addEventListener("load", drop);
  signal.addEventListener("abort", () => { drop(); if (url) URL.revokeObjectURL(url); }, { once: true });
  const show = (data: DataView | null, said: string) => {
    setAttribute(element, "aria-label", said);
    if (data === shown) return;
    shown = data;
    const bytes = uint8(data);
    image.hidden = !bytes.length;
    if (!bytes.length) return;
    drop();
    before = url;
    url = URL.createObjectURL(new Blob([bytes as BlobPart], { type: bytes[0] === 0x89 ? "image/png" : "image/jpeg" }));
    image.src = url;
  };
  return { element, show };
}
