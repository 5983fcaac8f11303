import type { SourceRange } from "../diag/diagnostic.ts";

export const TRUST_LEVELS = [
  "admin",
  "trusted",
  "semi-trusted",
  "untrusted",
  "disposable",
] as const;

export type TrustLevel = typeof TRUST_LEVELS[number];

/** The part of the outside that a domain can reach. */
export type Internet =
  | { readonly kind: "none" }
  | { readonly kind: "full" }
  /** No private, link-local or shared address ranges. */
  | { readonly kind: "public-only" }
  /**
   * Only through these interfaces, which may be tunnels. Name queries go the same way, to the
   * resolvers of `dns` or to none.
   */
  | {
    readonly kind: "via";
    readonly interfaces: readonly string[];
    readonly dns?: readonly string[];
  };

/**
 * The way in which domains get their /24: by zone of trust, or from `base_subnet` and `subnet_id`
 * (the classic form).
 */
export type AddressingForm =
  | {
    readonly kind: "zones";
    /** First octet. */
    readonly baseOctet: number;
    /** Second octet of the zone `admin`. */
    readonly zoneBase: number;
    readonly zoneStep: number;
  }
  /** First two octets, for example `192.168`. */
  | { readonly kind: "classic"; readonly baseSubnet: string };

export interface GlobalSettings {
  readonly addressing: AddressingForm;
  readonly defaultOsImage: string;
  /** Simplestreams remotes by name; `images` and `ubuntu` are always there. */
  readonly imageServers: ReadonlyMap<string, string>;
  readonly defaultConnection: string;
  readonly defaultUser: string;
  readonly storagePool: string;
  readonly gpuPolicy: "exclusive" | "shared";
  readonly ipv6: boolean;
  /** Interfaces that count as the outside, set by hand. Undefined: the firewall recognises them. */
  readonly outside?: readonly string[];
  readonly outsideRange?: SourceRange;
}

/** Incus keys, or one device, passed to Incus unchanged. */
export type StringMap = Readonly<Record<string, string>>;

export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: Readonly<Record<string, StringMap>>;
  readonly range: SourceRange;
}

export interface StorageVolume {
  /** The name in infra.yml. The name in Incus is `<machine>-<key>`; see `volumeName`. */
  readonly key: string;
  readonly name: string;
  /** An Incus size such as `10GiB`; undefined: the pool's default. */
  readonly size?: string;
  /** The mount point in the machine. */
  readonly path: string;
  readonly pool: string;
  readonly range: SourceRange;
}

export interface Publish {
  /** Port of the host. */
  readonly host: number;
  /** Port of the machine. */
  readonly to: number;
  readonly protocol: "tcp" | "udp";
  /**
   * The user agrees that a service of the host on this port is no longer reachable from outside.
   */
  readonly replaceHost?: true;
  readonly range: SourceRange;
}

/** Any value that exists in both YAML and JSON. */
export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [key: string]: Value };

/**
 * A float without a fraction, such as `17.0`. As a JavaScript number it would be the same as the
 * integer 17.
 */
export class WholeFloat {
  constructor(readonly value: number) {}
}

/**
 * The value of an Ansible variable: like `Value`, with numbers that do not fit into a JavaScript
 * number.
 */
export type Variable =
  | string
  | number
  /** An integer beyond 2^53. */
  | bigint
  | WholeFloat
  | boolean
  | null
  | readonly Variable[]
  | { readonly [key: string]: Variable };

export interface Machine {
  /**
   * Unique in the infra: the name of the Incus instance and of the Ansible host. In a copy:
   * `tp-07-pc1`.
   */
  readonly name: string;
  /** The hostname inside the machine. Differs from `name` only in a copy (`pc1`). */
  readonly hostname: string;
  readonly domain: string;
  /** The former name. In a copy it is the full name of the former copy. */
  readonly renamedFrom?: string;
  readonly description: string;
  readonly type: "lxc" | "vm";
  readonly image: ImageRef;
  /** The address from infra.yml. If it is absent, `assignAddresses` chooses one. */
  readonly ip?: string;
  /** False: protected against deletion. */
  readonly ephemeral: boolean;
  readonly gpu: boolean;
  /** In the order in which Incus applies them. `default` comes first unless the user placed it. */
  readonly profiles: readonly string[];
  readonly config: StringMap;
  readonly devices: Readonly<Record<string, StringMap>>;
  readonly storageVolumes: readonly StorageVolume[];
  readonly publish: readonly Publish[];
  readonly state: "running" | "stopped" | "manual";
  readonly bootAutostart?: boolean;
  /** 0-100; undefined if it is not set. */
  readonly bootPriority?: number;
  readonly snapshotsSchedule?: string;
  readonly snapshotsExpiry?: string;
  readonly roles: readonly string[];
  readonly vars: Readonly<Record<string, Variable>>;
  /** Devices and keys that bypass the isolation with the user's consent. */
  readonly bypassesIsolation: readonly string[];
  readonly range: SourceRange;
  /** The places of single keys for later diagnostics: `image`, `ip`, `roles.0`, `devices.eth1`… */
  readonly ranges: ReadonlyMap<string, SourceRange>;
}

/** The source of an image. */
export type ImageRef =
  /** An alias or fingerprint that the daemon already has. `text` is the user's spelling. */
  | { readonly kind: "local"; readonly alias: string; readonly text: string }
  | {
    readonly kind: "remote";
    readonly remote: string;
    readonly server: string;
    readonly alias: string;
    readonly text: string;
  };

export interface Domain {
  /** `tp-07` in a copy. */
  readonly name: string;
  /**
   * The declared domain and the name of the copy, if this is a copy: `{ of: "tp", name: "07" }`.
   */
  readonly copy?: { readonly of: string; readonly name: string };
  /** The former name. In a copy it is the name of the former domain's copy. */
  readonly renamedFrom?: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly trustLevel: TrustLevel;
  readonly subnetId?: number;
  readonly internet: Internet;
  readonly ephemeral: boolean;
  readonly profiles: readonly Profile[];
  readonly machines: readonly Machine[];
  readonly range: SourceRange;
  /** The places of single keys: `subnet_id`, `internet`… */
  readonly ranges: ReadonlyMap<string, SourceRange>;
}

/** One end of a policy, resolved. Names of copies are expanded. */
export type PolicyEnd =
  | { readonly kind: "domains"; readonly text: string; readonly domains: readonly string[] }
  | { readonly kind: "machines"; readonly text: string; readonly machines: readonly string[] }
  | { readonly kind: "host"; readonly text: string }
  | { readonly kind: "outside"; readonly text: string }
  /** Normalised network, v4 or v6. */
  | { readonly kind: "cidr"; readonly text: string; readonly cidr: string };

/** Inclusive; one port has first === last. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface NetworkPolicy {
  /** `policy-1`, by position. Comments in the ruleset contain it. */
  readonly id: string;
  readonly description: string;
  readonly from: PolicyEnd;
  readonly to: PolicyEnd;
  readonly ports: "all" | readonly PortRange[];
  /** Undefined only with `ports: all`, for every protocol. */
  readonly protocol?: "tcp" | "udp";
  readonly bidirectional: boolean;
  readonly range: SourceRange;
}

/**
 * Everything that one `infra.yml` (or `infra/`) declares: checked, with defaults filled in and
 * copies expanded.
 */
export interface Infra {
  readonly projectName: string;
  readonly global: GlobalSettings;
  /** In the order of declaration. Copies are at the place of their domain. */
  readonly domains: readonly Domain[];
  /** From each domain with copies to the names of its copies. Other domains are not in it. */
  readonly copies: ReadonlyMap<string, readonly string[]>;
  readonly policies: readonly NetworkPolicy[];
}

/** Returns every machine of every domain, in the order of declaration. */
export function machinesOf(infra: Infra): Machine[] {
  return infra.domains.flatMap((domain) => domain.machines);
}

/** A machine with its domain, which is its Incus project. */
export interface PlacedMachine {
  readonly domain: Domain;
  readonly machine: Machine;
}

/** Number of steps from the zone of `admin`. */
export const ZONE_OFFSETS = {
  "admin": 0,
  "trusted": 1,
  "semi-trusted": 2,
  "untrusted": 4,
  "disposable": 5,
} as const;
