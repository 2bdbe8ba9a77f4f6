/** Why a heatmap is empty, in words, and what to do about it. */

import type { LayerInfo } from "../traits";
import type { Cam } from "./heatmap_store";
import { shape, spatial } from "./layers";
import { extent } from "./numbers";

export type Reason = "position" | "positive" | "constant" | "gradient" | "nan" | "saturated" | "relu" | "box";

export interface Empty {
  reason: Reason;
  title: string;
  text: string;
}

/** What Python knows better than the values show: why the gradient is zero. */
const CAUSES: [Reason, RegExp][] = [
  ["saturated", /saturated/i],
  ["relu", /\bno ReLU/i],
  ["box", /^no .*\bbox\b/i],
];
const SIGNS: [Reason, RegExp][] = [
  ["position", /one position/i],
  ["nan", /\bnan\b|infinite/i],
  ["gradient", /gradient/i],
  ["positive", /positive|negative/i],
  ["constant", /constant|same/i],
];

/** What the values show, or else what Python says of them. */
export function reasonOf(cam: Cam, signed: boolean): Reason | null {
  if (cam.done < 1) return null;
  const said = (signs: [Reason, RegExp][]) => signs.find(([, sign]) => sign.test(cam.why))?.[0];
  const reason = said(CAUSES) ?? seen(cam) ?? said(SIGNS) ?? (cam.why ? "constant" : null);
  return reason === "positive" && signed ? null : reason;
}

function seen({ field, low, high, finite }: Cam): Reason | null {
  if (field.height * field.width <= 1) return "position";
  if (!finite) return "nan";
  if (low === 0 && high === 0) return "gradient";
  if (low === high) return "constant";
  return high <= 0 ? "positive" : null;
}

export function explain(reason: Reason, layer: LayerInfo | null, why: string, gradient = true): Empty {
  const name = layer?.name ?? "This layer";
  const size = layer && spatial(layer) ? ` (${extent(layer.height, layer.width)})` : "";
  const known: Record<Reason, [string, string]> = {
    position: ["Why is this empty?", `${name} has one position only${size}, so a map over the picture would be one flat color. Grad-CAM needs a layer that still knows where things are.`],
    positive: ["Nothing speaks for this class", `Every position of ${name} speaks against it, and only what speaks for it is shown.`],
    constant: ["The map is the same everywhere", `All positions of ${name} have one value, so there is nothing to tell apart.`],
    gradient: [gradient ? "No gradient reaches this layer" : "The map is zero everywhere", `The score of this class does not change with ${name}: it may be cut off by a ReLU, or all weights may be zero.`],
    saturated: ["The network is too sure", "The probability of this class cannot grow any more, so its gradient is all but zero."],
    relu: ["There is no ReLU", "This method changes what ReLUs pass back, and the network has none."],
    box: ["No box of this class", "The network predicts no box of this class in this picture, so there is no score to explain."],
    nan: ["The map is not made of numbers", `The gradient or the activation at ${name} is NaN. Check the weights and the picture.`],
  };
  const [title, text] = known[reason];
  return { reason, title, text: isSentence(why) ? why : text };
}

const isSentence = (text: string) => text.trim().split(/\s+/).length > 5;

/** The spatial layer nearest to the named one: before it, or else after it. Rows of containers do not count. */
export function spatialNear(layers: LayerInfo[], name: string): LayerInfo | null {
  const at = Math.max(0, layers.findIndex((layer) => layer.name === name));
  const fits = (layer: LayerInfo) => !layer.container && layer.height * layer.width > 1;
  return layers.slice(0, at).reverse().find((layer) => fits(layer) && !isPart(layer, layers)) ?? layers.slice(at + 1).find(fits) ?? null;
}

function isPart(layer: LayerInfo, layers: LayerInfo[]): boolean {
  const parent = layers.find((other) => other.name === layer.parent);
  return Boolean(parent && !parent.container);
}

/** `features.12 (13 × 13)` */
export function named(layer: LayerInfo): string {
  return `${layer.name} (${spatial(layer) ? extent(layer.height, layer.width) : shape(layer)})`;
}
