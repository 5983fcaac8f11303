import { readEmbedded } from "../host/embedded_file.ts";
import type { Family } from "./ruleset.ts";

/** The rules, which are the same for every infra; what differs is in the sets beside them. */
export type RuleTemplates = Readonly<Record<Family, string>>;

/** Reads `nft/*.nft`, which travel inside the binary. */
export function readTemplates(): RuleTemplates {
  const read = (family: Family) => readEmbedded(`nft/${family}.nft`);
  return { inet: read("inet"), bridge: read("bridge"), arp: read("arp") };
}
