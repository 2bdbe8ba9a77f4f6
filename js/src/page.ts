/**
 * What runs a widget in an exported page, from a file and with no request.
 *
 * The page holds
 *   <style>…the widget's .css…</style>
 *   <div id="cnn-root"></div>
 *   <script type="application/json" id="cnn-state">…</script>
 *   <script type="text/plain" id="cnn-esm">…the widget's .js…</script>
 *   <script>…this file…</script>
 *
 * The state is one JSON object, {trait name: value}, with every trait of the widget. Any bytes value, at any depth, is
 * written as {"$bytes": "<base64>"} and arrives in the widget as a DataView. Every "<" in the JSON must be written as
 * \u003c, and "</script" in the ESM (in any case) as <\/script, so that neither ends its element early.
 * The `data` of an archive's entries may be deflated (zlib); the widget unpacks it.
 */

import type { RenderOptions } from "./kit/model";
import { PlainModel } from "./kit/plain_model";

/** Parse a state; bytes become DataViews. */
export function readState(json: string): Record<string, unknown> {
  return JSON.parse(json, (_, value) => (isBytes(value) ? decode(value.$bytes) : value));
}

function isBytes(value: unknown): value is { $bytes: string } {
  return typeof value === "object" && value !== null && typeof (value as { $bytes?: unknown }).$bytes === "string";
}

function decode(base64: string): DataView {
  return new DataView(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
}

interface Widget {
  default: { render(options: RenderOptions<any>): unknown };
}

/** Run the widget of a page. */
export async function start(page: Document): Promise<void> {
  const text = (id: string) => page.getElementById(id)?.textContent ?? "";
  const place = page.getElementById("cnn-root") ?? page.body.appendChild(page.createElement("div"));
  const url = URL.createObjectURL(new Blob([text("cnn-esm")], { type: "text/javascript" }));
  try {
    const widget = (await import(/* @vite-ignore */ url)) as Widget;
    const model = new PlainModel(readState(text("cnn-state")));
    widget.default.render({ model: model as never, el: place, signal: new AbortController().signal });
  } catch (error) {
    place.textContent = `This page could not be started: ${error}`;
  } finally {
    URL.revokeObjectURL(url);
  }
}

if (document.getElementById("cnn-state")) void start(document);
