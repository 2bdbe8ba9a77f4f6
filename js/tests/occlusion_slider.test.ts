// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { covers, emptyDrawing, line, packed, stamp, unpacked } from "../src/kit/drawing";
import { fillPixels } from "../src/kit/fill_picture";
import { points } from "../src/kit/numbers";
import { inOrder, inWords, leaders, listed, saidByAnswer, saidBySweep, saidOfNothing } from "../src/kit/said";
import { completed, drops, nearestPlace, placeOf, readSweep, strongestPlace, sweepKey, walkedPlace } from "../src/kit/sweep";
import widget from "../src/widgets/occlusion_slider";
import { coverAnswer, coverState, floats, halves, ints, picture, press, run, settle, sweep } from "./states";

type View = ReturnType<typeof run>;
const plain = (text: string | null) => (text ?? "").replaceAll("\u202f", " ");
const bars = (view: View) => view.all(".cnn-answer").map((bar) => plain(bar.getAttribute("aria-label")));
const finding = (view: View) => view.find(".cnn-finding").textContent;
const whose = (view: View) => view.find(".cnn-whose").firstChild!.textContent;
const read = (view: View) => view.all(".cnn-panel")[2].querySelector(".cnn-panel-head p")!.textContent;
const cover = (view: View) => view.find(".cnn-cover");
const archive = (...maps: ReturnType<typeof sweep>[]) => ({ kind: "occlusion_slider", entries: Object.fromEntries(maps.map((map) => [sweepKey(map), map])) });
const choose = (view: View, label: string, value: string) => {
  const list = view.find(`select[aria-label='${label}']`) as HTMLSelectElement;
  list.value = value;
  list.dispatchEvent(new Event("change"));
};
const slide = (view: View, label: string, value: number) => {
  const input = view.find(`input[aria-label='${label}']`) as HTMLInputElement;
  input.value = String(value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
/** A pointer at a place in pixels of a picture of 8 × 8, which is drawn 80 × 80. */
const pointer = (element: HTMLElement, type: string, y: number, x: number, more: object = {}) => {
  const event = new MouseEvent(type, { bubbles: true, composed: true, cancelable: true, clientX: 10 * x, clientY: 10 * y, button: 0 });
  Object.assign(event, { pointerId: 1, pointerType: "mouse", ...more });
  element.dispatchEvent(event);
};
const drawn = (view: View) => {
  for (const panel of view.all(".cnn-figure")) panel.getBoundingClientRect = () => ({ left: 0, top: 0, width: 80, height: 80 }) as DOMRect;
  return view.find(".cnn-cover-photo");
};

afterEach(() => vi.useRealTimers());

test("with nothing covered the bars are those of the picture, without changes, and the cover waits in the middle", async () => {
  const view = run(widget, coverState());
  await settle();
  expect(bars(view)).toEqual(["dog, 70.0 %", "owl, 20.0 %", "cat, 10.0 %"]);
  expect(finding(view)).toBe("Dog, with nothing covered");
  expect([cover(view).dataset.none, cover(view).style.top]).toEqual(["true", "25%"]);
  expect(whose(view)).toBe("Bars: the picture with nothing covered");
});

test("an answer moves the bars, says what changed in words and in points, and leaves a mark for benchmarks", async () => {
  const mark = vi.spyOn(performance, "mark");
  const view = run(widget, coverState({ place: [1, 3], maps: [] }));
  await settle();
  expect(mark.mock.calls.filter(([name]) => name === "cnn-paint-cover")).toHaveLength(0);
  view.model.set("answer", coverAnswer(1, 3, [0.75, 0.05, 0.2]));
  await settle();
  expect(bars(view)).toEqual(["cat, 75.0 %, +65.0 points", "owl, 20.0 %, 0 points", "dog, 5.0 %, −65.0 points"]);
  expect(finding(view)).toBe("Now cat instead of dog");
  expect(plain(cover(view).getAttribute("aria-valuetext"))).toBe("row 1, column 3: cat 75.0 %");
  expect(cover(view).getAttribute("aria-valuenow")).toBe("11");
  view.model.set("opacity", 0.5);
  await settle();
  const marks = mark.mock.calls.filter(([name]) => name === "cnn-paint-cover");
  expect(marks.map(([, options]) => (options as { detail: unknown }).detail)).toEqual([{ image: 0, row: 1, column: 3, window: 4, fill: "gray", kind: "cover", source: "answer" }]);
  mark.mockRestore();
});

test("what is left, lost and gained are drawn apart, with a tick where the bar was", async () => {
  const view = run(widget, coverState({ place: [1, 3], answer: coverAnswer(1, 3, [0.75, 0.05, 0.2]) }));
  await settle();
  const parts = (k: number) => ["left", "lost", "gained"].map((part) => view.all(".cnn-answer")[k].querySelector<HTMLElement>(`.cnn-answer-${part}`)!.style).map(({ left, width }) => `${Math.round(parseFloat(left))}+${Math.round(parseFloat(width))}`);
  expect(parts(0)).toEqual(["0+10", "75+0", "10+65"]);
  expect(parts(2)).toEqual(["0+5", "5+65", "70+0"]);
  expect(parseFloat(view.all(".cnn-answer-tick")[2].style.left)).toBeCloseTo(70, 4);
});

test("the cover moves with the hand at once, place and held are told at every move, letting go is told too", async () => {
  const view = run(widget, coverState({ maps: [] }));
  await settle();
  const photo = drawn(view);
  const saved: unknown[] = [];
  view.model.onsave = () => saved.push([view.model.get("place"), view.model.get("held")]);
  pointer(photo, "pointerdown", 3, 3);
  pointer(photo, "pointermove", 4, 3.6);
  pointer(photo, "pointermove", 4, 3.6);
  pointer(photo, "pointermove", 99, -99);
  await settle();
  expect([cover(view).style.top, cover(view).style.left]).toEqual(["50%", "0%"]);
  pointer(photo, "pointerup", 99, -99);
  expect(saved).toEqual([[[1, 1], true], [[2, 2], true], [[4, 0], true], [[4, 0], false]]);
});

test("what is taken hold of keeps its place under the pointer", async () => {
  const view = run(widget, coverState({ place: [2, 2], maps: [] }));
  await settle();
  const photo = drawn(view);
  pointer(cover(view), "pointerdown", 2.5, 2.5);
  pointer(photo, "pointermove", 3.5, 3.5);
  expect(view.model.get("place")).toEqual([3, 3]);
});

test("a finger beside the cover scrolls the page; only a tap puts the cover there", async () => {
  const view = run(widget, coverState({ place: [0, 0] }));
  await settle();
  const photo = drawn(view);
  pointer(photo, "pointerdown", 6, 6, { pointerType: "touch" });
  pointer(photo, "pointermove", 7, 7, { pointerType: "touch" });
  pointer(photo, "pointercancel", 7, 7, { pointerType: "touch" });
  expect(view.model.get("place")).toEqual([0, 0]);
  pointer(photo, "pointerdown", 6, 6, { pointerType: "touch" });
  pointer(photo, "pointerup", 6, 6, { pointerType: "touch" });
  pointer(photo, "click", 6, 6);
  expect(view.model.get("place")).toEqual([4, 4]);
});

test("arrows go from place to place of the map, Alt goes by a pixel, Shift by the cover; a key that is up is let go", async () => {
  const view = run(widget, coverState({ place: [1, 0] }));
  await settle();
  const places = [{ key: "ArrowDown" }, { key: "ArrowRight", altKey: true }, { key: "ArrowRight" }, { key: "ArrowRight", shiftKey: true }, { key: "ArrowUp" }, { key: "ArrowUp" }].map(({ key, ...more }) => {
    expect(press(cover(view), key, more).defaultPrevented).toBe(true);
    return view.model.get("place").join();
  });
  expect(places).toEqual(["2,0", "2,1", "2,2", "2,4", "0,4", "0,4"]);
  expect(view.model.get("held")).toBe(true);
  cover(view).dispatchEvent(new KeyboardEvent("keyup", { key: "ArrowUp", bubbles: true }));
  expect(view.model.get("held")).toBe(false);
});

test("the last place may reach beyond the edge, as the places of the map do", async () => {
  const view = run(widget, coverState({ place: [0, 0], window: 5, stride: 2, maps: [] }));
  await settle();
  for (let k = 0; k < 4; k++) press(cover(view), "ArrowRight");
  expect(view.model.get("place")).toEqual([0, 4]);
});

test("a place of the map is told at once, without Python; its answer then takes over", async () => {
  const view = run(widget, coverState({ place: [4, 4] }));
  await settle();
  expect(finding(view)).toBe("Now cat instead of dog");
  expect(bars(view)[0]).toBe("cat, 50.0 %, +40.0 points");
  view.model.set("answer", coverAnswer(4, 4, [0.6, 0.2, 0.2]));
  await settle();
  expect(bars(view)[0]).toBe("cat, 60.0 %, +50.0 points");
});

test("bars of another place say so until their answer is there, and answers on the way are shown as what they are", async () => {
  vi.useFakeTimers();
  const view = run(widget, coverState({ place: [1, 1], answer: coverAnswer(1, 1, [0.1, 0.6, 0.3]), maps: [] }));
  await vi.advanceTimersByTimeAsync(0);
  expect(whose(view)).toBe("Bars: row 1, column 1");
  view.model.set("place", [3, 3]);
  await vi.advanceTimersByTimeAsync(0);
  expect([whose(view), view.find(".cnn-where").textContent]).toEqual(["Bars: row 1, column 1", "row 3, column 3"]);
  expect(bars(view)[0]).toBe("dog, 60.0 %, −10.0 points");
  await vi.advanceTimersByTimeAsync(200);
  expect(whose(view)).toBe("Bars: older, of row 1, column 1");
  view.model.set("answer", coverAnswer(2, 2, [0.1, 0.5, 0.4]));
  await vi.advanceTimersByTimeAsync(0);
  expect(whose(view)).toContain("row 2, column 2");
  view.model.set("answer", coverAnswer(3, 3, [0.1, 0.4, 0.5]));
  await vi.advanceTimersByTimeAsync(0);
  expect([whose(view), finding(view)]).toEqual(["Bars: row 3, column 3", "Now owl instead of dog"]);
  view.model.set("fill", "blur");
  await vi.advanceTimersByTimeAsync(0);
  expect(whose(view)).toBe("Bars: row 3, column 3, 4 px, gray");
});

test("an answer of another picture is never shown", async () => {
  const view = run(widget, coverState({ place: [1, 1], image: 1, maps: [], answer: coverAnswer(1, 1, [1, 0, 0]) }));
  await settle();
  expect(bars(view)[0]).toBe("dog, 70.0 %");
  view.model.set("image", 0);
  await settle();
  expect(bars(view)[0]).toBe("cat, 100 %, +90.0 points");
  view.model.set("image", 1);
  await settle();
  expect(bars(view)[0]).toBe("dog, 70.0 %");
});

test("when pictures or the network are others, nothing of the old ones stays, not even as older", async () => {
  const view = run(widget, coverState({ place: [1, 1], answer: coverAnswer(1, 1, [1, 0, 0]) }));
  await settle();
  view.model.set("maps", []);
  view.model.set("answer", {});
  view.model.set("pictures", [picture("owl.jpg", [0.2, 0.2, 0.6])]);
  await settle();
  expect([bars(view)[0], read(view)]).toEqual(["owl, 60.0 %", "Waiting for the map"]);
});

test("when Python takes its maps back, as the network was trained, a finished map gives way to a new one under way", async () => {
  const view = run(widget, coverState());
  await settle();
  expect(read(view)).toBe("Hover to bring back a place");
  view.model.set("maps", []);
  await settle();
  expect(read(view)).toBe("Waiting for the map");
  view.model.set("maps", [sweep({}, 4)]);
  await settle();
  expect(plain(read(view))).toBe("44 % of the places so far");
});

test("one step of the size is one pixel", async () => {
  const view = run(widget, coverState());
  await settle();
  const size = view.find("input[aria-label='Size']") as HTMLInputElement;
  expect(Number(size.step)).toBe(1 / 8);
  slide(view, "Size", Number(size.value) + Number(size.step));
  expect(view.model.get("window")).toBe(5);
});

test("keys that move a slider stay with it: JupyterLab would take them", async () => {
  const view = run(widget, coverState());
  await settle();
  const heard = vi.fn();
  document.addEventListener("keydown", heard);
  const input = view.find("input[aria-label='Size']");
  expect(press(input, "ArrowRight").defaultPrevented).toBe(false);
  expect(heard).not.toHaveBeenCalled();
  press(input, "q");
  expect(heard).toHaveBeenCalledTimes(1);
  document.removeEventListener("keydown", heard);
});

test("a class is not compared with itself", async () => {
  const view = run(widget, coverState({ compare: 1 }));
  await settle();
  expect([view.all(".cnn-sweep").length, view.find("[data-value=none]").getAttribute("aria-checked")]).toEqual([1, "true"]);
});

test("bars keep their rows while the cover is held, and are put in order when it is let go", async () => {
  const view = run(widget, coverState({ place: [1, 1], answer: coverAnswer(1, 1, [0.1, 0.7, 0.2]), maps: [] }));
  await settle();
  const names = () => bars(view).map((text) => text.split(",")[0]);
  const photo = drawn(view);
  pointer(cover(view), "pointerdown", 2, 2);
  pointer(photo, "pointermove", 3, 3);
  view.model.set("answer", coverAnswer(2, 2, [0.8, 0.1, 0.1]));
  await settle();
  expect(names()).toEqual(["dog", "owl", "cat"]);
  pointer(photo, "pointerup", 3, 3);
  await settle();
  expect(names()).toEqual(["cat", "dog", "owl"]);
});

test("pointing at the map brings a place back with no message, leaving restores the chosen one, a click puts the cover there", async () => {
  const view = run(widget, coverState({ place: [0, 0] }));
  await settle();
  drawn(view);
  const map = view.find(".cnn-sweep-map");
  let saved = 0;
  view.model.onsave = () => saved++;
  pointer(map, "pointermove", 7, 7);
  await settle();
  expect([finding(view), cover(view).style.top, whose(view)]).toEqual(["Now cat instead of dog", "50%", "Bars: row 4, column 4"]);
  expect(plain(read(view))).toBe("row 4, column 4: 40.0 points lost");
  pointer(map, "pointerleave", 7, 7);
  await settle();
  expect([finding(view), cover(view).style.top, read(view)]).toEqual(["Still dog", "0%", "Hover to bring back a place"]);
  expect([saved, view.model.get("place")]).toEqual([0, [0, 0]]);
  pointer(map, "click", 7, 7);
  expect([saved, view.model.get("place")]).toEqual([1, [4, 4]]);
});

test("arrows walk the map too, Enter puts the cover there", async () => {
  const view = run(widget, coverState({ place: [0, 0] }));
  await settle();
  const map = view.find(".cnn-sweep-map");
  map.focus();
  press(map, "ArrowDown");
  await settle();
  press(map, "ArrowRight");
  await settle();
  expect(plain(read(view))).toBe("row 2, column 2: 20.0 points lost");
  press(map, "Enter");
  expect(view.model.get("place")).toEqual([2, 2]);
});

test("s puts the cover where the class falls most", async () => {
  const view = run(widget, coverState({ target: 1 }));
  await settle();
  press(view.find(".cnn"), "s");
  expect(view.model.get("place")).toEqual([4, 4]);
});

test("the replay goes over the places and ends where it began; Esc stops it, then lifts the cover", async () => {
  vi.useFakeTimers();
  const view = run(widget, coverState({ place: [0, 0] }));
  await vi.advanceTimersByTimeAsync(0);
  press(view.find(".cnn"), "r");
  await vi.advanceTimersByTimeAsync(330);
  expect(whose(view)).not.toBe("Bars: row 0, column 0");
  await vi.advanceTimersByTimeAsync(400);
  expect(whose(view)).toBe("Bars: row 0, column 0");
  press(view.find(".cnn"), "r");
  await vi.advanceTimersByTimeAsync(200);
  const during = whose(view);
  pointer(drawn(view) && view.find(".cnn-sweep-map"), "pointermove", 7, 7);
  await vi.advanceTimersByTimeAsync(0);
  expect(whose(view)).toBe(during);
  press(view.find(".cnn"), "Escape");
  await vi.advanceTimersByTimeAsync(0);
  expect([whose(view), view.model.get("place")]).toEqual(["Bars: row 0, column 0", [0, 0]]);
  press(view.find(".cnn"), "Escape");
  expect(view.model.get("place")).toEqual([]);
  expect(press(view.find(".cnn"), "Escape").defaultPrevented).toBe(false);
});

test("where motion is not wanted the replay jumps to its end, and back", async () => {
  const before = globalThis.matchMedia;
  globalThis.matchMedia = ((query: string) => ({ matches: query.includes("reduced-motion"), addEventListener() {} })) as never;
  const view = run(widget, coverState({ place: [0, 0] }));
  await settle();
  press(view.find(".cnn"), "r");
  await settle();
  expect(whose(view)).toBe("Bars: row 4, column 4");
  press(view.find(".cnn"), "r");
  await settle();
  expect(whose(view)).toBe("Bars: row 0, column 0");
  view.model.set("maps", []);
  await settle();
  press(view.find(".cnn"), "r");
  globalThis.matchMedia = before;
});

test("a map under way is whole from the first, marks what is not computed, and says how far it is", async () => {
  const view = run(widget, coverState({ maps: [sweep({}, 4)] }));
  await settle();
  expect(plain(read(view))).toBe("44 % of the places so far");
  expect(view.find(".cnn-scale").textContent).toContain("not computed yet");
  expect(view.find(".cnn-sweep-hatch").hidden).toBe(false);
  const part = readSweep(sweep({}, 4));
  const values = drops(part, 1, "probability", 0.7);
  expect([...completed(part, values)].map(Math.round)).toEqual([0, 10, 10, 30, 40, 40, 30, 40, 40]);
  view.model.set("maps", [sweep()]);
  await settle();
  expect(view.find(".cnn-scale").textContent).not.toContain("not computed yet");
});

test("an earlier state of a finished map changes nothing", async () => {
  const view = run(widget, coverState());
  view.model.set("maps", [sweep({}, 4)]);
  await settle();
  expect(read(view)).toBe("Hover to bring back a place");
});

test("sizes and fills are asked for at once, and coming back to a finished map shows it", async () => {
  const view = run(widget, coverState({ place: [2, 2] }));
  await settle();
  press(view.find(".cnn"), "+");
  await settle();
  expect([view.model.get("window"), view.model.get("place")]).toEqual([5, [2, 2]]);
  expect(read(view)).toBe("Older: 4 px, stride 2, gray");
  press(view.find(".cnn"), "-");
  await settle();
  expect(read(view)).toBe("Hover to bring back a place");
  slide(view, "Size", 0.75);
  expect([view.model.get("window"), view.model.get("held")]).toEqual([6, true]);
  view.find("input[aria-label=Size]").dispatchEvent(new Event("change", { bubbles: true }));
  expect(view.model.get("held")).toBe(false);
  press(view.find(".cnn"), "f");
  expect(view.model.get("fill")).toBe("mean");
  choose(view, "Fill", "color");
  await settle();
  expect([view.model.get("fill"), view.find(".cnn-color").hidden]).toEqual(["#808080", false]);
});

test("a change of class or measure is drawn from what is there and asks nothing", async () => {
  const view = run(widget, coverState({ place: [4, 4] }));
  await settle();
  const sent = view.model.sent.length;
  press(view.find(".cnn"), "t");
  await settle();
  expect([view.model.get("target"), view.all(".cnn-panel h3")[2].textContent]).toEqual([2, "What “owl” depends on"]);
  view.all("[role=radio].cnn-answer").find((bar) => bar.textContent!.includes("cat"))!.click();
  await settle();
  view.find("[role=radio][data-value=score]").click();
  await settle();
  pointer(view.find(".cnn-sweep-map"), "pointermove", 0, 0);
  expect(view.find(".cnn-scale").textContent).toContain("Score lost");
  expect(view.model.sent).toHaveLength(sent);
});

test("bars are one tab stop; arrows choose the class whose map is shown", async () => {
  const view = run(widget, coverState());
  await settle();
  expect(view.all(".cnn-answer").map((bar) => bar.tabIndex)).toEqual([0, -1, -1]);
  view.all(".cnn-answer")[0].focus();
  press(document.activeElement!, "ArrowDown");
  await settle();
  expect([view.model.get("target"), document.activeElement!.getAttribute("aria-checked")]).toEqual([2, "true"]);
});

test("two classes are two maps under one scale, and x swaps them", async () => {
  const view = run(widget, coverState());
  await settle();
  view.find("[role=radio][data-value=class]").click();
  await settle();
  expect(view.model.get("compare")).toBe(2);
  choose(view, "Compared with", "0");
  await settle();
  expect(view.all(".cnn-sweep-head").map((head) => head.textContent)).toEqual(["Adog", "Bcat"]);
  expect(view.all(".cnn-scale .cnn-legend")).toHaveLength(1);
  press(view.find(".cnn"), "x");
  await settle();
  expect([view.model.get("target"), view.model.get("compare")]).toEqual([0, 1]);
  view.all(".cnn-answer").find((bar) => bar.textContent!.includes("dog"))!.click();
  expect([view.model.get("target"), view.model.get("compare")]).toEqual([1, 0]);
  view.find("[role=radio][data-value=none]").click();
  await settle();
  expect([view.model.get("compare"), view.all(".cnn-sweep")].map((each) => (Array.isArray(each) ? each.length : each))).toEqual([-1, 1]);
});

test("two fills are two maps; the second waits for Python and the first stays", async () => {
  const view = run(widget, coverState());
  await settle();
  view.find("[role=radio][data-value=fill]").click();
  await settle();
  expect([view.model.get("compare_fill"), view.model.get("compare")]).toEqual(["mean", -1]);
  expect(view.all(".cnn-sweep-head").map((head) => head.textContent)).toEqual(["Agray", "Bmean color"]);
  view.model.set("maps", [sweep(), sweep({ fill: "mean" })]);
  await settle();
  pointer(drawn(view) && view.all(".cnn-sweep-map")[1], "pointermove", 0, 0);
  await settle();
  expect(plain(read(view))).toContain("row 0, column 0");
});

test("in a saved page dragging and arrows snap to what was computed, bars and all, and no message leaves", async () => {
  const { maps, ...rest } = coverState();
  const part = sweep({ best: ints(1, -1, 1, 1, 1, 1, 1, 0, 0) });
  const view = run(widget, { ...rest, maps: [], archive: archive(part) });
  await settle();
  const photo = drawn(view);
  pointer(photo, "pointerdown", 0.5, 3.5);
  await settle();
  expect(view.model.get("place")).toEqual([0, 0]);
  pointer(photo, "pointermove", 5.4, 5.1);
  pointer(photo, "pointerup", 5.4, 5.1);
  await settle();
  expect([view.model.get("place"), finding(view)]).toEqual([[4, 4], "Now cat instead of dog"]);
  press(cover(view), "ArrowUp");
  press(cover(view), "ArrowUp");
  expect(view.model.get("place")).toEqual([0, 4]);
  press(cover(view), "ArrowLeft");
  expect(view.model.get("place")).toEqual([0, 0]);
  expect([view.model.get("held"), view.model.sent]).toEqual([false, []]);
  expect(maps).toHaveLength(1);
});

test("what needs Python is off in a saved page, and a sentence says so; other saved maps can be had", async () => {
  const view = run(widget, coverState({ maps: [], archive: archive(sweep(), sweep({ fill: "blur", stride: 4, rows: 2, columns: 2 })) }));
  await settle();
  const off = (query: string) => view.find(query).getAttribute("aria-disabled");
  expect([off("[data-value=brush]"), off("[data-value=circle]"), off("[data-value=fast]"), (view.find("input[aria-label=Size]") as HTMLInputElement).disabled]).toEqual(["true", "true", "true", true]);
  const fills = view.all("select[aria-label=Fill] option").filter((each) => !(each as HTMLOptionElement).disabled).map((each) => each.textContent);
  expect(fills).toEqual(["Gray", "Blur"]);
  expect(view.find("[role=status].cnn-task-text").textContent).toContain("without Python");
  choose(view, "Fill", "blur");
  await settle();
  expect([view.model.get("fill"), view.model.get("stride")]).toEqual(["blur", 4]);
  press(view.find(".cnn"), "b");
  press(view.find(".cnn"), "+");
  expect([view.model.get("mode"), view.model.get("window")]).toEqual(["cover", 4]);
});

test("a saved page opens on the map that it has", async () => {
  const view = run(widget, coverState({ maps: [], stride: 1, archive: archive(sweep()) }));
  await settle();
  expect([view.model.get("stride"), read(view)]).toEqual([2, "Hover to bring back a place"]);
});

test("a picture whose map was not saved says so", async () => {
  const view = run(widget, coverState({ maps: [], image: 1, archive: archive(sweep()) }));
  await settle();
  expect(view.find(".cnn-instead h3").textContent).toBe("Not computed");
});

test("float16 of an archive is read as such", () => {
  const info = sweep();
  const shares = [...readSweep(info).probabilities];
  const small = readSweep({ ...info, probabilities: halves(...shares), logits: halves(...shares) });
  expect([...small.probabilities].every((share, k) => Math.abs(share - shares[k]) < 1e-3)).toBe(true);
});

test("a brush draws at once, tells its bits and its stroke, and only the answer to that stroke is its", async () => {
  const view = run(widget, coverState({ mode: "brush" }));
  await settle();
  expect(finding(view)).toBe("Dog, with nothing covered");
  const photo = drawn(view);
  pointer(photo, "pointerdown", 4, 4);
  pointer(photo, "pointermove", 4, 6);
  const brush = view.model.get("brush");
  expect([brush.image, brush.height, brush.width, brush.stroke, view.model.get("held")]).toEqual([0, 8, 8, 2, true]);
  const drawing = unpacked(new Uint8Array(brush.data.buffer), 8, 8);
  expect([drawing.mask[4 * 8 + 4], drawing.mask[4 * 8 + 5], drawing.mask[0]]).toEqual([1, 1, 0]);
  pointer(photo, "pointerup", 4, 6);
  expect(view.model.get("held")).toBe(false);
  view.model.set("answer", coverAnswer(0, 0, [0.9, 0.05, 0.05], { brush: true, stroke: 1 }));
  await settle();
  expect(cover(view).hidden).toBe(true);
  expect(view.find(".cnn-cover-pen").getAttribute("aria-label")).toContain("computing");
  view.model.set("answer", coverAnswer(0, 0, [0.8, 0.1, 0.1], { brush: true, stroke: 2 }));
  await settle();
  expect([finding(view), whose(view)]).toEqual(["Now cat instead of dog", "Bars: what was drawn"]);
});

test("the brush is drawn with by keys too: Space puts it down, arrows move it, e erases, undo and clear", async () => {
  const view = run(widget, coverState({ mode: "brush" }));
  await settle();
  const pen = view.find(".cnn-cover-pen");
  const count = () => { const { data } = view.model.get("brush"); return data ? covers(unpacked(new Uint8Array(data.buffer), 8, 8)) : 0; };
  press(pen, "ArrowRight");
  expect(count()).toBe(0);
  press(pen, " ");
  await settle();
  const one = count();
  press(pen, "ArrowDown");
  press(pen, "ArrowDown", { altKey: true });
  expect([one > 0, count() > one, view.model.get("held")]).toEqual([true, true, true]);
  press(pen, " ");
  expect(view.model.get("held")).toBe(false);
  const all = count();
  press(pen, "e");
  await settle();
  press(pen, " ");
  await settle();
  press(pen, " ");
  expect(count()).toBeLessThan(all);
  press(pen, "z", { ctrlKey: true });
  expect(count()).toBe(all);
  press(pen, "Delete");
  expect([count(), Object.keys(view.model.get("brush"))]).toEqual([0, []]);
  press(pen, "z", { ctrlKey: true });
  expect(count()).toBe(all);
});

test("the live region speaks once a cover has come to rest, not at every move", async () => {
  vi.useFakeTimers();
  const view = run(widget, coverState({ place: [0, 0] }));
  await vi.advanceTimersByTimeAsync(1000);
  const region = view.find(".cnn-speech > .cnn-sr");
  const told = plain(region.textContent);
  press(cover(view), "ArrowRight");
  await vi.advanceTimersByTimeAsync(1000);
  expect(plain(region.textContent)).toBe(told);
  cover(view).dispatchEvent(new KeyboardEvent("keyup", { key: "ArrowRight", bubbles: true }));
  await vi.advanceTimersByTimeAsync(1000);
  expect(plain(region.textContent)).toBe("Still dog. dog 65.0 %.");
});

test("with no picture the widget says what to do, and hostile names are text", async () => {
  const view = run(widget, coverState({ pictures: [], maps: [] }));
  await settle();
  expect(view.find(".cnn-instead h3").textContent).toBe("Nothing to cover yet");
  const name = "<img src=x onerror=globalThis.hit=1>";
  const other = run(widget, coverState({ labels: [name, name, name], pictures: [picture(name)] }));
  await settle();
  expect(other.el.querySelectorAll("img[onerror], img[src=x]")).toHaveLength(0);
});

test("marks that turn the direction of text are left out of names", async () => {
  const view = run(widget, coverState({ labels: ["cat", "\u202edog\u2066", "owl"] }));
  await settle();
  expect(bars(view)[0]).toBe("dog, 70.0 %");
});

test("two fills that are fast say which note is whose", async () => {
  const pair = [sweep({ note: "Off by 1." }), sweep({ fill: "black", note: "Off by 2." })];
  const view = run(widget, coverState({ compare_fill: "black", maps: pair }));
  await settle();
  expect(view.find(".cnn-about > .cnn-small").textContent).toBe("A: Off by 1. B: Off by 2.");
});

test("notes of the map, and a notice in its place, are shown", async () => {
  const view = run(widget, coverState({ maps: [sweep({ note: "Approximate: within 0.4 points on 24 places." })] }));
  await settle();
  expect(view.find(".cnn-about .cnn-small").textContent).toContain("0.4 points");
  view.model.set("notice", { kind: "fail", title: "Out of memory", text: "It did not fit.", actions: [], detail: "" });
  await settle();
  expect(view.all("[role=alert]").map((each) => each.querySelector("h3")!.textContent)).toEqual(["Out of memory"]);
});

test("what a view holds ends with it, and a cover that is held is let go", async () => {
  const view = run(widget, coverState());
  await settle();
  pointer(drawn(view), "pointerdown", 3, 3);
  view.end();
  expect([view.model.listeners, view.model.get("held")]).toEqual([0, false]);
});

test("places are found by corner, by nearness and by walking over what is not computed", () => {
  const whole = readSweep(sweep());
  const part = readSweep(sweep({}, 4));
  expect([placeOf(whole, 2, 4), placeOf(whole, 1, 4), nearestPlace(whole, 2.9, 3.2), nearestPlace(part, 2, 3)]).toEqual([5, -1, 5, 2]);
  expect([walkedPlace(whole, 0, [0, 1]), walkedPlace(part, 0, [0, 1]), walkedPlace(whole, 8, [0, 1]), walkedPlace(whole, 1, [1, 0], 9)]).toEqual([1, 2, 8, 7]);
  expect([...drops(whole, 1, "score", 0.7)][8]).toBeCloseTo(Math.log(0.7) - Math.log(0.3), 5);
  expect(strongestPlace(Float32Array.from([NaN, 1, 3, NaN, 2]))).toBe(2);
  expect(completed({ rows: 1, columns: 2 }, Float32Array.from([NaN, 1]))[0]).toBeNaN();
});

test("the leaders are the largest in order, whatever is not a number", () => {
  const values = Float32Array.from({ length: 500 }, (_, k) => (k % 50 ? (k * 37) % 101 : NaN));
  const slow = [...values.keys()].filter((k) => values[k] === values[k]).sort((a, b) => values[b] - values[a] || a - b).slice(0, 7);
  expect(leaders(values, 7)).toEqual(slow);
  expect(leaders(floatsOf(0.5), 3)).toEqual([0]);
});

const floatsOf = (...values: number[]) => Float32Array.from(values);

test("a newcomer takes the row of the class that has left", () => {
  const said = saidOfNothing(0, floatsOf(0.1, 0.2, 0.3, 0.4));
  expect(inOrder(said, [3, 2, 1], [2, 0, 3], true)).toEqual([2, 1, 3]);
  expect(inOrder(said, [1, 3, 2], [2, 0, 3], false)).toEqual([3, 2, 1]);
  expect(listed(said, [0, -1, 0], 2)).toEqual([0, 3]);
});

test.each([
  [[0.1, 0.7, 0.2], "Still dog"],
  [[0.3, 0.5, 0.2], "Still dog, less sure"],
  [[0.0, 0.9, 0.1], "Still dog, surer"],
  [[0.6, 0.2, 0.2], "Now cat instead of dog"],
])("%j reads: %s", (probabilities, words) => {
  expect(inWords(saidByAnswer(coverAnswer(0, 0, probabilities)), floatsOf(0.1, 0.7, 0.2), (k) => ["cat", "dog", "owl"][k])).toBe(words);
});

test("a leader that the map does not keep is named all the same", () => {
  const said = saidBySweep(readSweep(sweep({ best: ints(...Array(9).fill(5)) })), 0);
  expect(inWords(said, floatsOf(0.1, 0.7, 0.2), String)).toBe("Now 5 instead of 1");
});

test("a stroke has no gaps, and its bits are those of numpy.packbits", () => {
  const drawing = emptyDrawing(4, 20);
  line(drawing, [2, 1], [2, 19], 1, 1);
  expect([...drawing.mask.slice(40, 60)]).toEqual(Array(20).fill(1));
  stamp(drawing, 2, 10, 1, 0);
  expect(drawing.mask[2 * 20 + 10]).toBe(0);
  const few = { height: 1, width: 10, mask: Uint8Array.from([1, 0, 0, 0, 0, 0, 1, 1, 0, 1]) };
  expect([...new Uint8Array(packed(few).buffer)]).toEqual([131, 64]);
  expect([...unpacked(new Uint8Array(packed(few).buffer), 1, 10).mask]).toEqual([...few.mask]);
});

test("fills are what Python lays over the picture", () => {
  const pixels = Uint8ClampedArray.from([10, 20, 30, 255, 30, 40, 50, 255, 10, 20, 30, 255, 30, 40, 50, 255]);
  const first = (fill: string) => [...fillPixels(pixels, 2, 2, fill).slice(0, 4)];
  expect([first("gray"), first("black"), first("white"), first("mean"), first("#ff8000")]).toEqual([[128, 128, 128, 255], [0, 0, 0, 255], [255, 255, 255, 255], [20, 30, 40, 255], [255, 128, 0, 255]]);
  const flat = new Uint8ClampedArray(4 * 64).fill(90);
  expect([...fillPixels(flat, 8, 8, "blur").slice(0, 4)]).toEqual([90, 90, 90, 255]);
  // torch.rand((3, 2, 2)), and (1, 20, 20), with seed 0
  expect([...fillPixels(pixels, 2, 2, "noise")]).toEqual([127, 78, 116, 255, 196, 162, 161, 255, 23, 125, 89, 255, 34, 229, 102, 255]);
  expect([...fillPixels(new Uint8ClampedArray(1600).fill(7), 20, 20, "noise").slice(-4)]).toEqual([226, 226, 226, 255]);
  const many = fillPixels(Uint8ClampedArray.from({ length: 1600 }, (_, k) => k % 4), 20, 20, "noise"); // beyond the generator's state
  expect([...many.slice(-4)]).toEqual([226, 105, 96, 255]);
  expect(first("inpaint")).toEqual([10, 20, 30, 255]);
});

test.each([[50.74, "+50.7"], [-27.1, "−27.1"], [0.04, "0"], [-0.04, "0"], [NaN, "NaN"]])("a change of %d reads %s", (change, text) => expect(points(change)).toBe(text));

test("bytes at an odd offset are read right", async () => {
  const info = coverAnswer(1, 1, [0.1, 0.2, 0.7]);
  const room = new Uint8Array(12 + 3);
  room.set(new Uint8Array(floats(0.1, 0.2, 0.7).buffer), 3);
  const view = run(widget, coverState({ place: [1, 1], maps: [], answer: { ...info, probabilities: new DataView(room.buffer, 3, 12) } }));
  await settle();
  expect(finding(view)).toBe("Now owl instead of dog");
});
