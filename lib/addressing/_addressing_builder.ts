import { type Infra, machinesOf } from "../infra/infra.ts";
import type { Addressing, DomainAddress, MachineAddress } from "./addressing.ts";

/** Addresses in order of declaration. */
export function addressingOf(infra: Infra): Addressing {
  const domains = infra.domains.map((domain, index): [string, DomainAddress] => [domain.name, {
    domain: domain.name,
    bridge: `net-${domain.name}`,
    subnet: `10.120.${index}.0/24`,
    gateway: `10.120.${index}.254`,
    dhcpFirst: `10.120.${index}.100`,
    dhcpLast: `10.120.${index}.199`,
  }]);
  const machines = machinesOf(infra).map((machine, index): [string, MachineAddress] => [
    machine.name,
    {
      machine: machine.name,
      domain: machine.domain,
      ip: `10.120.0.${index + 1}`,
      hwaddr: `10:66:6a:00:00:${String(index).padStart(2, "0")}`,
      hostName: `ak${index}`,
    },
  ]);
  return {
    infraId: "00000000-0000-4000-8000-000000000000",
    domains: new Map(domains),
    machines: new Map(machines),
    freed: [],
  };
}
