/** A scene: its picture, the outline of its true mask, a map over it and the map's strongest place. */

import type { Picture } from "../traits";
import { diverging, lookup, type Theme } from "./colormap";
import { claim } from "./controls";
import { fill, h, setAttribute, setText } from "./dom";
import { legend } from "./legend";
import { inMask, maskOutline, type Mask } from "./mask_outline";
import { extent, number } from "./numbers";
import { cellAt, paintCells, paintSmooth, spread, type PaintOptions } from "./pixels";
import { ticks } from "./ticks";
import type { SceneMap } from "./trust_store";
import { walked, type Cell } from "./unit_figure";

export type Look = "overlay" | "map" | "picture";

export interface SceneView {
  picture: Picture;
  url: string;
  mask: Mask | null;
  map: SceneMap | null;
  look: Look;
  theme: Theme;
  /** The scene and the method in words. */
  about: string;
  /** What stands below where there is no map. */
  missing: string;
}

export interface SceneFigure {
  figure: HTMLElement;
  key: HTMLElement;
  read: HTMLElement;
  show(view: SceneView): void;
}

const SIDE = 264;
/** Maps with more rows than this are drawn as they are, others smooth. */
const FINE = 28;

export function sceneFigure(): SceneFigure {
  const image = h("img", { alt: "", draggable: "false" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const outline = h("div", { class: "tb-outline" });
  const dot = h("div", { class: "cnn-dot" });
  const box = h("div", { class: "cnn-box", hidden: true });
  const figure = h("div", { class: "cnn-figure tb-figure", role: "img", tabindex: 0 }, image, canvas, outline, dot, box);
  const key = h("div", { class: "tb-legend" });
  const read = h("div", { class: "cnn-small tb-value", role: "status" });
  let now: SceneView | null = null;
  let [painted, outlined, legended]: [unknown[], Mask | null, unknown[]] = [[], null, []];

  const show = (view: SceneView) => {
    const moved = now?.map !== view.map;
    now = view;
    const { picture, url, mask, map, look } = view;
    const drawn = map !== null && map.field.data.length > 0;
    if (image.getAttribute("src") !== url) image.src = url;
    figure.style.aspectRatio = `${picture.width} / ${picture.height}`;
    image.style.visibility = look === "map" && drawn ? "hidden" : "";
    setAttribute(figure, "data-signed", look === "overlay" && drawn);
    canvas.hidden = look === "picture" || !drawn;
    dot.hidden = canvas.hidden || map!.peak.length < 2;
    if (!dot.hidden) [dot.style.top, dot.style.left] = [`${map!.peak[0] * 100}%`, `${map!.peak[1] * 100}%`];
    if (mask !== outlined) fill(outline, (outlined = mask) && maskOutline(mask!));
    if (!canvas.hidden) paint(view);
    showLegend(view, drawn);
    if (moved) point(null);
    else if (box.hidden) rest();
  };
  const paint = ({ map, look, theme, picture }: SceneView) => {
    const next = [map, look, theme, picture.width, picture.height];
    if (next.every((value, k) => value === painted[k])) return;
    painted = next;
    const options: PaintOptions = { lut: lookup(diverging(theme)), low: -map!.top, high: map!.top };
    if (look === "overlay") options.alpha = (value) => 255 * Math.min(0.92, 0.1 + Math.abs(value) / (map!.top || 1));
    if (map!.field.height > FINE) return paintCells(canvas, map!.field, options);
    const scale = SIDE / Math.max(picture.width, picture.height);
    const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
    paintSmooth(canvas, map!.field, width, height, spread(map!.field, height, width), options);
  };
  const showLegend = ({ map, theme, look }: SceneView, drawn: boolean) => {
    const on = drawn && look !== "picture" && map!.top > 0;
    key.style.visibility = on ? "" : "hidden";
    if (!on || (legended[0] === map && legended[1] === theme)) return;
    legended = [map, theme];
    fill(key, legend(diverging(theme), ticks(-map!.top, map!.top, 4), `from ${number(-map!.top)} to ${number(map!.top)}`));
  };
  const rest = () => {
    if (!now) return;
    const text = !now.map ? now.missing : now.map.why || placeOf(now.map, now.mask);
    setText(read, text);
    setAttribute(figure, "aria-label", `${now.about}. ${text}`);
  };
  const point = (cell: Cell | null) => {
    const map = now?.map;
    box.hidden = !cell || !map || map.field.data.length === 0;
    if (box.hidden) return rest();
    const { height, width, data } = map!.field;
    const { row, column } = cell!;
    [box.style.top, box.style.left, box.style.height, box.style.width] = [row / height, column / width, 1 / height, 1 / width].map((share) => `${share * 100}%`);
    box.dataset.row = String(row);
    box.dataset.column = String(column);
    setText(read, `row ${row}, column ${column} of ${extent(height, width)}: ${number(data[row * width + column])}`);
  };
  figure.addEventListener("pointermove", (event) => {
    if (!now?.map?.field.data.length) return;
    const area = figure.getBoundingClientRect();
    point(cellAt(now.map.field, spread(now.map.field, area.height, area.width), event.clientY - area.top, event.clientX - area.left));
  });
  for (const leave of ["pointerleave", "blur"]) figure.addEventListener(leave, () => point(null));
  figure.addEventListener("keydown", (event) => {
    const field = now?.map?.field;
    if (!field?.data.length) return;
    const from = box.hidden ? { row: Math.floor(field.height / 2), column: Math.floor(field.width / 2) } : { row: Number(box.dataset.row), column: Number(box.dataset.column) };
    const next = walked(event, from, [field.height, field.width]);
    if (!next) return;
    claim(event);
    point(next);
  });
  return { figure, key, read, show };
}

/** Where the strongest place is, in words. */
function placeOf({ peak }: SceneMap, mask: Mask | null): string {
  if (peak.length < 2) return "It points to no one place";
  if (!mask) return "The dot is the strongest place";
  const inside = inMask(mask, Math.min(mask.height - 1, Math.floor(peak[0] * mask.height)), Math.min(mask.width - 1, Math.floor(peak[1] * mask.width)));
  return inside ? "Strongest place: inside the mask" : "Strongest place: outside the mask";
}
