import type { Addressing, DomainAddress, MachineAddress } from "../addressing/addressing.ts";
import type { SourceRange } from "../diag/diagnostic.ts";
import { type Domain, type Infra, type Machine, machinesOf } from "../infra/infra.ts";

/** Small infras for the tests of this room; what is not said is as parseInfra fills it in. */
const range: SourceRange = {
  file: "infra.yml",
  start: { line: 1, column: 1 },
  end: { line: 1, column: 2 },
};

export function aMachine(name: string, domain: string, more: Partial<Machine> = {}): Machine {
  return {
    name,
    hostname: name,
    domain,
    description: "",
    type: "lxc",
    image: { kind: "local", alias: "anklume-test", text: "local:anklume-test" },
    ephemeral: false,
    gpu: false,
    profiles: ["default"],
    config: {},
    devices: {},
    storageVolumes: [],
    publish: [],
    state: "running",
    roles: [],
    vars: {},
    bypassesIsolation: [],
    range,
    ranges: new Map(),
    ...more,
  };
}

export function aDomain(
  name: string,
  machines: readonly (string | readonly [string, Partial<Machine>])[],
  more: Partial<Domain> = {},
): Domain {
  return {
    name,
    description: "",
    enabled: true,
    trustLevel: "semi-trusted",
    internet: { kind: "none" },
    ephemeral: false,
    profiles: [],
    machines: machines.map((machine) =>
      typeof machine === "string" ? aMachine(machine, name) : aMachine(machine[0], name, machine[1])
    ),
    range,
    ranges: new Map(),
    ...more,
  };
}

export function anInfra(domains: readonly Domain[], more: Partial<Infra> = {}): Infra {
  return {
    projectName: "home-lab",
    global: {
      addressing: { kind: "zones", baseOctet: 10, zoneBase: 100, zoneStep: 10 },
      defaultOsImage: "images:debian/13",
      imageServers: new Map(),
      defaultConnection: "community.general.incus",
      defaultUser: "root",
      storagePool: "default",
      gpuPolicy: "exclusive",
      ipv6: false,
    },
    domains,
    copies: new Map(),
    policies: [],
    ...more,
  };
}

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
