/** The network of a domain. Addresses are text in canonical form. */
export interface DomainAddress {
  readonly domain: string;
  /** `net-<domain>`, or a stable short form within 15 characters. */
  readonly bridge: string;
  /** `10.120.3.0/24` */
  readonly subnet: string;
  /** The address `.254` of the subnet. */
  readonly gateway: string;
  readonly dhcpFirst: string;
  readonly dhcpLast: string;
  /** Present only with `global.ipv6`: a ULA /64 with the gateway `::254`. */
  readonly ipv6?: { readonly subnet: string; readonly gateway: string };
}

/** The addresses and names of a machine's NIC `eth0`. */
export interface MachineAddress {
  readonly machine: string;
  readonly domain: string;
  readonly ip: string;
  /** Lowercase, with colons. A locally administered unicast address in Incus's range `10:66:6a`. */
  readonly hwaddr: string;
  /**
   * Name of the port on the host, at most 15 characters, unique on the host. The firewall relies on
   * it.
   */
  readonly hostName: string;
  /** Ends with the same number as `ip`: `::10` for `.10`. */
  readonly ipv6?: string;
}

/** Every address of the infra, after `assignAddresses`. */
export interface Addressing {
  /** The infra's UUID. */
  readonly infraId: string;
  readonly domains: ReadonlyMap<string, DomainAddress>;
  readonly machines: ReadonlyMap<string, MachineAddress>;
  /** Former subnets of domains, /24. Somebody may still send packets there. */
  readonly freed: readonly string[];
}

/** The content of `infra.lock.yml`, format 1. */
export interface Lock {
  readonly format: 1;
  /**
   * `project_name` of the infra that the lock was written for. It reveals a lock that was copied to
   * another workspace.
   */
  readonly project: string;
  /** The infra's UUID. */
  readonly infra: string;
  readonly domains: Readonly<Record<string, LockedDomain>>;
  readonly machines: Readonly<Record<string, LockedMachine>>;
  /**
   * Released subnets and addresses, oldest first, so that they are reused last. Only addresses in
   * the subnet of a domain that still exists are kept.
   */
  readonly freed: { readonly subnets: readonly string[]; readonly addresses: readonly string[] };
}

export const LOCK_FILE = "infra.lock.yml";
/** Format of the lock file. A higher number was written by a newer anklume. */
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
