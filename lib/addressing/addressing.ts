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
  /** Only with `global.ipv6`. */
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
  readonly ipv6?: string;
}

/** Every address of the infra, after `assignAddresses`. */
export interface Addressing {
  /** The infra's UUID. */
  readonly infraId: string;
  readonly domains: ReadonlyMap<string, DomainAddress>;
  readonly machines: ReadonlyMap<string, MachineAddress>;
}

/** The content of `infra.lock.yml`, format 1. */
export interface Lock {
  readonly format: 1;
  readonly infra: string;
  readonly domains: Readonly<Record<string, LockedDomain>>;
  readonly machines: Readonly<Record<string, LockedMachine>>;
  /** Addresses that were given back, oldest first: they are reused last. */
  readonly freed: { readonly subnets: readonly string[]; readonly addresses: readonly string[] };
}

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
