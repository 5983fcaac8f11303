import assert from "node:assert/strict";
import { untried } from "./tried_version.ts";

Deno.test("untried() knows what the tests ran on, and whatever begins like one", () => {
  assert.equal(untried("incus", "6.0.4"), undefined);
  assert.equal(untried("incus", "7.0.2"), undefined);
  assert.equal(untried("ansible", "2.19.14"), undefined);
  assert.match(untried("incus", "6.23.0") ?? "", /not tested with it, only with 6\.0, 7\.0/);
  assert.match(untried("incus", "7.1") ?? "", /not tested/);
  assert.equal(untried("nft", "1.1.3"), undefined);
  assert.match(untried("nft", "1.1.30") ?? "", /not tested/);
});
