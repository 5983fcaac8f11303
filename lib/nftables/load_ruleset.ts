import { bridgesOf, setBridges } from "./bridge_setting.ts";
import { FirewallError } from "./firewall_error.ts";
import { refuseForeignTables } from "./table_owner.ts";
import { readBack } from "./read_back.ts";
import { FAMILIES, type Ruleset } from "./ruleset.ts";
import { firewallError, listTable, type NftOptions, runNft } from "./run_nft.ts";

/**
 * Replaces the tables with the rendered ones in one transaction, so the domains are never open, and
 * sets the existing bridges. Refuses if the tables belong to another owner.
 * @throws FirewallError; then the earlier rules stay loaded
 */
export async function loadRuleset(ruleset: Ruleset, options: NftOptions = {}): Promise<void> {
  await refuseForeignTables(ruleset, options);
  try {
    await runNft(["nft", "-f", "-"], { ...options, stdin: ruleset.text });
  } catch (error) {
    throw firewallError(`Cannot load the firewall of "${ruleset.project}"`, error);
  }
  await setBridges(bridgesOf(ruleset), options);
}

/**
 * Reads the live tables back, and sets the existing bridges: this apply may have just made one.
 * @throws FirewallError unless the tables are the rendered ones and the bridges are set: otherwise
 * no machine may be started
 */
export async function verifyRuleset(ruleset: Ruleset, options: NftOptions = {}): Promise<void> {
  const { state, differences } = await readBack(ruleset, { ...options, tablesOnly: true });
  if (state === "in-place") return await setBridges(bridgesOf(ruleset), options);
  if (state === "unknown") {
    throw new FirewallError(
      "not-permitted",
      `Only root can read whether the firewall of "${ruleset.project}" is loaded`,
      "No machine is started. Run the same command as root, or with sudo",
    );
  }
  throw new FirewallError(
    "differs",
    `The firewall of "${ruleset.project}" is not the one that was rendered: ` +
      differences.slice(0, 5).join("; "),
    "No machine is started. Something else changes nftables: see `nft monitor`, then apply again",
  );
}

/**
 * Deletes the tables in one transaction; true if there was one.
 * @throws FirewallError
 */
export async function deleteTables(
  ruleset: Pick<Ruleset, "table" | "infraId" | "project">,
  options: NftOptions = {},
): Promise<boolean> {
  await refuseForeignTables(ruleset, options);
  const names = await Promise.all(FAMILIES.map(async (family) => {
    const listing = await listTable(family, ruleset.table, { ...options, terse: true });
    return listing === undefined ? [] : [`delete table ${family} ${ruleset.table}\n`];
  }));
  const script = names.flat().join("");
  if (script === "") return false;
  try {
    await runNft(["nft", "-f", "-"], { ...options, stdin: script });
  } catch (error) {
    throw firewallError(`Cannot remove the firewall of "${ruleset.project}"`, error);
  }
  return true;
}
