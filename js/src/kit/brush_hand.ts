/** The drawing of the picture chosen: changed by hand, undone, sent to Python, and taken over from there. */

import type { Brush, OcclusionSliderTraits, Picture } from "../traits";
import { covers, emptyDrawing, line, packed, unpacked, type Drawing } from "./drawing";
import { filled, listen, type Model } from "./model";
import { uint8 } from "./ndarray";

export interface BrushHand {
  drawing(): Drawing | null;
  stroke(): number;
  erasing: boolean;
  /** The keyboard's pen is down. */
  down: boolean;
  /** Radius in pixels; 0 until there is a picture. */
  radius: number;
  draw(from: [y: number, x: number], to: [y: number, x: number]): void;
  /** What is drawn next is undone by itself. */
  lift(): void;
  clear(): void;
  undo(): void;
  canUndo(): boolean;
}

/** So many steps are kept for undoing, fewer if these bytes are full. */
const [STEPS, MEMORY] = [30, 64e6];

/** `tell` sends a drawing. */
export function brushHand(model: Model<OcclusionSliderTraits>, tell: (brush: Brush | Record<string, never>) => void, signal: AbortSignal): BrushHand {
  let drawing: Drawing | null = null;
  let of = -1;
  let stroke = 0;
  let begun = false;
  let before: Uint8Array[] = [];
  const picture = (): Picture | undefined => model.get("pictures")[model.get("image")];

  const take = () => {
    if (!hand.radius && picture()) hand.radius = Math.max(2, Math.round(Math.min(picture()!.height, picture()!.width) / 16));
    const brush = filled<Brush>(model.get("brush") as Brush);
    const here = picture();
    const mine = brush && here && brush.image === model.get("image") && brush.height === here.height && brush.width === here.width;
    if (mine && (brush.stroke !== stroke || of !== brush.image)) [drawing, stroke, of] = [unpacked(uint8(brush.data), brush.height, brush.width), brush.stroke, brush.image];
    else if (of !== model.get("image") || (drawing && (drawing.height !== here?.height || drawing.width !== here.width))) forget();
  };
  const forget = () => { [drawing, of, before, begun] = [null, model.get("image"), [], false]; };
  const send = () => {
    stroke++;
    tell(drawing && covers(drawing) ? { image: of, height: drawing.height, width: drawing.width, data: packed(drawing), stroke } : {});
  };
  const open = (): Drawing | null => {
    const here = picture();
    if (!drawing && here) [drawing, of] = [emptyDrawing(here.height, here.width), model.get("image")];
    return drawing;
  };
  const keep = () => {
    if (begun || !drawing) return;
    before.push(drawing.mask.slice());
    if (before.length > Math.min(STEPS, MEMORY / drawing.mask.length)) before.shift();
    begun = true;
  };
  const hand: BrushHand = {
    erasing: false, down: false, radius: 0,
    drawing: () => drawing, stroke: () => stroke, canUndo: () => before.length > 0,
    draw: (from, to) => {
      const on = open();
      if (!on) return;
      keep();
      line(on, from, to, hand.radius, hand.erasing ? 0 : 1);
      send();
    },
    lift: () => { begun = false; },
    clear: () => {
      if (!drawing || !covers(drawing)) return;
      begun = false;
      keep();
      begun = false;
      drawing.mask.fill(0);
      send();
    },
    undo: () => {
      const last = before.pop();
      if (!last || !drawing) return;
      begun = false;
      drawing.mask.set(last);
      send();
    },
  };
  for (const name of ["brush", "image", "pictures"]) listen(model, `change:${name}`, take, signal);
  take();
  return hand;
}
