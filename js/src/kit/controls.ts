/** Buttons, choices, ranges and fields. */

import { fill, h, setAttribute, svg } from "./dom";

const ICONS = {
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  help: "M6 6a2 2 0 1 1 2.8 1.9C8.3 8.2 8 8.6 8 9.3M8 11.6v.1",
  save: "M8 3v7M5 7.4 8 10.4l3-3M3.5 13h9",
  previous: "M9.5 4.5 6 8l3.5 3.5",
  next: "M6.5 4.5 10 8l-3.5 3.5",
};

export function icon(name: keyof typeof ICONS): SVGElement {
  return svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

export interface ButtonOptions {
  kind?: "primary" | "plain" | "icon";
  icon?: keyof typeof ICONS;
  label?: string;
}

/** A disabled button keeps its place in the tab order and does nothing. */
export function button(text: string, press: (event: Event) => void, options: ButtonOptions = {}): HTMLButtonElement {
  const element = h("button", {
    type: "button", class: "cnn-btn", "data-kind": options.kind, "aria-label": options.label, title: options.label,
    onclick: (event: Event) => { if (!isDisabled(element)) press(event); },
  }, options.icon ? icon(options.icon) : null, text);
  return element;
}

export function disable(element: Element, disabled: boolean): void {
  setAttribute(element, "aria-disabled", disabled ? "true" : null);
}

export const isDisabled = (element: Element) => element.getAttribute("aria-disabled") === "true";

export function field(label: string, control: HTMLElement): HTMLElement {
  return h("span", { class: "cnn-field" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, label), control);
}

/** Take what stands in a text field: on Enter, which some hosts keep for themselves, and when it is left. */
export function onCommit(input: HTMLInputElement, take: () => void): void {
  input.addEventListener("change", take);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    claim(event);
    take();
  });
}

export interface Choice<Value extends string> {
  element: HTMLElement;
  /** Show another value without calling back. */
  show(value: Value): void;
}

/** A few exclusive choices side by side: one tab stop, arrows move. */
export function segmented<Value extends string>(label: string, options: [Value, string][], value: Value, choose: (value: Value) => void): Choice<Value> {
  const parts = new Map(options.map(([key, text]) => [key, h("button", { type: "button", role: "radio", "data-value": key, onclick: () => pick(key) }, text)]));
  const show = (next: Value) => parts.forEach((part, key) => {
    setAttribute(part, "aria-checked", key === next);
    part.tabIndex = key === next ? 0 : -1;
    if (key === next) value = next;
  });
  const pick = (next: Value) => { if (next !== value) { show(next); choose(next); } };
  const element = h("span", { class: "cnn-seg", role: "radiogroup", "aria-label": label, onkeydown: (event: KeyboardEvent) => step(event) }, ...parts.values());
  const step = (event: KeyboardEvent) => {
    const by = arrowStep(event.key);
    if (!by) return;
    claim(event);
    const keys = [...parts.keys()];
    const next = keys[(keys.indexOf(value) + by + keys.length) % keys.length];
    pick(next);
    parts.get(next)!.focus();
  };
  show(value);
  return { element, show };
}

const arrowStep = (key: string) => ({ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 })[key] ?? 0;

/** Takes the room there is, so that what follows stands at the far end. */
export const spring = () => h("span", { class: "cnn-grow" });

/** A key that was used goes no further: the notebook has its own. */
export function claim(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}

/** The same for each part of a segmented control, by its value. */
export function disableParts(group: HTMLElement, off: (value: string) => boolean): void {
  for (const part of group.children as Iterable<HTMLElement>) disable(part, off(part.dataset.value!));
}

/** A value, its text, and whether it cannot be chosen now. */
export type Option = [value: string, text: string, off?: boolean];

export interface Select {
  element: HTMLSelectElement;
  show(value: string, options?: Option[]): void;
}

export function select(label: string, options: Option[], value: string, choose: (value: string) => void): Select {
  const element = h("select", { class: "cnn-select", "aria-label": label, onchange: () => choose(element.value) });
  let listed = "";
  const show = (next: string, list = options) => {
    const key = JSON.stringify(list);
    if (key !== listed) fill(element, ...list.map(([name, text, off]) => h("option", { value: name, disabled: off ?? false }, text)));
    [listed, options] = [key, list];
    element.value = next;
  };
  show(value);
  return { element, show };
}

export interface Range {
  element: HTMLElement;
  show(value: number): void;
}

export function range(label: string, step: number, value: number, text: (value: number) => string, slide: (value: number) => void): Range {
  const output = h("span", { class: "cnn-num cnn-range-value" });
  const input = h("input", { class: "cnn-range", type: "range", min: 0, max: 1, step, "aria-label": label, oninput: () => { draw(); slide(Number(input.value)); } });
  const draw = () => {
    input.style.setProperty("--fill", `${Number(input.value) * 100}%`);
    output.textContent = text(Number(input.value));
    setAttribute(input, "aria-valuetext", output.textContent);
  };
  const show = (next: number) => { input.value = String(next); draw(); };
  show(value);
  return { element: h("span", { class: "cnn-field" }, h("span", { class: "cnn-label", "aria-hidden": "true" }, label), input, output), show };
}

/** Copies an address; says so to a screen reader and in its title. */
export function copyButton(address: () => string): HTMLElement {
  const spoken = h("span", { class: "cnn-sr", role: "status" });
  const element = button("", () => {
    void navigator.clipboard?.writeText(address()).catch(() => {});
    spoken.textContent = element.title = `Copied ${address()}`;
  }, { kind: "icon", icon: "copy", label: "Copy address" });
  return h("span", { class: "cnn-copy" }, element, spoken);
}
