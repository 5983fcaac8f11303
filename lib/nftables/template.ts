import { readEmbedded } from "../host/embedded_file.ts";

/** The rules, which are the same for every infra; what differs is in the sets beside them. */
export interface RuleTemplates {
  readonly inet: string;
  readonly bridge: string;
}

/** Reads `nft/*.nft`, which travel inside the binary. */
export function readTemplates(): RuleTemplates {
  return { inet: readEmbedded("nft/inet.nft"), bridge: readEmbedded("nft/bridge.nft") };
}
