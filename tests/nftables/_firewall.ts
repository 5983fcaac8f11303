/**
 * Runs functions of lib/nftables in the caller's namespaces. The tests start this in a separate
 * namespace, since the functions change the host they run on. Usage:
 * `_firewall.ts RULESET.json STEP…`; a step is a verb, or `$` and a shell command. The results are
 * one JSON list.
 */
import { FirewallError } from "../../lib/nftables/firewall_error.ts";
import { deleteTables, loadRuleset, verifyRuleset } from "../../lib/nftables/load_ruleset.ts";
import { readTableOwner } from "../../lib/nftables/table_owner.ts";
import {
  persistedDifferences,
  persistRuleset,
  removePersisted,
} from "../../lib/nftables/persist.ts";
import { readHostNetworks } from "../../lib/live/host_networks.ts";
import { readBack } from "../../lib/nftables/read_back.ts";
import type { Ruleset } from "../../lib/nftables/ruleset.ts";

const VERBS: Readonly<Record<string, (ruleset: Ruleset) => Promise<unknown>>> = {
  load: (ruleset) => loadRuleset(ruleset),
  verify: (ruleset) => verifyRuleset(ruleset),
  readBack: (ruleset) => readBack(ruleset),
  delete: (ruleset) => deleteTables(ruleset),
  owner: (ruleset) => readTableOwner("inet", ruleset.table),
  uplinks: async () => (await readHostNetworks(new AbortController().signal)).localUplinks,
  persist: (ruleset) => persistRuleset(ruleset),
  persisted: (ruleset) => persistedDifferences(ruleset),
  removePersisted: (ruleset) => removePersisted(ruleset),
};

const ruleset = JSON.parse(await Deno.readTextFile(Deno.args[0]!)) as Ruleset;
const answers: unknown[] = [];
for (const verb of Deno.args.slice(1)) {
  try {
    if (verb.startsWith("$")) {
      const done = await new Deno.Command("sh", { args: ["-c", verb.slice(1)] }).output();
      answers.push(new TextDecoder().decode(done.stdout) + new TextDecoder().decode(done.stderr));
    } else answers.push((await VERBS[verb]!(ruleset)) ?? null);
  } catch (error) {
    if (!(error instanceof FirewallError)) throw error;
    answers.push({ fault: error.fault, message: error.message, remedy: error.remedy });
  }
}
console.log(JSON.stringify(answers));
