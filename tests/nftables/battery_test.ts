import assert from "node:assert/strict";
import { lastingFailures } from "./_battery.ts";
import { everything, everythingLive, startEverything } from "./_everything.ts";
import { rulesetOf } from "./_rules.ts";

Deno.test("all that is asked of each mutant of the ruleset holds of the whole one", async () => {
  await using lab = await startEverything();
  await lab.host.nft(rulesetOf(everything, everythingLive).text);
  assert.deepEqual(await lastingFailures(lab), []);
});
