import type { SourceRange } from "../diag/diagnostic.ts";

export const TRUST_LEVELS = [
  "admin",
  "trusted",
  "semi-trusted",
  "untrusted",
  "disposable",
] as const;

export type TrustLevel = typeof TRUST_LEVELS[number];

/** What a domain may reach outside the host. */
export type Internet =
  | { readonly kind: "none" }
  | { readonly kind: "full" }
  /** No private, link-local or shared address ranges. */
  | { readonly kind: "public-only" }
  /** Only through these interfaces, tunnels included; so too the questions for names, asked of `dns` or of nobody. */
  | {
    readonly kind: "via";
    readonly interfaces: readonly string[];
    readonly dns?: readonly string[];
  };

/** How domains get their /24: by zone of trust, or `base_subnet` + `subnet_id` (the classic form). */
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
  /** Interface names that are the outside, fixed by hand; undefined: recognised by the firewall. */
  readonly outside?: readonly string[];
  readonly outsideRange?: SourceRange;
}

/** Incus keys or one device, passed through verbatim. */
export type StringMap = Readonly<Record<string, string>>;

export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: Readonly<Record<string, StringMap>>;
  readonly range: SourceRange;
}

export interface StorageVolume {
  /** As written in infra.yml; its name in Incus is `<machine>-<key>`, made with `volumeName`. */
  readonly key: string;
  readonly name: string;
  /** An Incus size such as `10GiB`; undefined: the pool's default. */
  readonly size?: string;
  /** Where it is mounted in the machine. */
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
  /** It is meant that it takes the port away from what of the host listens there. */
  readonly replaceHost?: true;
  readonly range: SourceRange;
}

/** Whatever YAML can say that JSON can too. */
export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [key: string]: Value };

/** A float without a fraction, `17.0`: a JavaScript number would not keep it apart from the integer 17. */
export class WholeFloat {
  constructor(readonly value: number) {}
}

/** An Ansible variable's value: as `Value`, with numbers that JavaScript's are too small for. */
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
  /** Unique in the infra: Incus instance name and Ansible host. `tp-07-pc1` in a copy. */
  readonly name: string;
  /** What the machine calls itself; differs from `name` in a copy only (`pc1`). */
  readonly hostname: string;
  readonly domain: string;
  /** What it was called before; in a copy the old name's copy. */
  readonly renamedFrom?: string;
  readonly description: string;
  readonly type: "lxc" | "vm";
  readonly image: ImageRef;
  /** Asked for in infra.yml; otherwise `assignAddresses` chooses. */
  readonly ip?: string;
  /** false: protected from deletion. */
  readonly ephemeral: boolean;
  readonly gpu: boolean;
  /** In Incus's order of application; `default` is first unless the user placed it. */
  readonly profiles: readonly string[];
  readonly config: StringMap;
  readonly devices: Readonly<Record<string, StringMap>>;
  readonly storageVolumes: readonly StorageVolume[];
  readonly publish: readonly Publish[];
  readonly state: "running" | "stopped" | "manual";
  readonly bootAutostart?: boolean;
  /** 0-100; undefined: not mentioned. */
  readonly bootPriority?: number;
  readonly snapshotsSchedule?: string;
  readonly snapshotsExpiry?: string;
  readonly roles: readonly string[];
  readonly vars: Readonly<Record<string, Variable>>;
  /** Devices that may leave the domain's bridge because the user said so. */
  readonly bypassesIsolation: readonly string[];
  readonly range: SourceRange;
  /** Where single keys stand: `image`, `ip`, `roles.0`, `devices.eth1`… for later diagnostics. */
  readonly ranges: ReadonlyMap<string, SourceRange>;
}

/** Where an image comes from. */
export type ImageRef =
  /** An alias or fingerprint the daemon already has. `text` is as the user wrote it. */
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
  /** The declared domain and the copy's name, where this is a copy: `{ of: "tp", name: "07" }`. */
  readonly copy?: { readonly of: string; readonly name: string };
  /** What it was called before; in a copy the old domain's copy. */
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
  /** `subnet_id`, `internet`… */
  readonly ranges: ReadonlyMap<string, SourceRange>;
}

/** One end of a policy, resolved: names of copies are expanded. */
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
  /** `policy-1`, by position: what comments in a ruleset carry. */
  readonly id: string;
  readonly description: string;
  readonly from: PolicyEnd;
  readonly to: PolicyEnd;
  readonly ports: "all" | readonly PortRange[];
  /** undefined only with `ports: all`: every protocol. */
  readonly protocol?: "tcp" | "udp";
  readonly bidirectional: boolean;
  readonly range: SourceRange;
}

/** Everything one `infra.yml` (or `infra/`) declares, defaults filled in, copies expanded, checked. */
export interface Infra {
  readonly projectName: string;
  readonly global: GlobalSettings;
  /** In order of declaration, copies in place of the domain that has them. */
  readonly domains: readonly Domain[];
  /** Declared domain -> its copies' domain names; only domains that have copies. */
  readonly copies: ReadonlyMap<string, readonly string[]>;
  readonly policies: readonly NetworkPolicy[];
}

/** Every machine of every domain, in order of declaration. */
export function machinesOf(infra: Infra): Machine[] {
  return infra.domains.flatMap((domain) => domain.machines);
}

/** A machine with the domain that it stands in, which is its Incus project. */
export interface PlacedMachine {
  readonly domain: Domain;
  readonly machine: Machine;
}

/** Steps from the zone of `admin`. */
export const ZONE_OFFSETS = {
  "admin": 0,
  "trusted": 1,
  "semi-trusted": 2,
  "untrusted": 4,
  "disposable": 5,
} as const;
