import type { Addressing } from "../addressing/addressing.ts";
import type { Infra } from "../infra/infra.ts";
import { commented, concat, ifname, ipv4, ipv6, mac, type NftSet } from "./element.ts";
import { network4, subnetSet, subnetSet6 } from "./inet_table.ts";
import { addressInterval } from "./interval.ts";
import type { Nic } from "./nic.ts";
import { known } from "./policy_flow.ts";

/**
 * Returns the sets of the table `bridge`: which port belongs to which machine. They name ports, not
 * bridges: `meta ibrname` needs a kernel module that not every kernel has, and a port's name is
 * unique on the host.
 */
export function bridgeSets(infra: Infra, addressing: Addressing, nics: readonly Nic[]): NftSet[] {
  const domains = infra.domains.map((domain) => known(addressing.domains, domain.name));
  const with6 = nics.filter((nic) => nic.ipv6.length > 0);
  const portMac = (nic: Nic) => concat(ifname(nic.port), mac(nic.mac));
  return [
    portSet(nics),
    { name: "macs", type: "type ether_addr", elements: nics.map((nic) => mac(nic.mac)) },
    { name: "port_macs", type: "type ifname . ether_addr", elements: nics.map(portMac) },
    {
      name: "addresses",
      type: "type ifname . ether_addr . ipv4_addr",
      elements: nics.flatMap((nic) =>
        nic.ipv4 === undefined ? [] : [concat(portMac(nic), ipv4(nic.ipv4))]
      ),
    },
    {
      name: "addresses6",
      type: "type ifname . ether_addr . ipv6_addr",
      elements: with6.flatMap((nic) => nic.ipv6.map((each) => concat(portMac(nic), ipv6(each)))),
    },
    {
      name: "targets6",
      type: "typeof iifname . @th,64,128",
      elements: with6.flatMap((nic) => nic.ipv6.map((each) => concat(ifname(nic.port), raw(each)))),
    },
    {
      name: "clients",
      type: "typeof iifname . @th,288,48 . @th,160,32",
      elements: nics.flatMap((nic) =>
        ["0.0.0.0", ...(nic.ipv4 === undefined ? [] : [nic.ipv4])].map((address) =>
          concat(ifname(nic.port), rawMac(nic.mac), raw(address))
        )
      ),
    },
    {
      name: "same_subnet",
      type: "type ipv4_addr . ipv4_addr",
      elements: domains.map(({ subnet }) => concat(network4(subnet), network4(subnet))),
    },
    subnetSet(domains.map(({ subnet }) => subnet)),
    subnetSet6(domains.map(({ ipv6 }) => ipv6?.subnet)),
  ];
}

/** Returns the set of the machines' ports. */
export function portSet(nics: readonly Nic[]): NftSet {
  return {
    name: "ports",
    type: "type ifname",
    elements: nics.map((nic) => commented(ifname(nic.port), nic.machine)),
  };
}

/** Returns an address as the number that a raw payload match compares with. */
function raw(address: string): string {
  const { first, version } = addressInterval(address);
  return `0x${first.toString(16).padStart(version === 4 ? 8 : 32, "0")}`;
}

function rawMac(address: string): string {
  return `0x${mac(address).replaceAll(":", "")}`;
}
