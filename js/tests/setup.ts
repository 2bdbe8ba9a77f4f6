/** What jsdom leaves out. */

import { setMaxListeners } from "node:events";
import { beforeEach } from "vitest";

setMaxListeners(0);

if (globalThis.document) {
  HTMLCanvasElement.prototype.getContext = (() => null) as never;
  URL.createObjectURL = () => "blob:picture";
  URL.revokeObjectURL = () => {};
  globalThis.matchMedia ??= (() => ({ matches: false, addEventListener() {} })) as never;
  performance.measure = (() => {}) as never;
  beforeEach(() => document.body.replaceChildren());
}
