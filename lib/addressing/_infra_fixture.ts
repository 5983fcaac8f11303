import type { SourceRange } from "../diag/diagnostic.ts";
import type { AddressingForm, Domain, Infra, Machine, TrustLevel } from "../infra/infra.ts";
import { optional } from "../diag/optional.ts";

/**
 * The part of an infra that addresses depend on. The rest of an `Infra` is filled in. For tests.
 */
export interface DomainSketch {
  readonly name: string;
  readonly trustLevel?: TrustLevel;
  readonly subnetId?: number;
  readonly enabled?: boolean;
  /** A name, or a name with an `ip`. */
  readonly machines?: readonly (string | readonly [name: string, ip: string])[];
}

const ZONES: AddressingForm = { kind: "zones", baseOctet: 10, zoneBase: 100, zoneStep: 10 };

/**
 * Every range has its own line: domains 100, 200…, their machines after them, `ip` and `subnet_id`
 * at column 5.
 */
export function sketchInfra(
  domains: readonly DomainSketch[],
  options: { addressing?: AddressingForm; ipv6?: boolean; projectName?: string } = {},
): Infra {
  return {
    projectName: options.projectName ?? "home-lab",
    global: {
      addressing: options.addressing ?? ZONES,
      defaultOsImage: "images:debian/13",
      imageServers: new Map(),
      defaultConnection: "community.general.incus",
      defaultUser: "root",
      storagePool: "default",
      gpuPolicy: "exclusive",
      ipv6: options.ipv6 ?? false,
    },
    domains: domains.map((sketch, index) => domainOf(sketch, (index + 1) * 100)),
    copies: new Map(),
    policies: [],
  };
}

function domainOf(sketch: DomainSketch, line: number): Domain {
  return {
    name: sketch.name,
    description: "",
    enabled: sketch.enabled ?? true,
    trustLevel: sketch.trustLevel ?? "semi-trusted",
    ...optional({ subnetId: sketch.subnetId }),
    internet: { kind: "none" },
    ephemeral: false,
    profiles: [],
    machines: (sketch.machines ?? []).map((machine, index) =>
      machineOf(machine, sketch.name, line + index + 1)
    ),
    range: rangeAt(line, 3),
    ranges: new Map([["subnet_id", rangeAt(line, 5)], ["trust_level", rangeAt(line, 7)]]),
  };
}

function machineOf(
  sketch: string | readonly [name: string, ip: string],
  domain: string,
  line: number,
): Machine {
  const [name, ip] = typeof sketch === "string" ? [sketch, undefined] : sketch;
  return {
    name,
    hostname: name,
    domain,
    description: "",
    type: "lxc",
    image: { kind: "local", alias: "debian", text: "debian" },
    ...optional({ ip }),
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
    range: rangeAt(line, 3),
    ranges: new Map([["ip", rangeAt(line, 5)]]),
  };
}

function rangeAt(line: number, column: number): SourceRange {
  return { file: "infra.yml", start: { line, column }, end: { line, column: column + 4 } };
}
