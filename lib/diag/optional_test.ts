import assert from "node:assert/strict";
import { optional } from "./optional.ts";

Deno.test("optional() keeps what is defined, and lacks the other keys", () => {
  const kept = optional({ a: 0, b: undefined, c: "", d: false, e: null });
  assert.deepEqual(Object.keys(kept), ["a", "c", "d", "e"]);
  assert.deepEqual({ x: 1, ...kept }, { x: 1, a: 0, c: "", d: false, e: null });
});
