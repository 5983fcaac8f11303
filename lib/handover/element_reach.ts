import { ipBlock, overlaps } from "../addressing/ip_block.ts";
import { ulaOf } from "../addressing/ula.ts";
import { isLocalInterface } from "../nftables/local_interface.ts";
import { FAMILIES, type Family } from "../nftables/ruleset.ts";
import { DeclaredSets, prefixOf, type Sets, subnetOf } from "./declared_sets.ts";
import { claimsOf, type HostPlace, type PlaceNic } from "./host_place.ts";
import { portTaken } from "./port_taken.ts";
import { fieldsOf, nameOf } from "./read_elements.ts";

/** Returns what is wrong with one element; undefined: it concerns only the infra's own traffic. */
type Rule = (key: readonly string[], value: readonly string[], element: string) =>
  | string
  | undefined;

/**
 * Returns existing bridges of the infra that the rules would leave out, one line each: the
 * isolation of one bridge may not be removed, just as that of all may not.
 */
export function forgottenBridges(sets: Sets, infraId: string, place: HostPlace): string[] {
  const named = (...names: string[]) =>
    new Set(
      sets.inet.filter(({ name }) => names.includes(name))
        .flatMap(({ elements }) => elements.map((element) => nameOf(fieldsOf(element).key[0]))),
    );
  const [bridges, within] = [named("bridges"), named("own", "orphans")];
  return place.bridges.filter(({ name, infraId: owner }) =>
    owner === infraId && place.interfaces.has(name) && !(bridges.has(name) && within.has(name))
  ).map(({ name }) => `the bridge "${name}" exists, and would be left open`);
}

/**
 * Returns elements that have the right shape and would reach beyond the infra, one line each. Each
 * is compared with the state of the host; a set without a rule here is refused.
 */
export function unsafeElements(sets: Sets, infraId: string, place: HostPlace): string[] {
  const reach = new ElementReach(sets, infraId, place);
  return FAMILIES.flatMap((family) =>
    sets[family].flatMap((set) => {
      if (set.elements.length === 0) return [];
      const rule = reach.rule(family, set.name);
      if (rule === undefined) return [`no check is known for the set "${family} ${set.name}"`];
      return set.elements.flatMap((element) => {
        const { key, value } = fieldsOf(element);
        const odd = reach.claimed(set.name, key) ?? rule(key, value, element);
        return odd === undefined ? [] : [odd];
      });
    })
  );
}

/** True if a set has a rule. */
export function isJudged(family: Family, set: string): boolean {
  const empty = Object.fromEntries(FAMILIES.map((each) => [each, []])) as unknown as Sets;
  return new ElementReach(empty, "", NOWHERE).rule(family, set) !== undefined;
}

const NOWHERE: HostPlace = {
  interfaces: new Map(),
  networks: [],
  uplinks: new Set(),
  neighbours: new Map(),
  listeners: [],
  redirects: [],
  inner: new Set(),
  bridges: [],
  nics: [],
  inForce: new Set(),
  taken: new Map(),
};

class ElementReach {
  readonly #infraId: string;
  readonly #place: HostPlace;
  readonly #declared: DeclaredSets;
  readonly #ourBridges: ReadonlySet<string>;
  /** Networks of these bridges according to Incus, for the bridges that the rules name. */
  readonly #carried: ReadonlySet<string | bigint>;
  readonly #nicsByPort: ReadonlyMap<string | undefined, PlaceNic>;
  readonly #nicsByMac: ReadonlyMap<string | undefined, PlaceNic>;
  /** Instances of other owners, by address. */
  readonly #strangers: ReadonlyMap<string, PlaceNic>;

  constructor(sets: Sets, infraId: string, place: HostPlace) {
    this.#infraId = infraId;
    this.#place = place;
    this.#declared = new DeclaredSets(sets);
    const { bridges, nics } = place;
    this.#ourBridges = new Set(
      bridges.filter((each) => each.infraId === infraId).map(({ name }) => name),
    );
    this.#carried = new Set(
      bridges.filter(({ name }) => this.#declared.bridges.has(name) && this.#ourBridges.has(name))
        .flatMap(({ addresses }) => addresses)
        .flatMap((address) => subnetOf(address.split("/")[0]!)),
    );
    this.#nicsByPort = new Map(nics.map((nic) => [nic.port, nic]));
    this.#nicsByMac = new Map(nics.map((nic) => [nic.mac, nic]));
    this.#strangers = new Map(
      nics.filter((nic) => nic.infraId !== infraId)
        .flatMap((nic) => nic.addresses.map((address) => [address, nic])),
    );
  }

  /** Returns the rule of a set; a set has the same meaning in each table that has it. */
  rule(family: Family, set: string): Rule | undefined {
    const own = this.#declared;
    const rules: Readonly<Record<string, Rule>> = {
      bridges: ([name]) => this.#bridge(nameOf(name)),
      own: (pair) => own.within(pair),
      orphans: (pair) => own.within(pair),
      outside: ([name], _, element) =>
        this.#outside(nameOf(name), this.#isInForce("inet outside", element)),
      via: ([bridge, way], _, element) =>
        own.ours(bridge) ?? this.#way(nameOf(way), this.#isInForce("inet via", element)),
      subnets: ([network]) => this.#subnet(network!, 4, family),
      subnets6: ([network]) => this.#subnet(network!, 6, family),
      homes: ([bridge, network]) => own.ours(bridge) ?? own.known(network),
      homes6: ([bridge, network]) => own.ours(bridge) ?? own.known(network),
      machines: (key) => this.#machine(key),
      machines6: (key) => this.#machine(key),
      gateways: (key) => own.gateway(key),
      gateways6: (key) => own.gateway(key),
      services: ([bridge, address]) => own.ours(bridge) ?? own.inside(address),
      services6: ([bridge, address]) =>
        own.ours(bridge) ?? (address === ALL_DHCP6 ? undefined : own.inside(address)),
      internet: ([network]) => own.known(network),
      internet6: ([network]) => own.known(network),
      publish: (key, [target], element) =>
        own.inside(target) ?? this.#published("inet publish", key, element),
      publish6: (key, [target], element) =>
        own.inside(target) ?? this.#published("inet publish6", key, element),
      published: ([, , address]) => own.inside(address),
      published6: ([, , address]) => own.inside(address),
      ports: ([name], _, element) =>
        this.#port(nameOf(name), this.#isInForce("bridge ports", element)),
      macs: ([mac]) => this.#mac(mac!),
      port_macs: ([port, mac]) => own.ourPort(port) ?? own.ourMac(mac),
      addresses: ([port, ...machine]) => own.ourPort(port) ?? this.#speaker(machine),
      addresses6: ([port, ...machine]) => own.ourPort(port) ?? this.#speaker(machine),
      targets6: ([port]) => own.ourPort(port),
      clients: ([port]) => own.ourPort(port),
      same_subnet: ([one, other]) =>
        one === other ? own.known(one) : `${one} and ${other} are two subnets`,
      // These are looked up only for packets that enter or leave by a bridge of the infra. So they
      // open only what policies of infra.yml open.
      ...Object.fromEntries(POLICY_SETS.map((name) => [name, () => undefined])),
    };
    return Object.hasOwn(rules, set) && FAMILIES.includes(family) ? rules[set] : undefined;
  }

  /** Returns the claim of another infra, according to its rules. */
  claimed(set: string, key: readonly string[]): string | undefined {
    for (const claim of claimsOf(set, key)) {
      const project = this.#place.taken.get(claim);
      if (project !== undefined) return `the infra "${project}" has the ${claim}`;
    }
  }

  #isInForce(set: string, element: string): boolean {
    return this.#place.inForce.has(`${set} ${element}`);
  }

  #bridge(name: string): string | undefined {
    if (!name.startsWith("net-")) return `"${name}" is not a bridge of a domain`;
    const live = this.#place.interfaces.get(name);
    const managed = this.#place.bridges.find((each) => each.name === name);
    if (managed !== undefined && managed.infraId !== this.#infraId) {
      return `the bridge "${name}" does not belong to this infra`;
    }
    if (live !== undefined && live.kind !== "bridge") return `"${name}" is not a bridge`;
    if (live !== undefined && managed === undefined) {
      return `Incus does not know the bridge "${name}"`;
    }
  }

  /** An interface that does not exist yet may later be anything, for example Docker's bridge. */
  #outside(name: string, inForce: boolean): string | undefined {
    const { interfaces, uplinks } = this.#place;
    const live = interfaces.get(name);
    if (live === undefined) return inForce ? undefined : missing(name);
    if (name === "lo" || (isLocalInterface(name, live.kind) && !uplinks.has(name))) {
      return `"${name}" is not the outside: it is a switch or a tunnel of the host`;
    }
    if (live.master !== undefined) return `"${name}" is a port of "${live.master}"`;
  }

  /** `via` may name a tunnel, but no switch of the host. */
  #way(name: string, inForce: boolean): string | undefined {
    const { interfaces, uplinks } = this.#place;
    const live = interfaces.get(name);
    if (live === undefined) return inForce ? undefined : missing(name);
    const isSwitch = ["bridge", "openvswitch"].includes(live.kind) && !uplinks.has(name);
    if (name === "lo" || isSwitch) return `"${name}" is not a way out: it belongs to the host`;
    if (live.master !== undefined) return `"${name}" is a port of "${live.master}"`;
  }

  #subnet(network: string, version: 4 | 6, family: Family): string | undefined {
    const block = ipBlock(`${network}/${version === 4 ? 24 : 64}`);
    const isPrivate = version === 4 ? PRIVATE_24.test(network) : /^f[cd]/.test(network);
    if (block === undefined || !isPrivate) return `${network} is not a private network`;
    const hasGateway = subnetOf(network).some((own) => this.#declared.served.has(own));
    // A subnet already in force keeps its rules when a wifi uses the same later.
    if (this.#isInForce(version === 4 ? "inet subnets" : "inet subnets6", network)) {
      return undefined;
    }
    if (!hasGateway && !this.#mayHaveBeenOurs(network, version, family)) {
      return `no domain has the subnet ${network}`;
    }
    if (subnetOf(network).some((own) => this.#carried.has(own))) return undefined;
    const other = this.#place.networks.find(({ block: theirs, device }) =>
      overlaps(theirs, block) && !(device !== undefined && this.#ourBridges.has(device))
    );
    return other && `the host has ${network} already: ${other.text}`;
  }

  /**
   * True if a domain of this infra may have had the network. A subnet that a domain gave up is
   * blocked on the host, and is on no bridge. For IPv6 each infra has 48 bits of its own.
   */
  #mayHaveBeenOurs(network: string, version: 4 | 6, family: Family): boolean {
    if (family === "bridge") return false;
    // In each form of address, the addresses of one infra have the same start.
    const first = (text: string) => text.split(".")[0];
    if (version === 4) {
      return [...this.#declared.served].some((own) =>
        typeof own === "string" && first(own) === first(network)
      );
    }
    const own = ulaOf(this.#infraId, "10.0.0.0/24").subnet.replace("/64", "");
    return prefixOf(network)[0]! >> 16n === prefixOf(own)[0]! >> 16n;
  }

  #machine([bridge, ...machine]: readonly string[]): string | undefined {
    return this.#declared.ours(bridge) ?? this.#speaker(machine);
  }

  /** Checks MAC and address of a machine. */
  #speaker([mac, address]: readonly string[]): string | undefined {
    const odd = this.#declared.ourMac(mac);
    if (odd !== undefined) return odd;
    if (address?.startsWith("fe80:")) return undefined;
    const other = this.#strangers.get(address ?? "");
    return other ? `${other.owner} has the address ${address}` : this.#declared.inside(address);
  }

  /**
   * An existing port must be on a bridge of the infra, or belong to one of its machines according
   * to Incus.
   */
  #port(name: string, inForce: boolean): string | undefined {
    const live = this.#place.interfaces.get(name);
    const nic = this.#nicsByPort.get(name);
    if (nic !== undefined && nic.infraId !== this.#infraId) {
      return `"${name}" belongs to ${nic.owner}`;
    }
    if (live === undefined) {
      const isOurs = ANKLUME_PORT.test(name) || nic !== undefined || inForce;
      return isOurs ? undefined : `"${name}" is not a name that anklume gives to a port`;
    }
    const isPort = PORT_KINDS.includes(live.kind) &&
      (live.master === undefined
        ? nic !== undefined
        : this.#declared.bridges.has(live.master) && this.#ourBridges.has(live.master));
    if (!isPort) return `"${name}" is not a port of a machine`;
  }

  /** Checks a MAC: frames from it are also dropped on each other bridge of the host. */
  #mac(mac: string): string | undefined {
    const { interfaces, neighbours } = this.#place;
    const nic = this.#nicsByMac.get(mac);
    if (nic !== undefined) {
      return nic.infraId === this.#infraId ? undefined : `${nic.owner} has the MAC ${mac}`;
    }
    const own = [...interfaces].find(([, each]) => each.mac === mac)?.[0];
    if (own !== undefined) return `${mac} belongs to the host's own interface "${own}"`;
    const seen = neighbours.get(mac);
    if (seen !== undefined && !this.#ourBridges.has(seen)) {
      return `${mac} belongs to a neighbour of the host, on "${seen}"`;
    }
    if (!INCUS_MACS.test(mac)) return `${mac} is not a MAC that Incus or anklume gives`;
  }

  #published(set: string, key: readonly string[], element: string): string | undefined {
    if (this.#isInForce(set, element)) return undefined;
    return portTaken(key, set.endsWith("6") ? 6 : 4, this.#place);
  }
}

/** The kinds of a machine's port. */
const PORT_KINDS = ["veth", "tun"];
/**
 * The names that `assignNames` gives. Other programs may make other names later: `vnet0` of
 * libvirt's virtual machines.
 */
const ANKLUME_PORT = /^ak[a-z0-9]{10}$/;
/** A whole /24 of RFC 1918. */
const PRIVATE_24 = /^(10\.\d+|172\.(1[6-9]|2\d|3[01])|192\.168)\.\d+\.0$/;
/** The MAC prefixes that Incus 6.0, Incus 7.0 and anklume give a NIC. */
const INCUS_MACS = /^(?:00:16:3e|10:66:6a):/;
/** DHCPv6's All_DHCP_Relay_Agents_and_Servers. */
const ALL_DHCP6 = "ff02::1:2";

const POLICY_SETS = [
  ...["policies", "policies6", "to_outside", "to_outside6", "from_outside", "from_outside6"],
  ...["to_host", "to_host6", "private", "private6", "host_ports"],
];

function missing(name: string): string {
  return `there is no interface "${name}" now; if it comes later, load the rules on the host`;
}
