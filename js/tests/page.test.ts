// @vitest-environment jsdom
import { expect, test } from "vitest";
import { readState } from "../src/page";

test("bytes at any depth become views, everything else stays", () => {
  const state = readState('{"a": {"$bytes": "AQID"}, "list": [{"data": {"$bytes": ""}, "n": -1}], "text": "\\u003cb>", "none": null}') as any;
  expect(state.a).toBeInstanceOf(DataView);
  expect([state.a.getUint8(0), state.a.byteLength, state.list[0].data.byteLength, state.list[0].n, state.text, state.none]).toEqual([1, 3, 0, -1, "<b>", null]);
});
