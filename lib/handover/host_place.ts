import { parseIpAddresses, parseIpRouting } from "../addressing/host_networks.ts";
import { ipObjects, isObject, textOf } from "../addressing/ip_json.ts";
import { type IpBlock, ipBlock } from "../addressing/ip_block.ts";
import type { Listener } from "../nftables/listener.ts";
import { isLocalInterface } from "../nftables/local_interface.ts";
import type { Redirect } from "../nftables/redirect.ts";
import { findLocalUplinks, type IpObject } from "../nftables/uplink.ts";
import { fieldsOf, nameOf, readElements } from "./read_elements.ts";

/** An interface of the host, read from the kernel. */
interface PlaceInterface {
  /** Empty for a network card. */
  readonly kind: string;
  /** The bridge whose port it is. */
  readonly master: string | undefined;
  readonly mac: string;
}

/** A network that the host is in, or has a route to. */
interface PlaceNetwork {
  readonly block: IpBlock;
  /** undefined: for a route that leads nowhere. */
  readonly device: string | undefined;
  /** For people: `172.17.0.1/16 on docker0`. */
  readonly text: string;
}

/** A bridge that Incus manages. */
export interface PlaceBridge {
  readonly name: string;
  /** UUID of the infra that owns it; undefined: no infra that anklume knows. */
  readonly infraId: string | undefined;
  /** Its own addresses according to Incus: `10.120.3.254/24`. */
  readonly addresses: readonly string[];
}

/** A network card of an instance, according to Incus. */
export interface PlaceNic {
  /** `<project>/<instance>` */
  readonly owner: string;
  readonly infraId: string | undefined;
  readonly port: string | undefined;
  readonly mac: string | undefined;
  readonly addresses: readonly string[];
}

/** The rules of an infra of this host that are loaded at boot. */
export interface PlaceRules {
  readonly project: string;
  readonly text: string;
}

/** The state of the host: a handed-over ruleset is compared with all of this. */
export interface HostPlace {
  readonly interfaces: ReadonlyMap<string, PlaceInterface>;
  readonly networks: readonly PlaceNetwork[];
  /** Bridges and modem links that have a default route. */
  readonly uplinks: ReadonlySet<string>;
  /** MAC -> interface where the host has seen it. */
  readonly neighbours: ReadonlyMap<string, string>;
  readonly listeners: readonly Listener[];
  /** Ports that other rules redirect. */
  readonly redirects: readonly Redirect[];
  /**
   * Addresses that are not reachable from outside: of the host's switches and tunnels, and of
   * Incus's bridges.
   */
  readonly inner: ReadonlySet<string>;
  readonly bridges: readonly PlaceBridge[];
  readonly nics: readonly PlaceNic[];
  /**
   * Elements of this infra's present rules, as `<family> <set> <element>`: they were accepted
   * before.
   */
  readonly inForce: ReadonlySet<string>;
  /** Claims of other infras that two cannot share: `<kind> <value>` -> project. */
  readonly taken: ReadonlyMap<string, string>;
}

/** The outputs of the programs that read the host's state. */
export interface HostAnswers {
  /** `ip -json -details address show` */
  readonly addresses: string;
  /** Routes of all tables, and rules, for each family, as `ip -json -batch` prints them. */
  readonly routes: readonly [ipv4: string, ipv6: string];
  /** `ip -json neigh show` */
  readonly neighbours: string;
  readonly listeners: readonly Listener[];
  readonly redirects: readonly Redirect[];
  readonly bridges: readonly PlaceBridge[];
  readonly nics: readonly PlaceNic[];
  readonly rules: readonly PlaceRules[];
}

/** @param owner the infra whose rules are handed over */
export function hostPlace(
  { project, infraId }: { readonly project: string; readonly infraId: string },
  answers: HostAnswers,
): HostPlace {
  const links = ipObjects(answers.addresses, "ip address");
  const routes = answers.routes.flatMap((json) => ipObjects(json, "ip route"));
  const uplinks = new Set(findLocalUplinks(routes as IpObject[], links as IpObject[]));
  return {
    interfaces: new Map(links.flatMap((link) => {
      const { ifname, linkinfo, address, master } = link;
      const [name, mac] = [textOf(ifname), textOf(address) ?? ""];
      if (name === undefined) return [];
      const kind = isObject(linkinfo) ? textOf(linkinfo["info_kind"]) ?? "" : "";
      return [[name, { kind, mac, master: textOf(master) }]];
    })),
    networks: networksOf(answers),
    uplinks,
    neighbours: new Map(
      ipObjects(answers.neighbours, "ip neigh").flatMap((each) => {
        const [mac, device] = [textOf(each["lladdr"]), textOf(each["dev"])];
        return mac === undefined || device === undefined ? [] : [[mac, device]];
      }),
    ),
    listeners: answers.listeners,
    redirects: answers.redirects,
    inner: innerAddresses(answers, uplinks),
    bridges: answers.bridges,
    nics: answers.nics,
    inForce: new Set(
      answers.rules.filter((each) => each.project === project && each.text.includes(`${infraId}"`))
        .flatMap((each) =>
          [...readElements(each.text)].flatMap(([set, elements]) =>
            elements.map((element) => `${set} ${element}`)
          )
        ),
    ),
    taken: takenBy(answers.rules.filter((each) => each.project !== project)),
  };
}

/** A prefix this short means "everything else": VPNs split the default route in two. */
const EVERYTHING_ELSE = { 4: 1, 6: 3 } as const;

/**
 * Routes that claim no network: those that the kernel adds for an interface's own addresses, and
 * those that continue with the next table.
 */
const KERNELS_OWN: ReadonlySet<string | undefined> = new Set([
  ...["local", "broadcast", "multicast", "anycast", "throw"],
]);

function networksOf({ addresses, routes, bridges }: HostAnswers): PlaceNetwork[] {
  const networks: PlaceNetwork[] = [];
  const add = (network: string, device: string | undefined, shown: string, family: 4 | 6 = 4) => {
    const block = ipBlock(network, family);
    if (block === undefined || block.length <= EVERYTHING_ELSE[block.family]) return;
    networks.push({ block, device, text: shown });
  };
  for (const { name, addresses: own } of parseIpAddresses(addresses)) {
    for (const address of own) add(address, name, `${address} on ${name}`);
  }
  for (const [index, family] of ([4, 6] as const).entries()) {
    for (const { dst, dev, gateway, type } of parseIpRouting(routes[index]!).routes) {
      if (KERNELS_OWN.has(type)) continue;
      const way = dev === undefined ? "nowhere" : `over ${dev}`;
      add(dst, dev, `the route ${dst} ${way}`, family);
      if (gateway !== undefined) add(gateway, dev, `the next hop ${gateway} ${way}`);
    }
  }
  for (const { name, addresses: own } of bridges) {
    for (const address of own) add(address, name, `${address} on ${name}`);
  }
  return networks;
}

function innerAddresses(
  { addresses, bridges }: HostAnswers,
  uplinks: ReadonlySet<string>,
): Set<string> {
  const plain = (address: string) => address.split("/")[0]!;
  return new Set([
    ...parseIpAddresses(addresses).filter(({ name, kind = "" }) =>
      isLocalInterface(name, kind) && !uplinks.has(name)
    ).flatMap((each) => each.addresses.map(plain)),
    ...bridges.flatMap((each) => each.addresses.map(plain)),
  ]);
}

function takenBy(rules: readonly PlaceRules[]): Map<string, string> {
  const taken = new Map<string, string>();
  for (const { project, text } of rules) {
    for (const [set, elements] of readElements(text)) {
      const name = set.split(" ")[1]!;
      for (const element of elements) {
        const { key } = fieldsOf(element);
        for (const what of claimsOf(name, key)) taken.set(what, project);
      }
    }
  }
  return taken;
}

/** Returns what an element of this set claims for its infra alone, as `<kind> <value>`. */
export function claimsOf(set: string, key: readonly string[]): string[] {
  switch (set) {
    case "bridges":
      return [`bridge ${nameOf(key[0])}`];
    case "ports":
      return [`port ${nameOf(key[0])}`];
    case "macs":
      return [`mac ${key[0]}`];
    case "subnets":
    case "subnets6":
      return [`subnet ${key[0]}`];
    case "publish":
    case "publish6":
      return [`published port ${key.join(" ")}`];
    default:
      return [];
  }
}
