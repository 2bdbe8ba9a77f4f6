/** The pictures a network is shown: thumbnails to choose from, and a place to drop more. */

import type { Picture } from "../traits";
import { claim, disable, isDisabled } from "./controls";
import { fill, h, holdsFocus, setAttribute } from "./dom";
import { onEnd } from "./ending";
import { mimeOf } from "./film";
import { float32, uint8 } from "./ndarray";

/** Object URLs of pictures, one for the same bytes however often they are sent, given back at the end. */
export function pictureUrls(signal: AbortSignal): (picture: Picture) => string {
  const urls = new Map<string, string>();
  const keys = new WeakMap<object, string>();
  onEnd(signal, () => urls.forEach((url) => URL.revokeObjectURL(url)));
  return ({ data }) => {
    const bytes = uint8(data);
    const key = keys.get(data) ?? digest(bytes);
    keys.set(data, key);
    if (!urls.has(key)) urls.set(key, URL.createObjectURL(new Blob([bytes as BlobPart], { type: mimeOf(bytes) })));
    return urls.get(key)!;
  };
}

/** FNV-1a, and the length. */
function digest(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${bytes.length}/${hash >>> 0}`;
}

export function scoresOf(picture: Picture | undefined): Float32Array {
  return picture ? float32(picture.scores) : new Float32Array(0);
}

/** The `count` most probable classes. */
export function strongest(scores: Float32Array, count: number): number[] {
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  return order.slice(0, count);
}

/** Marks that turn the direction of text would turn that of what stands beside a name, too. */
export const className = (labels: string[], target: number) => labels[target]?.replace(/[\u202a-\u202e\u2066-\u2069]/g, "") || `class ${target}`;

export interface PictureStrip {
  element: HTMLElement;
  drop: HTMLElement;
  show(pictures: Picture[], chosen: number, canUpload: boolean): void;
}

export interface PictureStripOptions {
  url: (picture: Picture) => string;
  choose: (index: number) => void;
  take: (files: File[]) => void;
  prompt: string;
}

export function pictureStrip({ url, choose, take, prompt }: PictureStripOptions): PictureStrip {
  const thumbs = h("div", { class: "cnn-thumbs", role: "radiogroup", "aria-label": "Picture" });
  const drop = dropButton(take, prompt);
  let shown: Picture[] | null = null;
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by || !shown?.length) return;
    claim(event);
    const all = [...thumbs.children] as HTMLElement[];
    const at = all.findIndex((thumb) => thumb.tabIndex === 0);
    const next = (at + by + all.length) % all.length;
    choose(next);
    all[next].focus();
  };
  thumbs.addEventListener("keydown", step);
  const show = (pictures: Picture[], chosen: number, canUpload: boolean) => {
    const had = holdsFocus(thumbs);
    if (pictures !== shown) fill(thumbs, ...pictures.map((picture, k) => thumb(picture, url(picture), () => choose(k))));
    shown = pictures;
    mark(thumbs, chosen);
    if (had && !holdsFocus(thumbs)) (thumbs.children[Math.max(0, chosen)] as HTMLElement | undefined)?.focus();
    drop.disable(!canUpload);
    thumbs.hidden = pictures.length === 0;
  };
  return { element: thumbs, drop: drop.element, show };
}

function thumb(picture: Picture, url: string, press: () => void): HTMLElement {
  return h("button", { class: "cnn-thumb", type: "button", role: "radio", "aria-label": picture.name, title: picture.name, onclick: press },
    h("img", { src: url, alt: "", draggable: "false" }));
}

function mark(thumbs: HTMLElement, chosen: number): void {
  [...thumbs.children].forEach((element, k) => {
    setAttribute(element, "aria-checked", k === chosen);
    (element as HTMLElement).tabIndex = k === Math.max(0, chosen) ? 0 : -1;
  });
}

export interface DropButton {
  element: HTMLElement;
  disable(disabled: boolean): void;
}

/** A button that opens the file dialog; dropping works on the whole widget. */
export function dropButton(take: (files: File[]) => void, prompt: string): DropButton {
  const input = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true, tabindex: -1, "aria-hidden": "true" });
  const element = h("button", { class: "cnn-drop", type: "button", onclick: () => isDisabled(element) || input.click() }, prompt);
  input.addEventListener("change", () => {
    take([...(input.files ?? [])]);
    input.value = "";
  });
  return { element: h("span", { class: "cnn-drop-place" }, element, input), disable: (disabled) => disable(element, disabled) };
}
