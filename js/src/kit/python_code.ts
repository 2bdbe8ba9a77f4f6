/** Python that makes what is shown, to be copied. */

import { button } from "./controls";
import { h, setText } from "./dom";

export interface PythonCode {
  element: HTMLElement;
  show(code: string): void;
}

export function pythonCode(label: string, signal: AbortSignal): PythonCode {
  const code = h("pre", { class: "fl-code", tabindex: 0, role: "group", "aria-label": label });
  const spoken = h("span", { class: "cnn-sr", role: "status" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const said = (text: string) => { setText(copy, text || "Copy as Python"); setText(spoken, text); };
  const copy = button("Copy as Python", () => {
    void navigator.clipboard?.writeText(code.textContent ?? "").catch(() => {});
    said("Copied");
    clearTimeout(timer);
    timer = setTimeout(() => said(""), 1500);
  });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  const element = h("section", { class: "fl-python", "aria-label": "As Python" }, h("div", { class: "fl-head" }, h("h3", null, "As Python"), h("span", { class: "cnn-grow" }), spoken, copy), code);
  return { element, show: (text) => { element.hidden = !text; setText(code, text); } };
}
