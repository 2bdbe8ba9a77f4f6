/** What every widget stands in: title bar, help, export, keys, task bar, theme, and what is shown when things break. */

import type { Notice, ViewerTraits } from "../traits";
import type { Theme } from "./colormap";
import { button, spring } from "./controls";
import { fill, focused, h, setAttribute } from "./dom";
import { onEnd } from "./ending";
import { kernelOf, type Kernel } from "./kernel";
import { onKeys, type KeyActions } from "./keys";
import { download, menu } from "./menu";
import { message, type Action } from "./message";
import { assign, batched, filled, listen, watch, type Model } from "./model";
import { uint8 } from "./ndarray";
import { patience } from "./patience";
import { hidePoster } from "./poster";
import { restOutOfSight } from "./rest";
import { taskBar } from "./task_bar";
import { followTheme } from "./theme";
import { acceptFiles, upload } from "./upload";

export type State = "empty" | "busy" | "ready" | "failed" | "offline";

export interface Frame {
  root: HTMLElement;
  kernel: Kernel;
  theme(): Theme;
  state(): State;
  notice(): Notice | null;
  /** Set traits that need Python to answer. */
  ask(values: Record<string, unknown>): void;
  take(files: File[]): void;
  /** Run `draw`; if it throws, say so where the widget is. */
  guard(draw: () => void): void;
}

export interface FrameOptions {
  model: Model<any>;
  el: HTMLElement;
  signal: AbortSignal;
  title: string;
  body: HTMLElement;
  /** Keys and what they do, for the help. */
  help: [string, string][];
  /** How to read what is drawn. */
  notes: string[];
  keys: KeyActions;
  /** Something the frame knows has changed: draw again. */
  draw: () => void;
  /** Sentence for the task bar of a page without Python. */
  archived: string;
  /** What can be done when nothing runs: stands in the task bar. */
  actions?: () => Action[];
  /** Whether something is amiss although all is done: the state says so by its color, the message in words. */
  amiss?: () => boolean;
}

export function frame(options: FrameOptions): Frame {
  const { model, el, signal, title, body } = options;
  let theme: Theme = "light";
  const root = h("section", { class: "cnn", tabindex: -1 });
  const subject = h("span", { class: "cnn-subject cnn-mono cnn-clip" });
  const task = taskBar();
  const help = helpPanel(options.help, options.notes);
  const late = patience(() => redraw(), signal);
  const redraw = batched(() => guard(() => { showFrame(); options.draw(); }), signal);
  const kernel = kernelOf(model, redraw, signal);
  const files = exportMenu(model, kernel, signal);

  const guard = (draw: () => void) => {
    try {
      draw();
    } catch (error) {
      console.error(error);
      fill(body, broken(error as Error));
    }
  };
  const state = () => stateOf(model, kernel, late(model.get("status") === "busy" ? "busy" : ""));
  const notice = () => filled<Notice>(model.get("notice"));
  const ask = (values: Record<string, unknown>) => { kernel.expect(); assign(model, values); };
  const take = (list: File[]) => void upload(list, (content, buffers) => kernel.send(content, buffers)).then(kernel.expect);
  const showFrame = () => {
    root.dataset.state = state();
    root.toggleAttribute("data-amiss", options.amiss?.() ?? false);
    subject.textContent = model.get("subject");
    setAttribute(root, "aria-label", `${title}, ${model.get("subject")}`);
    files.disable(kernel.state() !== "live");
    task.show(sentence(model, kernel, options.archived), actions(state(), kernel) ?? options.actions?.() ?? [], state() === "busy" ? model.get("progress") : null);
  };

  el.append(root);
  fill(root, h("header", { class: "cnn-head" }, h("h2", null, title), subject, spring(), files.element, help.opener), help.panel, body, task.element);
  onKeys(root, { "?": () => help.toggle(), h: () => help.toggle(), ...options.keys, Escape: (event) => files.isOpen() ? files.close() : help.close() || options.keys.Escape?.(event) || false });
  acceptFiles(root, () => kernel.state() === "live", take);
  keepFocus(root, signal);
  hidePoster(el, signal);
  restOutOfSight(root, signal);
  watch(model, ["subject", "status", "progress", "message", "notice"], redraw, signal);
  followTheme(root, (next) => { theme = next; redraw(); }, signal);
  return { root, kernel, theme: () => theme, state, notice, ask, take, guard };
}

function stateOf(model: Model<ViewerTraits>, kernel: Kernel, busy: boolean): State {
  if (kernel.state() !== "live") return "offline";
  const status = model.get("status");
  if (status === "busy") return busy ? "busy" : "ready";
  return status;
}

function sentence(model: Model<ViewerTraits>, kernel: Kernel, archived: string): string {
  if (kernel.state() === "archived") return archived;
  if (kernel.state() === "silent") return "The kernel does not answer: it is busy with something else, or gone. Looking still works, computing waits.";
  return model.get("message");
}

function actions(state: State, kernel: Kernel): Action[] | null {
  if (state === "busy") return [{ label: "Cancel", press: kernel.cancel }];
  if (state === "failed") return [{ label: "Try again", press: kernel.run }];
  if (kernel.state() === "silent") return [{ label: "Reconnect", press: kernel.run }];
  return kernel.state() === "live" ? null : [];
}

function exportMenu(model: Model<any>, kernel: Kernel, signal: AbortSignal) {
  let asked = 0;
  const ask = (format: "html" | "png") => { asked++; kernel.expect(); kernel.send({ type: "export", format }); };
  listen(model, "msg:custom", (content: any, buffers: DataView[] = []) => {
    if (content?.type !== "file" || !asked || !buffers.length) return;
    asked--;
    download(content.name, content.mime, uint8(buffers[0]) as BlobPart);
  }, signal);
  return menu("Export", { kind: "plain", icon: "save" }, [
    { label: "Page (.html)", press: () => ask("html") },
    { label: "Picture (.png)", press: () => ask("png") },
  ]);
}

function helpPanel(keys: [string, string][], notes: string[]) {
  const panel = h("div", { class: "cnn-help", role: "dialog", "aria-label": "Keys and how to read this", tabindex: -1, hidden: true },
    h("h3", { class: "cnn-title" }, "Keys"),
    h("dl", null, ...keys.flatMap(([names, text]) => [h("dt", null, ...names.split(" ").map((name) => h("kbd", null, name))), h("dd", null, text)])),
    h("h3", { class: "cnn-title" }, "How to read it"),
    ...notes.map((note) => h("p", null, note)));
  const open = (on: boolean) => {
    panel.hidden = !on;
    opener.setAttribute("aria-expanded", String(on));
    if (on) panel.focus({ preventScroll: true });
    else opener.focus({ preventScroll: true });
  };
  const opener = button("", () => open(Boolean(panel.hidden)), { kind: "icon", icon: "help", label: "Keys and help (?)" });
  opener.setAttribute("aria-expanded", "false");
  return { panel, opener, toggle: () => open(Boolean(panel.hidden)), close: () => !panel.hidden && (open(false), true) };
}

/** A redraw never loses the keyboard: if the focused part is gone, the widget itself takes the keys. */
function keepFocus(root: HTMLElement, signal: AbortSignal): void {
  let last: Node | null = null;
  root.addEventListener("focusin", (event) => (last = event.target as Node));
  const observer = new MutationObserver(() => {
    if (!last || last.isConnected || !root.isConnected) return;
    last = null;
    const active = focused(root);
    if (!active || active === document.body) root.focus({ preventScroll: true });
  });
  observer.observe(root, { childList: true, subtree: true });
  onEnd(signal, () => observer.disconnect());
}

function broken(error: Error): HTMLElement {
  return message("fail", "This view could not be drawn", `${error.message}. The values in Python are untouched.`, [], error.stack ?? "");
}
