import assert from "node:assert/strict";
import { wantsColor } from "./session.ts";

const env = (variables: Record<string, string>) => (name: string) => variables[name];

Deno.test("wantsColor() colours a terminal and nothing else", () => {
  assert.equal(wantsColor(true, env({})), true);
  assert.equal(wantsColor(false, env({})), false);
  assert.equal(wantsColor(false, env({ CI: "1" })), false);
  assert.equal(wantsColor(true, env({ TERM: "dumb" })), false);
});

Deno.test("wantsColor() obeys NO_COLOR above all, FORCE_COLOR below it, and neither when empty", () => {
  assert.equal(wantsColor(true, env({ NO_COLOR: "1" })), false);
  assert.equal(wantsColor(true, env({ NO_COLOR: "1", FORCE_COLOR: "1" })), false);
  assert.equal(wantsColor(true, env({ NO_COLOR: "" })), true);
  assert.equal(wantsColor(false, env({ FORCE_COLOR: "1" })), true);
  assert.equal(wantsColor(true, env({ FORCE_COLOR: "0" })), false);
});
