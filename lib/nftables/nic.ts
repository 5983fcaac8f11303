import type { Addressing } from "../addressing/addressing.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { parseCidr } from "../infra/ip.ts";
import { INTERFACE_NAME, MAC_ADDRESS } from "./element.ts";
import { addressInterval, addressText } from "./interval.ts";
import { known } from "./policy_flow.ts";
import { optional } from "../diag/optional.ts";

/** One port of one of our bridges, and the addresses it may send from. */
export interface Nic {
  readonly machine: string;
  readonly bridge: string;
  /** Name of the port on the host. */
  readonly port: string;
  readonly mac: string;
  readonly ipv4?: string;
  /** Its address, and the link-local one that the kernel derives from the MAC; empty without `global.ipv6`. */
  readonly ipv6: readonly string[];
}

/**
 * Returns each machine's `eth0`, and each device of `bypasses_isolation` that is a NIC on a bridge
 * of the infra and is fully described (`host_name`, `hwaddr`, and `ipv4.address` or
 * `ipv6.address`). A device with less is not accepted: a port that cannot be bound to addresses may
 * not send.
 */
export function nicsOf(infra: Infra, addressing: Addressing): Nic[] {
  const bridges = new Map([...addressing.domains.values()].map((each) => [each.bridge, each]));
  return machinesOf(infra).flatMap((machine) => {
    const address = known(addressing.machines, machine.name);
    const domain = known(addressing.domains, machine.domain);
    const nics: Nic[] = [{
      machine: machine.name,
      bridge: domain.bridge,
      port: address.hostName,
      mac: address.hwaddr,
      ipv4: address.ip,
      ipv6: ipv6Of(address.hwaddr, address.ipv6),
    }];
    for (const name of machine.bypassesIsolation) {
      const device = machine.devices[name];
      const bridge = bridges.get(device?.network ?? device?.parent ?? "");
      const port = device?.host_name ?? "";
      const mac = device?.hwaddr?.toLowerCase() ?? "";
      if (device?.type !== "nic" || bridge === undefined) continue;
      if (!INTERFACE_NAME.test(port) || !MAC_ADDRESS.test(mac)) continue;
      const ipv4 = addressOf(device["ipv4.address"], 4);
      const ipv6 = bridge.ipv6 && addressOf(device["ipv6.address"], 6);
      nics.push({
        machine: machine.name,
        bridge: bridge.bridge,
        port,
        mac,
        ...optional({ ipv4 }),
        ipv6: ipv6Of(mac, ipv6),
      });
    }
    return nics;
  });
}

function ipv6Of(mac: string, address: string | undefined): string[] {
  return address === undefined ? [] : [address, linkLocal(mac)];
}

/** Returns the link-local address of a MAC (RFC 4291, appendix A). */
export function linkLocal(mac: string): string {
  const bytes = mac.split(":").map((byte) => parseInt(byte, 16));
  const id = [bytes[0]! ^ 2, bytes[1]!, bytes[2]!, 0xff, 0xfe, bytes[3]!, bytes[4]!, bytes[5]!];
  const groups = [0, 2, 4, 6].map((i) => ((id[i]! << 8) | id[i + 1]!).toString(16));
  return addressText(addressInterval(`fe80::${groups.join(":")}`));
}

/**
 * Returns the address of an Incus device in canonical form; undefined for `none`, `auto` and other
 * texts.
 */
function addressOf(value: string | undefined, version: 4 | 6): string | undefined {
  const cidr = value === undefined || value.includes("/") ? undefined : parseCidr(value);
  return cidr?.version === version ? cidr.address : undefined;
}
