import { renderRuleset } from "../../lib/nftables/render_ruleset.ts";
import type { LiveBridges, Ruleset } from "../../lib/nftables/ruleset.ts";
import { readTemplates } from "../../lib/nftables/template.ts";
import type { BuiltInfra } from "./_infra.ts";

const templates = readTemplates();

/**
 * Returns the ruleset of a test's infra; `br0` is the lab's uplink bridge only if the test says so.
 */
export function rulesetOf(
  { infra, addressing }: BuiltInfra,
  live: Partial<LiveBridges> = {},
): Ruleset {
  return renderRuleset(
    infra,
    addressing,
    { orphanBridges: [], localUplinks: [], interfaces: [], ...live },
    templates,
  );
}
