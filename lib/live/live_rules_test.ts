import assert from "node:assert/strict";
import { assignAddresses } from "../addressing/assign_addresses.ts";
import { aDomain, anInfra } from "../infra/_infra_builder.ts";
import type { Ruleset } from "../nftables/ruleset.ts";
import { readTemplates } from "../nftables/template.ts";
import { LiveRules } from "./live_rules.ts";
import { StartedPrograms } from "./started_programs.ts";

const infra = anInfra([aDomain("pro", ["pro-dev"])]);
const { addressing } = assignAddresses(infra, undefined, {
  newUuid: "11111111-2222-4333-8444-555555555555",
});
const surroundings = {
  interfaces: [{ name: "net-old", addresses: [], up: true }],
  localUplinks: [],
  routing: undefined,
};

function rulesAndCompared() {
  const compared: Ruleset[] = [];
  const facts = { infra, addressing: addressing!, surroundings, templates: readTemplates() };
  const rules = new LiveRules(facts, (ruleset) => {
    compared.push(ruleset);
    return Promise.resolve({ state: "in-place", differences: [] });
  });
  return { rules, compared };
}

Deno.test("LiveRules is compared at once, and not again if Incus's networks change nothing", () => {
  const { rules, compared } = rulesAndCompared();
  assert.deepEqual(compared, [rules.likely]);
  const settled = rules.settle({ orphanBridges: [], unclaimed: new Set() });
  assert.equal(settled.ruleset, rules.likely);
  assert.ok(settled.isLikely);
  assert.equal(compared.length, 1);
});

Deno.test("LiveRules walls off a bridge of a domain that is gone, until it is deleted", () => {
  const { rules, compared } = rulesAndCompared();
  const settled = rules.settle({ orphanBridges: ["net-old"], unclaimed: new Set() });
  assert.ok(!settled.isLikely);
  assert.match(settled.ruleset.text, /net-old/);
  assert.deepEqual(compared, [rules.likely, settled.ruleset]);
  assert.doesNotMatch(settled.without(new Set(["net-old"])).text, /net-old/);
});

Deno.test("StartedPrograms waits for the end of each program, also of those that fail", async () => {
  const programs = new StartedPrograms();
  const slow = Promise.withResolvers<void>();
  let ended = false;
  void programs.add(slow.promise).then(() => ended = true, () => ended = true);
  void programs.add(Promise.reject(new Error("nobody awaits it")));
  const over = programs.ended().then(() => assert.ok(ended));
  slow.resolve();
  await over;
});
