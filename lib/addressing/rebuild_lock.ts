import type { Infra } from "../infra/infra.ts";
import { type Lock, LOCK_FORMAT, type LockedDomain, type LockedMachine } from "./addressing.ts";
import { networkOf } from "./ipv4.ts";
import { type Form, FORMS } from "./lock_forms.ts";
import { inNaturalOrder } from "./natural_order.ts";

/** The addresses that Incus still knows: those of every resource with one infra's mark. */
export interface LiveAddresses {
  /** `user.anklume.infra` of the resources. */
  readonly infraId: string;
  readonly networks: readonly LiveNetwork[];
  readonly nics: readonly LiveNic[];
}

interface LiveNetwork {
  /** The bridge. */
  readonly name: string;
  /** `user.anklume.domain`. */
  readonly domain: string;
  /** Incus's `ipv4.address`: the gateway with its prefix length, `10.120.3.254/24`. */
  readonly ipv4Address: string;
}

/** The NIC `eth0` of a machine. Values that Incus does not tell are undefined. */
interface LiveNic {
  readonly machine: string;
  /** The machine's Incus project. */
  readonly domain: string;
  /** `ipv4.address` of the device, not of a DHCP lease. */
  readonly ip: string | undefined;
  readonly hwaddr: string | undefined;
  /** `host_name` of the device. */
  readonly hostName: string | undefined;
}

/**
 * Returns a lock with all live addresses, for an infra whose lock was lost. Pass it to
 * `assignAddresses`: found addresses are kept, missing ones get new values, and live addresses that
 * are no longer declared are recorded as released. Malformed, duplicate or misplaced values count
 * as missing.
 */
export function rebuildLock(infra: Infra, live: LiveAddresses): Lock {
  const taken = new Set<string>();
  const domains = new Map<string, LockedDomain>();
  for (const { name: bridge, domain, ipv4Address } of inNaturalOrder(live.networks)) {
    const subnet = subnetOf(ipv4Address);
    if (domains.has(domain) || !fits(domain, FORMS.name)) continue;
    if (subnet === undefined || !fits(bridge, FORMS.bridge)) continue;
    if (claim([subnet, bridge], taken)) domains.set(domain, { subnet, bridge });
  }
  const machines = new Map<string, LockedMachine>();
  const nics = live.nics.map((nic) => ({ ...nic, name: nic.machine }));
  for (const { machine, domain, ip, hwaddr, hostName } of inNaturalOrder(nics)) {
    if (machines.has(machine) || !fits(machine, FORMS.name)) continue;
    if (!fits(ip, FORMS.address) || !fits(hwaddr, FORMS.hwaddr)) continue;
    if (!fits(hostName, FORMS.hostName)) continue;
    const subnet = domains.get(domain)?.subnet;
    if (subnet === undefined || networkOf(subnet) !== networkOf(ip)) continue;
    if (claim([ip, hwaddr, hostName], taken)) {
      machines.set(machine, { domain, ip, hwaddr, hostName });
    }
  }
  return {
    format: LOCK_FORMAT,
    project: infra.projectName,
    infra: live.infraId,
    domains: Object.fromEntries(domains),
    machines: Object.fromEntries(machines),
    freed: { subnets: [], addresses: [] },
  };
}

function subnetOf(ipv4Address: string): string | undefined {
  const [address = "", length] = ipv4Address.split("/");
  const subnet = `${networkOf(address)}.0/24`;
  return length === "24" && fits(subnet, FORMS.subnet) ? subnet : undefined;
}

function fits(text: string | undefined, form: Form): text is string {
  return text !== undefined && form.test(text);
}

/** Takes all of the texts or none. */
function claim(texts: readonly string[], taken: Set<string>): boolean {
  if (texts.some((text) => taken.has(text))) return false;
  for (const text of texts) taken.add(text);
  return true;
}
