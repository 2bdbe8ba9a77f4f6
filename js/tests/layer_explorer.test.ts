// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { PlainModel } from "../src/kit/plain_model";
import widget from "../src/widgets/layer_explorer";
import { bytes, explorerState, floats, layer, maps, picture, press, run, settle, show } from "./states";

const HOSTILE = `"><img src=x onerror="globalThis.hit=1"><script>globalThis.hit=1</script>`;
const tiles = (view: { all: (query: string) => HTMLElement[] }) => view.all("[role=gridcell]");
const shownLayer = (view: { find: (query: string) => HTMLElement }) => view.find(".cnn-maps-title h3").textContent;

afterEach(() => vi.useRealTimers());

test("a view asks Python once for what it shows, and shows the maps it has", async () => {
  const view = run(widget, explorerState());
  await settle();
  expect(view.model.sent.map(({ content }) => content)).toEqual([{ type: "run" }]);
  expect(tiles(view)).toHaveLength(3);
  expect(tiles(view).map((tile) => tile.textContent)).toEqual(["0", "1silent", "2NaN"]);
});

test("names of layers, classes, pictures and the network are text, whatever stands in them", async () => {
  const state = explorerState({
    subject: HOSTILE, message: HOSTILE, layer: HOSTILE, labels: [HOSTILE, HOSTILE, HOSTILE], layers: [layer(HOSTILE, { kind: HOSTILE })],
    pictures: [picture(HOSTILE)], maps: maps(0, HOSTILE),
  });
  const view = run(widget, state);
  await settle();
  expect(view.el.querySelectorAll("script, img[onerror], img[src=x]")).toHaveLength(0);
  expect(shownLayer(view)).toBe(HOSTILE);
  expect((globalThis as any).hit).toBeUndefined();
  view.model.set("notice", { kind: "fail", title: HOSTILE, text: HOSTILE, actions: [{ label: HOSTILE, set: {} }], detail: HOSTILE });
  await settle();
  expect(view.find(".cnn-msg h3").textContent).toBe(HOSTILE);
  expect(view.el.querySelectorAll("script, img[onerror], img[src=x]")).toHaveLength(0);
});

test("clicking a tile chooses its unit, and the inspector tells its address", async () => {
  const view = run(widget, explorerState());
  await settle();
  tiles(view)[1].click();
  await settle();
  expect(view.model.get("channel")).toBe(1);
  expect(view.find(".cnn-address").textContent).toBe("conv1:1");
  tiles(view)[1].click();
  expect(view.model.get("channel")).toBe(1);
});

test("without a choice the first tile is chosen; Esc lets go of it and it stays so", async () => {
  const view = run(widget, explorerState());
  await settle();
  expect(view.model.get("channel")).toBe(0);
  press(view.find(".cnn"), "Escape");
  await settle();
  expect(view.model.get("channel")).toBe(-1);
  expect(view.find(".le-side h3").textContent).toBe("No unit chosen");
});

test("arrows move through the grid, and the one tab stop follows", async () => {
  const view = run(widget, explorerState({ channel: 0 }));
  await settle();
  tiles(view)[0].focus();
  press(tiles(view)[0], "ArrowRight");
  expect(view.model.get("channel")).toBe(1);
  expect(tiles(view).map((tile) => tile.tabIndex)).toEqual([-1, 0, -1]);
  expect(document.activeElement).toBe(tiles(view)[1]);
});

test("a reply for another layer is kept, not shown", async () => {
  const view = run(widget, explorerState());
  await settle();
  view.model.set("maps", maps(0, "conv2"));
  await settle();
  expect(shownLayer(view)).toBe("conv1");
  view.model.set("layer", "conv2");
  await settle();
  expect(shownLayer(view)).toBe("conv2");
});

test("a reply for another picture is not shown for this one", async () => {
  const view = run(widget, explorerState({ channel: 0 }));
  await settle();
  view.model.set("maps", { ...maps(1, "conv1"), hi: floats(99, 0, NaN) });
  await settle();
  expect(view.find(".cnn-maps-read").textContent).toContain("maximum 10");
  view.model.set("image", 1);
  await settle();
  expect(view.find(".cnn-maps-read").textContent).toContain("maximum 99");
});

test("choosing layers in a row leaves the last one, and what came for the others is not lost", async () => {
  const view = run(widget, explorerState());
  await settle();
  const saves: string[] = [];
  view.model.onsave = () => saves.push(view.model.get("layer"));
  press(view.find(".cnn"), "o");
  press(view.find(".cnn"), "o");
  expect(saves).toEqual(["conv2", "fc"]);
  view.model.set("maps", maps(0, "conv2"));
  await settle();
  expect(shownLayer(view)).toBe("conv1");
  view.model.set("maps", { ...maps(0, "fc"), height: 1, width: 1, full: [1, 1], lo: floats(1, 2, 3), hi: floats(1, 2, 3), data: bytes(0, 0, 0) });
  await settle();
  expect(shownLayer(view)).toBe("fc");
});

test("waiting for another layer shows empty wells, but only after a moment", async () => {
  vi.useFakeTimers();
  const view = run(widget, explorerState());
  await vi.advanceTimersByTimeAsync(0);
  view.model.set("layer", "conv2");
  await vi.advanceTimersByTimeAsync(100);
  expect(shownLayer(view)).toBe("conv1");
  await vi.advanceTimersByTimeAsync(100);
  expect(shownLayer(view)).toBe("conv2");
  expect(view.find(".cnn-how").textContent).toContain("Waiting");
  expect(tiles(view)).toHaveLength(3);
});

test("waiting for another picture keeps the old maps and says that they are older", async () => {
  vi.useFakeTimers();
  const view = run(widget, explorerState());
  await vi.advanceTimersByTimeAsync(0);
  view.model.set("image", 1);
  await vi.advanceTimersByTimeAsync(200);
  expect(view.find(".cnn-how").textContent).toContain("cat.jpg");
  expect(view.find(".cnn-how").textContent).toContain("older");
});

test("being busy shows only after 150 ms", async () => {
  vi.useFakeTimers();
  const view = run(widget, explorerState());
  await vi.advanceTimersByTimeAsync(0);
  view.model.set("status", "busy");
  await vi.advanceTimersByTimeAsync(140);
  expect(view.find(".cnn").dataset.state).toBe("ready");
  await vi.advanceTimersByTimeAsync(20);
  expect(view.find(".cnn").dataset.state).toBe("busy");
  view.model.set("status", "ready");
  await vi.advanceTimersByTimeAsync(0);
  expect(view.find(".cnn").dataset.state).toBe("ready");
});

test("no answer for 3 s means no kernel; a message ends that", async () => {
  vi.useFakeTimers();
  const view = run(widget, explorerState());
  await vi.advanceTimersByTimeAsync(2990);
  expect(view.find(".cnn").dataset.state).toBe("ready");
  await vi.advanceTimersByTimeAsync(20);
  expect(view.find(".cnn").dataset.state).toBe("offline");
  expect(view.find(".cnn-drop").getAttribute("aria-disabled")).toBe("true");
  view.model.emit("msg:custom", { type: "alive" }, []);
  await vi.advanceTimersByTimeAsync(0);
  expect(view.find(".cnn").dataset.state).toBe("ready");
  await vi.advanceTimersByTimeAsync(9000);
  expect(view.find(".cnn").dataset.state).toBe("ready");
});

test("an answer in time means a kernel, until a later question goes unanswered", async () => {
  vi.useFakeTimers();
  const view = run(widget, explorerState({ channel: 0 }));
  view.model.emit("msg:custom", { type: "alive" }, []);
  await vi.advanceTimersByTimeAsync(8000);
  expect(view.find(".cnn").dataset.state).toBe("ready");
  press(view.find(".cnn"), "o");
  await vi.advanceTimersByTimeAsync(3100);
  expect(view.find(".cnn").dataset.state).toBe("offline");
});

test("a layer that no kernel computes leaves the last maps to look at", async () => {
  vi.useFakeTimers();
  const view = run(widget, explorerState({ channel: 0 }));
  view.model.emit("msg:custom", { type: "alive" }, []);
  press(view.find(".cnn"), "o");
  await vi.advanceTimersByTimeAsync(3200);
  expect(view.find(".cnn").dataset.state).toBe("offline");
  expect(shownLayer(view)).toBe("conv1");
  expect(view.find(".cnn-how").textContent).toContain("older");
  tiles(view)[1].click();
  await vi.advanceTimersByTimeAsync(0);
  expect(view.find(".cnn-address").textContent).toBe("conv1:1");
});

test("keys typed into a field stay in the field", async () => {
  const view = run(widget, explorerState());
  await settle();
  const event = press(view.find("input[type=search]"), "o");
  expect(event.defaultPrevented).toBe(false);
  expect(view.model.get("layer")).toBe("conv1");
  expect(view.find(".cnn-help").hidden).toBe(true);
});

test("a key that was used goes no further, another passes, and so do chords", async () => {
  const view = run(widget, explorerState());
  await settle();
  const heard: string[] = [];
  document.body.addEventListener("keydown", (event) => heard.push(event.key));
  for (const key of ["o", "u", "z", "i", "h", "q"]) press(view.find(".cnn-unit-head .cnn-btn"), key);
  press(view.find(".cnn"), "i", { ctrlKey: true });
  expect(heard).toEqual(["q", "i"]);
});

test("Esc closes the help before it lets go of anything", async () => {
  const view = run(widget, explorerState({ channel: 0 }));
  await settle();
  press(view.find(".cnn"), "?");
  expect(view.find(".cnn-help").hidden).toBe(false);
  press(view.find(".cnn"), "Escape");
  expect([view.find(".cnn-help").hidden, view.model.get("channel")]).toEqual([true, 0]);
  press(view.find(".cnn"), "Escape");
  expect(view.model.get("channel")).toBe(-1);
});

test("the filter keeps only the channels named, and says so when there is none", async () => {
  const view = run(widget, explorerState());
  await settle();
  const search = view.find<HTMLInputElement>("input[type=search]");
  const type = (text: string) => { search.value = text; search.dispatchEvent(new Event("input")); };
  type("dead");
  expect(tiles(view).map((tile) => tile.dataset.item)).toEqual(["1"]);
  type("7");
  expect(view.find(".cnn-maps-place h3").textContent).toBe("No channel matches");
  view.find(".cnn-maps-place .cnn-btn").click();
  expect(tiles(view)).toHaveLength(3);
});

test("the color map is a trait, so Python and other views follow", async () => {
  const view = run(widget, explorerState());
  await settle();
  const choice = view.find<HTMLSelectElement>("[aria-label='Color map']");
  choice.value = "gray";
  choice.dispatchEvent(new Event("change"));
  expect(view.model.get("colormap")).toBe("gray");
  view.model.set("colormap", "viridis");
  await settle();
  expect(choice.value).toBe("viridis");
});

test("exact values replace those of the tile when they come", async () => {
  const view = run(widget, explorerState({ channel: 0 }));
  await settle();
  view.model.set("unit", { image: 0, layer: "conv1", channel: 0, height: 2, width: 2, data: floats(0, 2, 4, 9.87), similar: [1] });
  await settle();
  expect(view.find(".cnn-unit-read").textContent).toContain("@1,19.87");
  expect(view.all(".cnn-near-tiles .cnn-tile")).toHaveLength(1);
});

test("two views of one model both follow it, and the one that ends leaves nothing behind", async () => {
  const model = new PlainModel(explorerState());
  const [first, second] = [show(widget, model), show(widget, model)];
  await settle();
  const both = model.listeners;
  tiles(first)[1].click();
  await settle();
  expect(second.find(".cnn-address").textContent).toBe("conv1:1");
  first.end();
  expect(model.listeners).toBe(both / 2);
  tiles(second)[2].click();
  await settle();
  expect(second.find(".cnn-address").textContent).toBe("conv1:2");
  second.end();
  expect(model.listeners).toBe(0);
});

test("the signal of the host ends a view too", () => {
  const model = new PlainModel(explorerState());
  const life = new AbortController();
  widget.render({ model: model as never, el: document.createElement("div"), signal: life.signal });
  expect(model.listeners).toBeGreaterThan(0);
  life.abort();
  expect(model.listeners).toBe(0);
});

test("a saved page shows what was saved and asks nobody", async () => {
  const view = run(widget, explorerState({ maps: {}, archive: { kind: "layer_explorer", entries: { "0|conv1": maps(0, "conv1") } } }));
  await settle();
  await settle();
  expect(view.model.sent).toEqual([]);
  expect(view.find(".cnn").dataset.state).toBe("offline");
  expect(tiles(view)).toHaveLength(3);
  expect(view.find(".cnn-unit-views .cnn-small").hidden).toBe(false);
  expect(view.all(".cnn-ribbon [role=option]").map((row) => row.getAttribute("aria-disabled"))).toEqual([null, "true", "true"]);
  view.model.set("layer", "conv2");
  await settle();
  expect(view.find(".cnn-maps-place h3").textContent).toBe("Not in this page");
});

test("an error while drawing is shown in the widget, not as an empty cell", async () => {
  const quiet = vi.spyOn(console, "error").mockImplementation(() => {});
  const view = run(widget, explorerState());
  await settle();
  view.model.set("layers", 3);
  await settle();
  expect(view.find("[role=alert] h3").textContent).toBe("This view could not be drawn");
  quiet.mockRestore();
});

test("without pictures there is a place to drop them", async () => {
  const view = run(widget, explorerState({ pictures: [], image: -1, status: "empty", maps: {} }));
  await settle();
  expect(view.find(".cnn-maps-place h3").textContent).toBe("No picture yet");
  expect(view.find(".cnn-drop").textContent).toContain("browse");
});

test("an action of a notice sets its traits", async () => {
  const view = run(widget, explorerState({ status: "failed", notice: { kind: "fail", title: "T", text: "t", actions: [{ label: "Use conv2", set: { layer: "conv2" } }], detail: "Traceback" } }));
  await settle();
  const trace = view.find(".cnn-trace");
  expect(trace.hidden).toBe(true);
  view.all(".cnn-msg .cnn-btn")[1].click();
  expect(trace.hidden).toBe(false);
  view.all(".cnn-msg .cnn-btn")[0].click();
  expect(view.model.get("layer")).toBe("conv2");
});
