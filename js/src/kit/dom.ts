/** Elements are made here, and only by createElement and textContent. */

export type Child = Node | string | null | undefined | false;
export type Attributes = Record<string, unknown> | null;

const SVG = "http://www.w3.org/2000/svg";

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes?: Attributes,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return put(document.createElement(tag), attributes ?? null, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes?: Attributes,
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return put(document.createElementNS(SVG, tag), attributes ?? null, children);
}

function put<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes ?? {})) setAttribute(element, name, value);
  fill(element, ...children);
  return element;
}

/** Set, or with null and false remove, an attribute; functions become listeners, `aria-` and `data-` keep "false". */
export function setAttribute(element: Element, name: string, value: unknown): void {
  const states = name.startsWith("aria-") || name.startsWith("data-");
  if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
  else if (value == null || (value === false && !states)) element.removeAttribute(name);
  else element.setAttribute(name, value === true && !states ? "" : String(value));
}

/** Replace what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => child != null && child !== false));
}

/** Write text only where it differs, so that a live region speaks no more than once. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The focused element, seen from inside a shadow root too. */
export function focused(inside: Node): Element | null {
  return (inside.getRootNode() as Document | ShadowRoot).activeElement ?? null;
}

export function holdsFocus(element: Element): boolean {
  const active = focused(element);
  return active !== null && element.contains(active);
}

/** Scroll `child` into the view of `box` along one axis, leaving the page alone. */
export function reveal(box: HTMLElement, start: number, size: number, axis: "x" | "y", center = false): void {
  const view = axis === "x" ? box.clientWidth : box.clientHeight;
  const from = axis === "x" ? box.scrollLeft : box.scrollTop;
  if (view === 0 || (start >= from && start + size <= from + view)) return;
  const near = start < from ? start : start + size - view;
  const to = Math.max(0, center ? start + size / 2 - view / 2 : near);
  if (axis === "x") box.scrollLeft = to;
  else box.scrollTop = to;
}
