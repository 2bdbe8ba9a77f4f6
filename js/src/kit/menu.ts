/** A button that opens a short list of deeds. */

import { button, claim, disable, type ButtonOptions } from "./controls";
import { h, holdsFocus } from "./dom";
import type { Action } from "./message";

export interface Menu {
  element: HTMLElement;
  isOpen(): boolean;
  close(): void;
  disable(disabled: boolean): void;
}

export function menu(text: string, options: ButtonOptions, items: Action[]): Menu {
  const open = (on: boolean) => {
    list.hidden = !on;
    opener.setAttribute("aria-expanded", String(on));
    if (on) entries[0].focus();
  };
  const close = () => { if (!list.hidden) { const had = holdsFocus(list); open(false); if (had) opener.focus(); } };
  const opener = button(text, () => open(Boolean(list.hidden)), options);
  opener.setAttribute("aria-haspopup", "menu");
  const entries = items.map(({ label, press }) => h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => { close(); press(); } }, label));
  const list = h("div", { class: "cnn-menu", role: "menu", "aria-label": text, hidden: true, onkeydown: (event: KeyboardEvent) => step(event) }, ...entries);
  const step = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") close();
    else if (by) entries[(entries.findIndex(holdsFocus) + by + entries.length) % entries.length].focus();
    else return;
    claim(event);
  };
  const element = h("span", { class: "cnn-menu-place", onfocusout: (event: FocusEvent) => { if (!element.contains(event.relatedTarget as Node | null)) open(false); } }, opener, list);
  open(false);
  return { element, isOpen: () => !list.hidden, close, disable: (disabled) => disable(opener, disabled) };
}

/** Offer bytes as a file. */
export function download(name: string, mime: string, data: BlobPart): void {
  const url = URL.createObjectURL(new Blob([data], { type: mime }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
