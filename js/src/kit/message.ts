/** What happened, why, what to do: stands where the figure would be. */

import type { Notice, NoticeAction } from "../traits";
import { button } from "./controls";
import { h, type Child } from "./dom";

export interface Action {
  label: string;
  press: () => void;
}

export function message(kind: Notice["kind"], title: string, text: string, actions: Action[] = [], detail = ""): HTMLElement {
  const buttons: Child[] = actions.map(({ label, press }, k) => button(label, press, k === 0 ? { kind: "primary" } : {}));
  const trace = detail ? h("pre", { class: "cnn-trace", tabindex: 0, "aria-label": "Traceback", hidden: true }, detail) : null;
  if (trace) buttons.push(traceToggle(trace));
  return h("div", { class: "cnn-msg", "data-kind": kind, role: kind === "fail" ? "alert" : "status" },
    h("h3", null, title), text ? h("p", null, text) : null, buttons.length ? h("div", { class: "cnn-tools" }, ...buttons) : null, trace);
}

function traceToggle(trace: HTMLElement): HTMLButtonElement {
  const toggle = button("Show traceback", () => {
    trace.hidden = !trace.hidden;
    toggle.textContent = trace.hidden ? "Show traceback" : "Hide traceback";
    toggle.setAttribute("aria-expanded", String(!trace.hidden));
  });
  toggle.setAttribute("aria-expanded", "false");
  return toggle;
}

/** A notice that Python sent; its actions set traits. */
export function noticeMessage(notice: Notice, act: (set: NoticeAction["set"]) => void): HTMLElement {
  const actions = (notice.actions ?? []).map(({ label, set }) => ({ label, press: () => act(set) }));
  return message(notice.kind ?? "", notice.title ?? "", notice.text ?? "", actions, notice.detail ?? "");
}
