import { untried } from "../diag/tried_version.ts";
import type { Finding } from "./finding.ts";
import type { HostFacts } from "./host_facts.ts";

/** The first version that has sets with ranges in concatenations, and `typeof`. */
const LEAST_NFT = [1, 0, 0] as const;

/** Returns a version's part of a finding. */
export function triedState(
  program: "incus" | "nft" | "ansible",
  version: string,
): Pick<Finding, "state" | "detail" | "remedy"> {
  const remedy = untried(program, version);
  return remedy === undefined
    ? { state: "ok", detail: version }
    : { state: "warning", detail: version, remedy };
}

/** Checks that nft is installed and can load the rules; all other firewall checks depend on it. */
export function checkNft(
  { nftVersion, knowsProtocols }: Pick<HostFacts, "nftVersion" | "knowsProtocols">,
): Finding {
  const check = "nft";
  if (nftVersion === undefined) {
    return {
      check,
      state: "bad",
      detail: "is not installed: there can be no firewall, and no machine is started",
      remedy: "apt install nftables",
    };
  }
  if (knowsProtocols === false) {
    return {
      check,
      state: "bad",
      detail: `${nftVersion} does not know protocol names because /etc/protocols is missing: ` +
        "no rules can be loaded, and no machine is started",
      remedy: "apt install netbase",
    };
  }
  const parts = nftVersion.split(".").map(Number);
  const old =
    LEAST_NFT.map((least, i) => Math.sign((parts[i] ?? 0) - least)).find((each) => each !== 0) ===
      -1;
  return old
    ? {
      check,
      state: "bad",
      detail: `${nftVersion} is too old; 1.0.0 or newer is needed`,
      remedy: "use a newer release",
    }
    : { check, ...triedState("nft", nftVersion) };
}
