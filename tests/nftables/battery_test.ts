import assert from "node:assert/strict";
import { lastingFailures } from "./_battery.ts";
import { everything, everythingLive, startEverything } from "./_everything.ts";
import { rulesetOf } from "./_rules.ts";

Deno.test("the whole ruleset passes every check that its mutants have to pass", async () => {
  await using lab = await startEverything();
  await lab.host.nft(rulesetOf(everything, everythingLive).text);
  assert.deepEqual(await lastingFailures(lab), []);
});
