/** All that a front-end asks of its host: a model in the sense of anywidget. */

import { onEnd } from "./ending";

export interface Model<Traits> {
  get<Name extends keyof Traits & string>(name: Name): Traits[Name];
  set<Name extends keyof Traits & string>(name: Name, value: Traits[Name]): void;
  on(event: string, react: (...values: any[]) => void): void;
  off(event?: string | null, react?: ((...values: any[]) => void) | null): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void;
}

export interface RenderOptions<Traits> {
  model: Model<Traits>;
  el: HTMLElement;
  signal?: AbortSignal;
}

export function listen(model: Model<any>, event: string, react: (...values: any[]) => void, signal: AbortSignal): void {
  if (signal.aborted) return;
  model.on(event, react);
  onEnd(signal, () => model.off(event, react));
}

/** React to changes of the named traits. */
export function watch<Traits>(
  model: Model<Traits>,
  names: readonly (keyof Traits & string)[],
  react: () => void,
  signal: AbortSignal,
): void {
  for (const name of names) listen(model, `change:${name}`, react, signal);
}

/** Set traits and tell Python: the host keeps one message in flight and merges the rest, so the latest wins. */
export function assign<Traits>(model: Model<Traits>, values: Partial<Traits>): void {
  for (const [name, value] of Object.entries(values)) {
    model.set(name as keyof Traits & string, value as Traits[keyof Traits & string]);
  }
  model.save_changes();
}

/** Many changes, one redraw: `draw` runs once after the present event. */
export function batched(draw: () => void, signal: AbortSignal): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      if (!signal.aborted) draw();
    });
  };
}

/** A dict trait is `{}` while there is nothing to tell. */
export function filled<T extends object>(value: T | Record<string, never> | null | undefined): T | null {
  return value && Object.keys(value).length > 0 ? (value as T) : null;
}
