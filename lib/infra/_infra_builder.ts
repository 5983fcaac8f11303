/** Infras for the tests of all rooms. What is not said is as `parseInfra` fills it in. */
import type { SourceRange } from "../diag/diagnostic.ts";
import { optional } from "../diag/optional.ts";
import type { AddressingForm, Domain, Infra, Machine, TrustLevel } from "./infra.ts";

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
      addressing: ZONES,
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

/** The parts of a domain that its addresses depend on; `sketchInfra` fills in the rest. */
export interface DomainSketch {
  readonly name: string;
  readonly trustLevel?: TrustLevel;
  readonly subnetId?: number;
  readonly enabled?: boolean;
  /** A name, or a name with an `ip`. */
  readonly machines?: readonly (string | readonly [name: string, ip: string])[];
}

const ZONES: AddressingForm = { kind: "zones", baseOctet: 10, zoneBase: 100, zoneStep: 10 };

/** Every range has a line of its own: domains 100, 200…, their machines behind them, `ip` and `subnet_id` at column 5. */
export function sketchInfra(
  domains: readonly DomainSketch[],
  options: { addressing?: AddressingForm; ipv6?: boolean; projectName?: string } = {},
): Infra {
  const { addressing = ZONES, ipv6 = false, projectName = "home-lab" } = options;
  const infra = anInfra(domains.map((sketch, index) => sketchedDomain(sketch, (index + 1) * 100)));
  return { ...infra, projectName, global: { ...infra.global, addressing, ipv6 } };
}

function sketchedDomain(sketch: DomainSketch, line: number): Domain {
  const { name, trustLevel = "semi-trusted", enabled = true, subnetId, machines = [] } = sketch;
  return aDomain(
    name,
    machines.map((machine, index) => {
      const [name, ip] = typeof machine === "string" ? [machine, undefined] : machine;
      const own = line + index + 1;
      const image = { kind: "local", alias: "debian", text: "debian" } as const;
      const ranges = new Map([["ip", rangeAt(own, 5)]]);
      return [name, { image, ...optional({ ip }), range: rangeAt(own, 3), ranges }] as const;
    }),
    {
      trustLevel,
      enabled,
      ...optional({ subnetId }),
      range: rangeAt(line, 3),
      ranges: new Map([["subnet_id", rangeAt(line, 5)], ["trust_level", rangeAt(line, 7)]]),
    },
  );
}

function rangeAt(line: number, column: number): SourceRange {
  return { file: "infra.yml", start: { line, column }, end: { line, column: column + 4 } };
}
