/** One view of a model: its life, and what to do when it cannot even begin. */

import { onEnd } from "./ending";
import type { RenderOptions } from "./model";
import { h } from "./dom";
import { message } from "./message";

/** Wrap a widget as the `render` of an anywidget: everything it holds ends with the signal it is given. */
export function view<Traits>(start: (options: Required<RenderOptions<Traits>>) => void) {
  return ({ model, el, signal }: RenderOptions<Traits>): (() => void) => {
    const life = new AbortController();
    const end = () => life.abort();
    if (signal?.aborted) end();
    if (signal) onEnd(signal, end);
    try {
      start({ model, el, signal: life.signal });
    } catch (error) {
      console.error(error);
      el.replaceChildren(h("section", { class: "cnn" }, message("fail", "This widget could not start", String(error), [], (error as Error).stack ?? "")));
    }
    return end;
  };
}
