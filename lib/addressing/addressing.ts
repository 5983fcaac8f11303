/** Where a domain lives. Addresses are text in canonical form. */
export interface DomainAddress {
  readonly domain: string;
  /** `net-<domain>`, or a stable short form within 15 characters. */
  readonly bridge: string;
  /** `10.120.3.0/24` */
  readonly subnet: string;
  /** `.254` of it. */
  readonly gateway: string;
  readonly dhcpFirst: string;
  readonly dhcpLast: string;
  /** Only with `global.ipv6`: a ULA /64, its gateway `::254`. */
  readonly ipv6?: { readonly subnet: string; readonly gateway: string };
}

/** What a machine's NIC `eth0` carries. */
export interface MachineAddress {
  readonly machine: string;
  readonly domain: string;
  readonly ip: string;
  /** Lowercase, colons; locally administered unicast in Incus's range `10:66:6a`. */
  readonly hwaddr: string;
  /** Name of the port on the host, at most 15 characters, unique on the host; the firewall relies on it. */
  readonly hostName: string;
  /** Ends like `ip`: `::10` beside `.10`. */
  readonly ipv6?: string;
}

/** Every address of the infra, after `assignAddresses`. */
export interface Addressing {
  /** The infra's UUID. */
  readonly infraId: string;
  readonly domains: ReadonlyMap<string, DomainAddress>;
  readonly machines: ReadonlyMap<string, MachineAddress>;
  /** Subnets that were a domain's once, /24: somebody may still send there. */
  readonly freed: readonly string[];
}

/** The content of `infra.lock.yml`, format 1. */
export interface Lock {
  readonly format: 1;
  /** `project_name` of the infra it was written for: a lock copied to another workspace is noticed. */
  readonly project: string;
  /** The infra's UUID. */
  readonly infra: string;
  readonly domains: Readonly<Record<string, LockedDomain>>;
  readonly machines: Readonly<Record<string, LockedMachine>>;
  /**
   * What was given back, oldest first: it is reused last. Of addresses only those in the subnet of a domain that
   * still stands.
   */
  readonly freed: { readonly subnets: readonly string[]; readonly addresses: readonly string[] };
}

export const LOCK_FILE = "infra.lock.yml";
/** Of the lock file. A greater number was written by a newer anklume. */
export const LOCK_FORMAT = 1;

export interface LockedDomain {
  readonly subnet: string;
  readonly bridge: string;
}

export interface LockedMachine {
  readonly domain: string;
  readonly ip: string;
  readonly hwaddr: string;
  readonly hostName: string;
}
