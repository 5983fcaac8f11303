import type { Diagnostic } from "../diag/diagnostic.ts";
import { DiagnosticList } from "../diag/diagnostic_list.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import {
  type Addressing,
  type DomainAddress,
  type Lock,
  LOCK_FILE,
  LOCK_FORMAT,
  type MachineAddress,
} from "./addressing.ts";
import { assignHosts } from "./assign_hosts.ts";
import { assignSubnets } from "./assign_subnets.ts";
import { assignBridges, assignPorts } from "./assign_names.ts";
import { DHCP, GATEWAY, networkOf } from "./ipv4.ts";
import { inNaturalOrder } from "./natural_order.ts";
import { ulaAddress, ulaOf } from "./ula.ts";

export interface Assignment {
  /** Addressing and lock are both undefined if there is an error. */
  readonly addressing?: Addressing;
  /** The new content of `infra.lock.yml`. */
  readonly lock?: Lock;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Gives every domain its subnet and bridge, and every machine its address, MAC and port. All that
 * the lock records is kept, whatever is added, removed or rearranged. A second assignment with the
 * resulting lock changes nothing. Without a lock the infra is new and gets `newUuid`.
 *
 * Pure: the same arguments give the same result, in whatever order `infra` declares things.
 */
export function assignAddresses(
  infra: Infra,
  lock: Lock | undefined,
  options: { readonly newUuid: string },
): Assignment {
  const diagnostics = new DiagnosticList();
  if (lock !== undefined && lock.project !== infra.projectName) {
    diagnostics.add({
      code: "LOCK_OTHER_PROJECT",
      summary:
        `${LOCK_FILE} was written for the project \`${lock.project}\`, not for \`${infra.projectName}\``,
      detail: "with it, this infra would take over the other one's machines",
      remedy:
        `in a copy of another workspace delete ${LOCK_FILE}; otherwise write \`project_name: ${lock.project}\` again`,
    });
    return { diagnostics: diagnostics.sorted([]) };
  }
  const infraId = lock?.infra ?? options.newUuid;
  const domains = inNaturalOrder(infra.domains);
  const machines = inNaturalOrder(machinesOf(infra));
  const subnets = assignSubnets(infra, domains, lock, diagnostics);
  const hosts = assignHosts(domains, subnets.byDomain, lock, diagnostics);
  if (diagnostics.hasErrors) return { diagnostics: diagnostics.sorted([]) };

  const bridges = assignBridges(domains, lock);
  const ports = assignPorts(infraId, machines, lock);
  const domainAddresses = new Map<string, DomainAddress>();
  for (const { name } of domains) {
    const subnet = must(subnets.byDomain, name);
    const network = networkOf(subnet);
    domainAddresses.set(name, {
      domain: name,
      bridge: must(bridges, name),
      subnet,
      gateway: `${network}.${GATEWAY}`,
      dhcpFirst: `${network}.${DHCP.first}`,
      dhcpLast: `${network}.${DHCP.last}`,
      ...(infra.global.ipv6 ? { ipv6: ulaOf(infraId, subnet) } : {}),
    });
  }
  const machineAddresses = new Map<string, MachineAddress>();
  for (const { name, domain } of machines) {
    const ip = must(hosts.byMachine, name);
    machineAddresses.set(name, {
      machine: name,
      domain,
      ip,
      ...must(ports, name),
      ...(infra.global.ipv6 ? { ipv6: ulaAddress(infraId, ip) } : {}),
    });
  }

  return {
    addressing: {
      infraId,
      domains: domainAddresses,
      machines: machineAddresses,
      freed: subnets.freed,
    },
    lock: {
      format: LOCK_FORMAT,
      project: infra.projectName,
      infra: infraId,
      domains: Object.fromEntries(
        [...domainAddresses].map(([name, { subnet, bridge }]) => [name, { subnet, bridge }]),
      ),
      machines: Object.fromEntries(
        [...machineAddresses].map((
          [name, { domain, ip, hwaddr, hostName }],
        ) => [name, { domain, ip, hwaddr, hostName }]),
      ),
      freed: { subnets: subnets.freed, addresses: hosts.freed },
    },
    diagnostics: diagnostics.sorted([]),
  };
}

/**
 * Returns the value of a name in a map that was filled for every name. A missing name is a bug in
 * this directory.
 */
function must<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`"${name}" was given nothing`);
  return value;
}
