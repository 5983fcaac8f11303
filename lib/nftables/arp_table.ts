import type { Addressing } from "../addressing/addressing.ts";
import type { Infra } from "../infra/infra.ts";
import { ifname, type NftSet } from "./element.ts";
import { bridgeNames, gatewaySet, machineSet, placeSets } from "./inet_table.ts";
import type { Nic } from "./nic.ts";
import { portSet } from "./bridge_table.ts";
import type { LiveBridges } from "./ruleset.ts";

/** Returns the sets of the table `arp`: the neighbours from which the host learns addresses. */
export function arpSets(
  infra: Infra,
  addressing: Addressing,
  live: LiveBridges,
  nics: readonly Nic[],
): NftSet[] {
  return [
    portSet(nics),
    {
      name: "bridges",
      type: "type ifname",
      elements: bridgeNames(infra, addressing, live).map(ifname),
    },
    machineSet(nics),
    gatewaySet(infra, addressing),
    placeSets(infra, addressing, live)[0],
  ];
}
