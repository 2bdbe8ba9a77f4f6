/** The classes a network finds most probable, as bars. */

import { fill, h } from "./dom";
import { percent } from "./numbers";
import { className, strongest } from "./pictures";

export interface Predictions {
  element: HTMLElement;
  show(scores: Float32Array, labels: string[]): void;
}

export function predictions(count = 3): Predictions {
  const element = h("div", { class: "cnn-top", role: "group", "aria-label": "Prediction" });
  let last: [Float32Array | null, string[] | null] = [null, null];
  const show = (scores: Float32Array, labels: string[]) => {
    if (last[0]?.buffer === scores.buffer && last[0].byteOffset === scores.byteOffset && last[1] === labels) return;
    last = [scores, labels];
    element.hidden = scores.length === 0;
    fill(element, ...strongest(scores, count).flatMap((target) => [
      h("span", { class: "cnn-top-name cnn-clip" }, className(labels, target)),
      probabilityBar(scores[target]),
      h("span", { class: "cnn-num" }, percent(scores[target])),
    ]));
  };
  return { element, show };
}

/** Full width is 100 %. */
export function probabilityBar(share: number): HTMLElement {
  const length = h("i");
  length.style.width = `${Math.min(1, Math.max(0, share || 0)) * 100}%`;
  return h("span", { class: "cnn-barline", "aria-hidden": "true" }, length);
}
