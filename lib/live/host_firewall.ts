import type { FirewallPort } from "../apply/firewall_gate.ts";
import { setBridges } from "../nftables/bridge_setting.ts";
import { deleteTables, loadRuleset, verifyRuleset } from "../nftables/load_ruleset.ts";
import { isForeignFile, refuseForeignTables } from "../nftables/table_owner.ts";
import { persistedDifferences, persistRuleset, removePersisted } from "../nftables/persist.ts";
import { readBack } from "../nftables/read_back.ts";
import type { NftOptions } from "../nftables/run_nft.ts";
import { type Ruleset, tableName } from "../nftables/ruleset.ts";
import type { ActualFirewall } from "../plan/actual_state.ts";

/** Compares the host's firewall with the rendered one, now and after the next boot. */
export async function readFirewall(
  ruleset: Ruleset,
  options: NftOptions,
): Promise<ActualFirewall> {
  const [live, atBoot] = await Promise.all([
    readBack(ruleset, options),
    persistedDifferences(ruleset, options),
  ]);
  if (live.foreign !== true && isForeignFile(ruleset)) {
    return { state: "different", differences: atBoot, foreign: true };
  }
  // Rules that are lost at a reboot are not in place.
  if (live.state !== "in-place" || atBoot.length === 0) return live;
  return { state: "different", differences: atBoot };
}

/**
 * The actions of apply on the firewall. They take no signal: a half-loaded ruleset is worse than a
 * Ctrl-C that waits a second.
 */
export function firewallPort(ruleset: Ruleset): FirewallPort {
  return {
    load: async () => {
      await loadRuleset(ruleset);
      await verifyRuleset(ruleset);
      await persistRuleset(ruleset);
    },
    verify: () => verifyRuleset(ruleset),
    settleBridge: (name) => setBridges([name]),
    remove: () => removeFirewall(ruleset.project, ruleset.infraId),
  };
}

/**
 * Removes the tables. Before that, it removes what would load them again at boot or as soon as they
 * are gone.
 * @throws FirewallError if the tables belong to another owner; nothing was removed then
 */
export async function removeFirewall(project: string, infraId: string): Promise<void> {
  const ruleset = { project, infraId, table: tableName(project) };
  await refuseForeignTables(ruleset);
  await removePersisted(ruleset);
  await deleteTables(ruleset);
}
