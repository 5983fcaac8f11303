import { readEmbedded } from "../host/embedded_file.ts";
import type { Family } from "./ruleset.ts";

/** The rules, which are the same for each infra; the sets beside them hold the differences. */
export type RuleTemplates = Readonly<Record<Family, string>>;

/** Reads `nft/*.nft`, which are embedded in the binary. */
export function readTemplates(): RuleTemplates {
  const read = (family: Family) => readEmbedded(`nft/${family}.nft`);
  return { inet: read("inet"), bridge: read("bridge"), arp: read("arp") };
}
