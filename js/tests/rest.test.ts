// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { restOutOfSight } from "../src/kit/rest";

type Near = { root: Element | null; rootMargin: string };
const watched = new Map<Element, { near: Near; tell: (...isIntersecting: boolean[]) => void }>();

class Observer {
  constructor(private look: (seen: { isIntersecting: boolean }[]) => void, private near: Near) {}
  observe(element: Element) { watched.set(element, { near: this.near, tell: (...all) => this.look(all.map((isIntersecting) => ({ isIntersecting }))) }); }
  disconnect() { watched.clear(); }
}
const frame = () => new Promise((done) => requestAnimationFrame(done));

/** A widget in a notebook whose panel scrolls, in a cell whose output could but has no need to. */
async function resting(life = new AbortController(), height = 900) {
  vi.stubGlobal("IntersectionObserver", Observer);
  const panel = document.body.appendChild(document.createElement("div"));
  const output = panel.appendChild(document.createElement("div"));
  const root = output.appendChild(document.createElement("section"));
  panel.style.overflowY = output.style.overflowY = "auto";
  Object.defineProperty(panel, "scrollHeight", { value: height });
  restOutOfSight(root, life.signal);
  await frame();
  return { root, panel, life };
}

afterEach(() => { watched.clear(); vi.unstubAllGlobals(); });

test("a widget rests out of sight and is awake again when it comes near", async () => {
  const { root, panel } = await resting();
  expect(watched.get(root)!.near).toEqual({ root: panel, rootMargin: "25%" });
  expect(root.hasAttribute("data-away")).toBe(false);
  watched.get(root)!.tell(false);
  expect(root.hasAttribute("data-away")).toBe(true);
  watched.get(root)!.tell(false, true);
  expect(root.hasAttribute("data-away")).toBe(false);
});

test("it is watched no longer than it lives", async () => {
  const { life } = await resting();
  expect(watched.size).toBe(1);
  life.abort();
  expect(watched.size).toBe(0);
  const early = new AbortController();
  const later = resting(early);
  early.abort();
  await later;
  expect(watched.size).toBe(0);
});

test("nothing rests in a page that scrolls itself: a picture of it shows all of it", async () => {
  await resting(undefined, 0);
  expect(watched.size).toBe(0);
});
