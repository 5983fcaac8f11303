import type { Addressing, DomainAddress } from "../addressing/addressing.ts";
import { ulaOf } from "../addressing/ula.ts";
import { type Domain, type Infra, machinesOf, type Publish } from "../infra/infra.ts";
import type { Box } from "./disjoint_boxes.ts";
import { commented, concat, ifname, ipv4, ipv6, mac, type NftSet, port } from "./element.ts";
import {
  type AddressInterval,
  addressInterval,
  addressText,
  type Interval,
  numberText,
} from "./interval.ts";
import type { Nic } from "./nic.ts";
import { known, policyFlows } from "./policy_flow.ts";
import type { LiveBridges } from "./ruleset.ts";

/**
 * Private, shared, link-local, loopback, benchmarking, multicast and reserved ranges (RFC 6890),
 * which `public-only` does not reach. The documentation ranges are not included: no real network
 * uses them.
 */
const PRIVATE4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
];
/** All but global unicast (2000::/3), and 6to4, which can carry a private IPv4 address inside. */
const PRIVATE6 = ["::/3", "2002::/16", "4000::/2", "8000::/1"];

export const PRIVATE_RANGES: readonly string[] = [...PRIVATE4, ...PRIVATE6];

/** DHCPv6's All_DHCP_Relay_Agents_and_Servers. */
const DHCP6_SERVERS = "ff02::1:2";

/** Returns the sets of the table `inet`: which machines may reach which targets. */
export function inetSets(
  infra: Infra,
  addressing: Addressing,
  live: LiveBridges,
  nics: readonly Nic[],
): NftSet[] {
  const domains = infra.domains.map((domain) => ({
    domain,
    address: known(addressing.domains, domain.name),
  }));
  const orphans = orphansOf(addressing, live);
  const bridges = bridgeNames(infra, addressing, live);
  const outside = infra.global.outside ??
    live.localUplinks.filter((uplink) => !bridges.includes(uplink)).toSorted();
  return [
    {
      name: "bridges",
      type: "type ifname",
      elements: [
        ...domains.map(({ address }) => commented(ifname(address.bridge), address.domain)),
        ...orphans.map(ifname),
      ],
    },
    withinSet("own", domains.map(({ address }) => address.bridge)),
    withinSet("orphans", orphans),
    {
      name: "outside",
      type: "type ifname",
      elements: outside.map(ifname),
    },
    {
      name: "via",
      type: "type ifname . ifname",
      elements: domains.flatMap(({ domain, address }) =>
        domain.internet.kind === "via"
          ? domain.internet.interfaces.map((each) => concat(ifname(address.bridge), ifname(each)))
          : []
      ),
    },
    ...placeSets(infra, addressing, live),
    machineSet(nics),
    machineSet6(nics),
    gatewaySet(infra, addressing),
    ...serviceSets(domains.map(({ address }) => address)),
    ...policySets(infra, addressing),
    ...internetSets(domains),
    ...publishSets(infra, addressing),
  ];
}

/**
 * Returns all bridges of the rules: those of the domains in their order, then those no longer
 * declared.
 */
export function bridgeNames(infra: Infra, addressing: Addressing, live: LiveBridges): string[] {
  return [
    ...infra.domains.map(({ name }) => known(addressing.domains, name).bridge),
    ...orphansOf(addressing, live),
  ];
}

function orphansOf(addressing: Addressing, { orphanBridges }: LiveBridges): string[] {
  const declared = new Set([...addressing.domains.values()].map((address) => address.bridge));
  return orphanBridges.filter((bridge) => !declared.has(bridge)).toSorted();
}

/** Returns networks as addresses masked with 24 or 64 bits: one lookup in a hash. */
export function subnetSet(subnets: readonly string[]): NftSet {
  return { name: "subnets", type: "type ipv4_addr", elements: subnets.map(network4) };
}

export function subnetSet6(subnets: readonly (string | undefined)[]): NftSet {
  return {
    name: "subnets6",
    type: "type ipv6_addr",
    elements: subnets.flatMap((subnet) => subnet === undefined ? [] : [network6(subnet)]),
  };
}

/** Returns the address of a /24. */
export function network4(subnet: string): string {
  return network(subnet, "/24", ipv4);
}

function network6(subnet: string): string {
  return network(subnet, "/64", ipv6);
}

function network(subnet: string, prefix: string, address: (text: string) => string): string {
  if (!subnet.endsWith(prefix)) throw new TypeError(`Not a ${prefix}: ${subnet}`);
  return address(subnet.slice(0, -prefix.length));
}

/**
 * Returns the sets of subnets that are or were ours, and the bridge of each. The first set has
 * those of IPv4.
 */
export function placeSets(
  infra: Infra,
  addressing: Addressing,
  live: LiveBridges,
): [NftSet, ...NftSet[]] {
  const { freed, infraId } = addressing;
  const domains = infra.domains.filter(({ name }) => !live.unclaimed?.has(name))
    .map(({ name }): DomainAddress => known(addressing.domains, name));
  const orphans = orphansOf(addressing, live);
  const bridges = new Set([...domains.map(({ bridge }) => bridge), ...orphans]);
  const foreign = live.interfaces.filter(({ name }) => !bridges.has(name))
    .flatMap(({ addresses }) => addresses);
  // An interface with an address in the subnet has taken it over: of another infra, Docker, a wifi.
  const former = freed.filter((subnet) => !foreign.some((each) => isWithin(each, subnet)));
  const with6 = domains.some(({ ipv6 }) => ipv6 !== undefined);
  const homes = [
    ...domains.flatMap(({ bridge, subnet, ipv6 }) =>
      [subnet, ipv6?.subnet].flatMap((cidr) => cidr === undefined ? [] : [{ bridge, cidr }])
    ),
    ...orphanAddresses(addressing, live),
  ];
  const subnets = subnetSet([...domains.map(({ subnet }) => subnet), ...former]);
  const subnets6 = subnetSet6([
    ...domains.map(({ ipv6 }) => ipv6?.subnet),
    ...(with6 ? former.map((subnet) => ulaOf(infraId, subnet).subnet) : []),
  ]);
  const ours = new Set([...subnets.elements, ...subnets6.elements]);
  const homesOf = (version: 4 | 6) =>
    homes.flatMap(({ bridge, cidr }) => {
      const { first, ...rest } = addressInterval(cidr);
      const network = addressText({ version: rest.version, first, last: first });
      return rest.version === version && ours.has(network) ? [concat(ifname(bridge), network)] : [];
    });
  return [
    subnets,
    subnets6,
    { name: "homes", type: "type ifname . ipv4_addr", elements: homesOf(4) },
    { name: "homes6", type: "type ifname . ipv6_addr", elements: homesOf(6) },
  ];
}

/** Returns the host's addresses on bridges that are no longer declared, with prefix lengths. */
function orphanAddresses(
  addressing: Addressing,
  live: LiveBridges,
): { bridge: string; cidr: string }[] {
  const orphans = new Set(orphansOf(addressing, live));
  return live.interfaces.filter(({ name }) => orphans.has(name)).flatMap(({ name, addresses }) =>
    addresses.filter((cidr) => !cidr.startsWith("fe80:")).map((cidr) => ({ bridge: name, cidr }))
  );
}

/** True if an interface's network is the subnet, or a part of it. */
function isWithin(cidr: string, subnet: string): boolean {
  const [part, whole] = [addressInterval(cidr), addressInterval(subnet)];
  return part.version === whole.version && part.first >= whole.first && part.last <= whole.last;
}

/** Returns the set of machines: bridge, MAC and IPv4 address of each. */
export function machineSet(nics: readonly Nic[]): NftSet {
  return {
    name: "machines",
    type: "type ifname . ether_addr . ipv4_addr",
    elements: nics.flatMap((nic) =>
      nic.ipv4 === undefined ? [] : [machineElement(nic, ipv4(nic.ipv4))]
    ),
  };
}

function machineSet6(nics: readonly Nic[]): NftSet {
  return {
    name: "machines6",
    type: "type ifname . ether_addr . ipv6_addr",
    elements: nics.flatMap((nic) => nic.ipv6.map((each) => machineElement(nic, ipv6(each)))),
  };
}

function machineElement(nic: Nic, address: string): string {
  return commented(concat(ifname(nic.bridge), mac(nic.mac), address), nic.machine);
}

/** Returns the set with the gateway's address of each bridge. */
export function gatewaySet(infra: Infra, addressing: Addressing): NftSet {
  return {
    name: "gateways",
    type: "type ifname . ipv4_addr",
    elements: infra.domains.map(({ name }) => {
      const { bridge, gateway } = known(addressing.domains, name);
      return concat(ifname(bridge), ipv4(gateway));
    }),
  };
}

function serviceSets(domains: readonly DomainAddress[]): NftSet[] {
  const with6 = domains.flatMap(({ bridge, ipv6 }) => ipv6 === undefined ? [] : [{ bridge, ipv6 }]);
  return [
    {
      name: "gateways6",
      type: "type ifname . ipv6_addr",
      elements: with6.map((each) => concat(ifname(each.bridge), ipv6(each.ipv6.gateway))),
    },
    {
      name: "services",
      type: "type ifname . ipv4_addr . inet_proto . inet_service",
      elements: domains.flatMap(({ bridge, gateway }) =>
        ["udp . 53", "tcp . 53", "udp . 67"].map((service) =>
          concat(ifname(bridge), ipv4(gateway), service)
        )
      ),
    },
    {
      name: "services6",
      type: "type ifname . ipv6_addr . inet_proto . inet_service",
      elements: with6.flatMap((each) => [
        concat(ifname(each.bridge), ipv6(each.ipv6.gateway), "udp . 53"),
        concat(ifname(each.bridge), ipv6(each.ipv6.gateway), "tcp . 53"),
        concat(ifname(each.bridge), ipv6(each.ipv6.gateway), "udp . 547"),
        concat(ifname(each.bridge), DHCP6_SERVERS, "udp . 547"),
      ]),
    },
  ];
}

function policySets(infra: Infra, addressing: Addressing): NftSet[] {
  const flows = policyFlows(infra, addressing);
  return (["policies", "to_outside", "from_outside", "to_host"] as const).flatMap((name) =>
    ([4, 6] as const).map((version) => {
      const address = version === 4 ? "ipv4_addr" : "ipv6_addr";
      const ends = name === "policies" ? `${address} . ${address}` : address;
      return {
        name: version === 4 ? name : `${name}6`,
        type: `type ${ends} . inet_proto . inet_service`,
        interval: true,
        elements: flows[name][version].map((box) => boxElement(box, version)),
      };
    })
  );
}

function boxElement(box: Box, version: 4 | 6): string {
  const addresses = box.sides.slice(0, -2).map((side): AddressInterval => ({ ...side, version }));
  const [protocol, ports] = box.sides.slice(-2) as [Interval, Interval];
  return commented(
    concat(...addresses.map(addressText), numberText(protocol), numberText(ports)),
    box.policy,
  );
}

function internetSets(
  domains: readonly { readonly domain: Domain; readonly address: DomainAddress }[],
): NftSet[] {
  const verdicts = { full: "internet_full", "public-only": "internet_public", via: "internet_via" };
  const elements = (networkOf: (address: DomainAddress) => string | undefined) =>
    domains.flatMap(({ domain, address }) => {
      const network = networkOf(address);
      if (domain.internet.kind === "none" || network === undefined) return [];
      return [`${commented(network, domain.name)} : goto ${verdicts[domain.internet.kind]}`];
    });
  return [
    {
      name: "internet",
      type: "type ipv4_addr : verdict",
      elements: elements((address) => network4(address.subnet)),
    },
    {
      name: "internet6",
      type: "type ipv6_addr : verdict",
      elements: elements(({ ipv6 }) => ipv6 && network6(ipv6.subnet)),
    },
    { name: "private", type: "type ipv4_addr", interval: true, elements: PRIVATE4 },
    { name: "private6", type: "type ipv6_addr", interval: true, elements: PRIVATE6 },
  ];
}

/** Returns pairs of each bridge with itself, for traffic that stays within the bridge. */
function withinSet(name: string, bridges: readonly string[]): NftSet {
  const elements = bridges.map((bridge) => concat(ifname(bridge), ifname(bridge)));
  return { name, type: "type ifname . ifname", elements };
}

/**
 * Returns the sets of `publish`: the map that redirects a port of the host to the machine, and the
 * set that accepts only that.
 */
function publishSets(infra: Infra, addressing: Addressing): NftSet[] {
  const published = machinesOf(infra).flatMap((machine) => {
    const address = known(addressing.machines, machine.name);
    return machine.publish.map((each) => ({ ...each, machine: machine.name, address }));
  });
  const families = [
    { suffix: "", type: "ipv4_addr", of: (each: typeof published[number]) => each.address.ip },
    { suffix: "6", type: "ipv6_addr", of: (each: typeof published[number]) => each.address.ipv6 },
  ];
  const byFamily = families.flatMap(({ suffix, type, of }) => {
    const text = suffix === "" ? ipv4 : ipv6;
    const targets = published.flatMap((each) => {
      const address = of(each);
      return address === undefined ? [] : [{ ...each, target: text(address) }];
    });
    const from = (each: Publish) => concat(each.protocol, port(each.host));
    return [
      {
        name: `publish${suffix}`,
        type: `type inet_proto . inet_service : ${type} . inet_service`,
        elements: targets.map((each) =>
          `${commented(from(each), each.machine)} : ${concat(each.target, port(each.to))}`
        ),
      },
      {
        name: `published${suffix}`,
        type: `type inet_service . inet_proto . ${type} . inet_service`,
        elements: targets.map((each) =>
          concat(port(each.host), each.protocol, each.target, port(each.to))
        ),
      },
    ];
  });
  const taken = new Set(
    published.filter(({ host }) => host > LAST_CHOSEN_PORT).map(({ protocol, host }) =>
      concat(String(PROTOCOL[protocol]), port(host))
    ),
  );
  return [...byFamily, {
    name: "host_ports",
    type: "type inet_proto . inet_service",
    interval: true,
    elements: [
      ...Object.values(PROTOCOL).map((number) => concat(String(number), `1-${LAST_CHOSEN_PORT}`)),
      ...taken,
    ],
  }];
}

/**
 * Up to this port, a program has its port only if it asked for it. Linux chooses ports above it.
 */
const LAST_CHOSEN_PORT = 32_767;
const PROTOCOL = { tcp: 6, udp: 17 };
