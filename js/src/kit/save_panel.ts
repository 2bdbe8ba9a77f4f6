/** Save the picture shown, or the film up to it. */

import { button, disable, segmented } from "./controls";
import { h, setText } from "./dom";
import { knob } from "./knob";
import { extent, plural, THIN } from "./numbers";

export type FilmForm = "webp" | "gif";

export interface SaveView {
  frames: number;
  height: number;
  width: number;
  speed: number;
  /** What is being written, or why that did not work. */
  saving: string;
  live: boolean;
}

export interface SavePanel {
  element: HTMLElement;
  show(view: SaveView): void;
}

const LONGEST = 768;

export function savePanel(deeds: { picture(): void; film(form: FilmForm): void; speed(value: number): void }): SavePanel {
  let form: FilmForm = "webp";
  const forms = segmented<FilmForm>("Animation as", [["webp", "WebP"], ["gif", "GIF"]], form, (next) => (form = next));
  const picture = button("Picture", deeds.picture, { label: "Save the picture as PNG" });
  const film = button("Animation", () => deeds.film(form), { label: "Save the film as an animation" });
  const speed = knob({ label: "Speed", low: 2, high: 30, step: 1, text: (value) => `${Math.round(value)} / s`, spoken: (value) => `${Math.round(value)} frames a second`, slide: deeds.speed });
  const about = h("p", { class: "cnn-small", role: "status" });
  const element = h("div", { class: "dc-set dc-save" }, h("h3", { class: "cnn-title" }, "Save"),
    h("div", { class: "cnn-tools" }, picture, h("span", { class: "dc-film" }, film, forms.element)), speed.element, about);
  const show = ({ frames, height, width, speed: pace, saving, live }: SaveView) => {
    speed.show(pace);
    disable(picture, frames < 1);
    disable(film, frames < 2 || !live);
    const scale = Math.min(1, LONGEST / Math.max(1, height, width));
    const lasts = ((frames - 1) / pace + 1).toFixed(1);
    setText(about, saving || (frames > 1 ? `${plural(frames, "frame")} of ${extent(Math.round(width * scale), Math.round(height * scale))}${THIN}px, ${lasts}${THIN}s` : ""));
  };
  return { element, show };
}
