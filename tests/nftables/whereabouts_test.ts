import assert from "node:assert/strict";
import { everything, everythingLive, startEverything } from "./_everything.ts";
import { rulesetOf } from "./_rules.ts";
import { gatewaysElsewhere, WHEREABOUTS_CHECKS } from "./_whereabouts.ts";

Deno.test("a packet of a domain's address goes by its bridge or nowhere, whatever other tables say", async (t) => {
  await using lab = await startEverything();
  // All of them, and nothing was refused.
  for (const [i, count] of [28, 5, 7, 12].entries()) {
    const check = WHEREABOUTS_CHECKS[i]!;
    await t.step(`${check.name}: every packet goes wrong where there are no rules`, async () => {
      const found = await check(lab);
      assert.equal(found.filter((each) => each.startsWith("arrived: ")).length, count);
      assert.equal(found.length, count);
    });
  }
  const { text } = rulesetOf(everything, everythingLive);
  await t.step(
    "a published port is reached by every gateway without the rules about that",
    async () => {
      await lab.host.nft(text.replaceAll(/^.*daddr.* @subnets6? return\n/gm, ""));
      assert.equal((await gatewaysElsewhere(lab)).length, 8);
    },
  );
  await lab.host.nft(text);
  for (const check of WHEREABOUTS_CHECKS) {
    await t.step(`${check.name}: none does with them`, async () => {
      assert.deepEqual(await check(lab), []);
    });
  }
});
