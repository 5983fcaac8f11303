import type { Addressing, DomainAddress, MachineAddress } from "../../lib/addressing/addressing.ts";
import type { SourceRange } from "../../lib/diag/diagnostic.ts";
import type {
  Domain,
  Infra,
  Internet,
  Machine,
  NetworkPolicy,
  PolicyEnd,
  PortRange,
  StringMap,
} from "../../lib/infra/infra.ts";

const NOWHERE: SourceRange = {
  file: "infra.yml",
  start: { line: 1, column: 1 },
  end: { line: 1, column: 1 },
};

/** A machine of a test: its name and the fields that matter to the firewall. */
export interface MachineSpec {
  readonly name: string;
  readonly publish?: readonly { host: number; to: number; protocol: "tcp" | "udp" }[];
  readonly devices?: Readonly<Record<string, StringMap>>;
  readonly bypassesIsolation?: readonly string[];
}

export interface DomainSpec {
  readonly name: string;
  readonly internet?: Internet;
  readonly machines: readonly (string | MachineSpec)[];
}

/** Ends as in infra.yml: a name, `host`, `outside` or a CIDR. */
export interface PolicySpec {
  readonly from: string;
  readonly to: string;
  readonly ports?: readonly (number | PortRange)[];
  readonly protocol?: "tcp" | "udp";
  readonly bidirectional?: boolean;
}

export interface InfraSpec {
  readonly project?: string;
  readonly ipv6?: boolean;
  readonly outside?: readonly string[];
  readonly domains: readonly DomainSpec[];
  readonly policies?: readonly PolicySpec[];
  /** Former subnets of a domain. */
  readonly freed?: readonly string[];
}

export interface BuiltInfra {
  readonly infra: Infra;
  readonly addressing: Addressing;
}

export const INFRA_ID = "00000000-0000-4000-8000-000000000001";

/**
 * Builds an infra in the form of `parseInfra` and `assignAddresses`, with simpler rules: domain
 * number i has 10.120.i.0/24 (and fd00:0:0:i::/64), its machine number j ends in `.j+1`.
 */
export function buildInfra(spec: InfraSpec): BuiltInfra {
  const domains = new Map<string, DomainAddress>();
  const machines = new Map<string, MachineAddress>();
  const ipv6 = spec.ipv6 ?? false;
  const built = spec.domains.map((domain, i): Domain => {
    const prefix6 = `fd00:0:0:${(i + 1).toString(16)}`;
    domains.set(domain.name, {
      domain: domain.name,
      bridge: `net-${domain.name}`,
      subnet: `10.120.${i}.0/24`,
      gateway: `10.120.${i}.254`,
      dhcpFirst: `10.120.${i}.100`,
      dhcpLast: `10.120.${i}.199`,
      ...(ipv6 ? { ipv6: { subnet: `${prefix6}::/64`, gateway: `${prefix6}::254` } } : {}),
    });
    return {
      name: domain.name,
      description: "",
      enabled: true,
      trustLevel: "semi-trusted",
      internet: domain.internet ?? { kind: "none" },
      ephemeral: false,
      profiles: [],
      machines: domain.machines.map((each, j): Machine => {
        const machine = typeof each === "string" ? { name: each } : each;
        const index = machines.size + 1;
        machines.set(machine.name, {
          machine: machine.name,
          domain: domain.name,
          ip: `10.120.${i}.${j + 1}`,
          hwaddr: `10:66:6a:00:${hex(index >> 8)}:${hex(index & 255)}`,
          hostName: `ak${index}`,
          ...(ipv6 ? { ipv6: `${prefix6}::${(j + 1).toString(16)}` } : {}),
        });
        return buildMachine(domain.name, machine);
      }),
      range: NOWHERE,
      ranges: new Map(),
    };
  });
  const infra: Infra = {
    projectName: spec.project ?? "lab",
    global: {
      addressing: { kind: "zones", baseOctet: 10, zoneBase: 100, zoneStep: 10 },
      defaultOsImage: "images:debian/13",
      imageServers: new Map(),
      defaultConnection: "community.general.incus",
      defaultUser: "root",
      storagePool: "default",
      gpuPolicy: "exclusive",
      ipv6,
      ...(spec.outside === undefined ? {} : { outside: spec.outside }),
    },
    domains: built,
    copies: new Map(),
    policies: (spec.policies ?? []).map((policy, i) =>
      buildPolicy(policy, i, (name) => domains.has(name))
    ),
  };
  return {
    infra,
    addressing: { infraId: INFRA_ID, domains, machines, freed: spec.freed ?? [] },
  };
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function buildMachine(domain: string, spec: MachineSpec): Machine {
  return {
    name: spec.name,
    hostname: spec.name,
    domain,
    description: "",
    type: "lxc",
    image: { kind: "local", alias: "test", text: "local:test" },
    ephemeral: true,
    gpu: false,
    profiles: ["default"],
    config: {},
    devices: spec.devices ?? {},
    storageVolumes: [],
    publish: (spec.publish ?? []).map((each) => ({ ...each, range: NOWHERE })),
    state: "running",
    roles: [],
    vars: {},
    bypassesIsolation: spec.bypassesIsolation ?? [],
    range: NOWHERE,
    ranges: new Map(),
  };
}

function buildPolicy(
  spec: PolicySpec,
  index: number,
  isDomain: (name: string) => boolean,
): NetworkPolicy {
  const end = (text: string): PolicyEnd => {
    if (text === "host" || text === "outside") return { kind: text, text };
    if (/[/:]/.test(text)) return { kind: "cidr", text, cidr: text };
    return isDomain(text)
      ? { kind: "domains", text, domains: [text] }
      : { kind: "machines", text, machines: [text] };
  };
  const protocol = spec.protocol ?? (spec.ports === undefined ? undefined : "tcp");
  return {
    id: `policy-${index + 1}`,
    description: "",
    from: end(spec.from),
    to: end(spec.to),
    ports:
      spec.ports?.map((each) => typeof each === "number" ? { first: each, last: each } : each) ??
        "all",
    ...(protocol === undefined ? {} : { protocol }),
    bidirectional: spec.bidirectional ?? false,
    range: NOWHERE,
  };
}
