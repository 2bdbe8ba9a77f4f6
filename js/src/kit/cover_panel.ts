/** The picture with its cover or drawing, and what belongs to them: size, fill, shape, brush. */

import type { OcclusionSliderTraits, Picture } from "../traits";
import type { BrushHand } from "./brush_hand";
import { button, disable, disableParts, range, segmented, select, spring, type Option } from "./controls";
import { coverFigure } from "./cover_figure";
import type { Corner, CoverHand } from "./cover_hand";
import type { CoverQuestion } from "./cover_question";
import { h, setAttribute, setText } from "./dom";
import { covers } from "./drawing";
import { fillTitle, FILLS, isColor } from "./fill_picture";
import { assign, type Model } from "./model";
import { percent } from "./numbers";
import { panelHead } from "./panel_head";

export interface CoverPanelView {
  picture: Picture;
  url: string;
  /** A place that is brought back, with its fill and window, instead of the cover. */
  back: { place: Corner; fill: string; window: number } | null;
  /** What the network says, for the cover's value. */
  told: string;
}

export interface CoverPanel {
  element: HTMLElement;
  show(view: CoverPanelView): void;
  setMode(mode: "cover" | "brush"): void;
  nextFill(): void;
  /** Larger or smaller cover or brush. */
  grow(by: number): void;
  erase(on: boolean): void;
  undo(): void;
  clear(): void;
}

export const placeText = ([row, column]: readonly number[]) => `row ${row}, column ${column}`;

export function coverPanel(model: Model<OcclusionSliderTraits>, of: CoverQuestion, hand: CoverHand, brush: BrushHand, changed: () => void): CoverPanel {
  const shorter = () => Math.min(of.picture()?.height ?? 1, of.picture()?.width ?? 1);
  const drawing = () => model.get("mode") === "brush";
  const draw = (from: Corner, to: Corner) => { if (of.live()) { hand.hold(true); brush.draw(from, to); changed(); } };
  const pen = (at: Corner) => {
    brush.down = !brush.down;
    if (brush.down) return draw(at, at);
    brush.lift();
    hand.hold(false);
    changed();
  };
  const release = () => { if (!brush.down) { brush.lift(); hand.hold(false); } changed(); };
  const change = (deed: () => void) => () => { if (of.live()) { hand.hold(false); deed(); changed(); } };
  const erase = (on: boolean) => { brush.erasing = on; changed(); };
  const setMode = (mode: "cover" | "brush") => { if (mode === "cover" || of.live()) { brush.down = false; assign(model, { mode }); } };
  const pixels = (share: number) => Math.max(1, Math.round(share * shorter()));
  const slide = (size: number, held: boolean) => {
    if (drawing()) brush.radius = Math.max(1, Math.min(shorter(), size) / 2);
    else hand.resize(size, held);
    changed();
  };
  const grow = (by: number) => slide((drawing() ? 2 * brush.radius : model.get("window")) + by * Math.max(1, Math.round(shorter() / 28)), false);
  const chooseFill = (value: string) => {
    const fill = value === "color" ? color.value : value;
    of.set({ fill, ...(of.live() && fill === model.get("compare_fill") ? { compare_fill: "" } : {}) });
    hand.snap();
  };
  const nextFill = () => {
    const names = FILLS.map(([name]) => name).filter((fill) => of.offers({ fill }));
    if (names.length) chooseFill(names[(names.indexOf(model.get("fill")) + 1) % names.length]);
  };

  const figure = coverFigure({ move: (row, column) => hand.putAt(row, column, true), walk: hand.walk, draw, pen, release });
  const mode = segmented<"cover" | "brush">("What covers", [["cover", "Window"], ["brush", "Brush"]], model.get("mode"), setMode);
  const where = h("span", { class: "cnn-num cnn-where" });
  const file = h("span", { class: "cnn-clip" });
  // It goes by shares, as all of them do; one step is one pixel.
  const size = range("Size", 0.01, 0, (share) => `${pixels(share)} px`, (share) => slide(pixels(share), true));
  size.element.classList.add("cnn-wide");
  size.element.addEventListener("change", () => hand.hold(false));
  const fills = select("Fill", [], "", chooseFill);
  const color = h("input", {
    class: "cnn-color", type: "color", value: "#808080", "aria-label": "Color of the cover",
    oninput: () => { hand.hold(true); of.set({ fill: color.value }); }, onchange: () => hand.hold(false),
  });
  const shape = segmented<"square" | "circle">("Shape", [["square", "Square"], ["circle", "Circle"]], "square", (value) => { of.set({ shape: value }); hand.snap(); });
  const nib = segmented<"draw" | "erase">("Brush", [["draw", "Draw"], ["erase", "Erase"]], "draw", (value) => erase(value === "erase"));
  const [undo, clear] = [change(brush.undo), change(brush.clear)];
  const [undoButton, clearButton] = [button("Undo", undo), button("Clear", clear)];
  const brushTools = h("span", { class: "cnn-together" }, nib.element, undoButton, clearButton);
  const filling = h("span", { class: "cnn-field" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, "Fill"), fills.element, color);
  const tools = h("div", { class: "cnn-panel-tools" }, size.element, h("div", { class: "cnn-tools" }, filling, spring(), shape.element, brushTools));
  const element = h("section", { class: "cnn-panel", "aria-label": "Picture" }, panelHead("Cover a part", mode.element, file, where), figure.element, tools);

  const show = (view: CoverPanelView) => {
    const { picture, back, told } = view;
    const at = back?.place ?? hand.place();
    const share = brush.drawing() ? covers(brush.drawing()!) / (picture.height * picture.width) : 0;
    setText(file, picture.name);
    setText(where, drawing() && !back ? (share ? `${percent(share)} covered` : "nothing drawn") : at ? placeText(at) : "nothing covered");
    figure.show({
      picture, url: view.url, mode: drawing() && !back ? "brush" : "cover", fill: back?.fill ?? model.get("fill"), place: at, window: back?.window ?? model.get("window"), shape: model.get("shape"),
      told: at && !drawing() ? `${placeText(at)}: ${told}` : told, drawing: brush.drawing(), stroke: brush.stroke(), brush: brush.radius, erasing: brush.erasing, down: brush.down, draws: of.live(),
    });
    showTools(share > 0);
  };
  const showTools = (drawn: boolean) => {
    mode.show(model.get("mode"));
    disableParts(mode.element, (value) => !of.live() && value === "brush");
    size.element.querySelector("input")!.step = String(1 / shorter());
    size.show((drawing() ? 2 * brush.radius : model.get("window")) / shorter());
    const sizable = of.live() || (!drawing() && of.hasOtherWindow());
    size.element.querySelector("input")!.disabled = !sizable;
    setAttribute(size.element, "data-off", !sizable);
    showFills();
    shape.element.hidden = drawing();
    shape.show(model.get("shape"));
    disableParts(shape.element, (value) => !of.offers({ shape: value as "square" }));
    brushTools.hidden = !drawing();
    nib.show(brush.erasing ? "erase" : "draw");
    disable(undoButton, !of.live() || !brush.canUndo());
    disable(clearButton, !of.live() || !drawn);
  };
  const showFills = () => {
    const fill = model.get("fill");
    const colored = isColor(fill);
    const known = colored || FILLS.some(([name]) => name === fill) ? FILLS : [...FILLS, [fill, fillTitle(fill)]];
    const options = known.map(([name, text]): Option => [name, text, !of.offers({ fill: name })]);
    fills.show(colored ? "color" : fill, [...options, ["color", "Color", !colored && !of.live()]]);
    if (colored && color.value !== fill) color.value = fill;
    color.hidden = !colored;
    color.disabled = !of.live();
  };
  return { element, show, setMode, nextFill, grow, erase, undo, clear };
}
