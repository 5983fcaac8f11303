import type { DomainAddress } from "../addressing/addressing.ts";
import type { Network, NetworkPut, NetworksPost } from "../incus/wire/network.ts";
import type { Domain, StringMap } from "../infra/infra.ts";
import type { ResourceAddr } from "./address.ts";
import type { ActualBase, DesiredBase } from "./base.ts";
import { type BridgeLink, compareLink } from "./bridge_link.ts";
import { configDelta, configFields, mergeConfig } from "./delta.ts";
import { type FieldChange, fieldChange } from "./field.ts";
import { bornAt, type Owner } from "./mark.ts";
import { marksOf, readManaged } from "./managed.ts";
import { descriptionField } from "./project.ts";
import { isKeyAsWritten } from "./seal.ts";

/** The bridge of a domain. It lives in Incus's `default` project. */
export interface DesiredNetwork extends DesiredBase {
  readonly kind: "network";
}
export interface ActualNetwork extends ActualBase {
  readonly kind: "network";
  /** `bridge`, `physical`… */
  readonly type: string;
  /** false: an interface of the host that Incus only sees. */
  readonly managed: boolean;
  /** Of a bridge that does not stand: `pending` while Incus makes it or was interrupted, `errored`, `unavailable`. */
  readonly unready?: string;
  /** Of our bridges: what the host's kernel has; undefined: nobody looked. */
  readonly link?: BridgeLink;
}

export function networkAddr(bridge: string): ResourceAddr {
  return { kind: "network", name: bridge };
}

/**
 * Keys of a domain's bridge. anklume's own tables masquerade and decide who may pass, so Incus does no NAT; its
 * own chains stay, they let DHCP and DNS reach dnsmasq and their accept is never the last word.
 */
function bridgeConfig(domain: Domain, address: DomainAddress): StringMap {
  const prefix = address.subnet.split("/")[1] ?? "24";
  return {
    "ipv4.address": `${address.gateway}/${prefix}`,
    "ipv4.nat": "false",
    "ipv4.dhcp.ranges": `${address.dhcpFirst}-${address.dhcpLast}`,
    ...(address.ipv6 === undefined ? { "ipv6.address": "none" } : {
      "ipv6.address": `${address.ipv6.gateway}/${address.ipv6.subnet.split("/")[1] ?? "64"}`,
      "ipv6.nat": "false",
      // Static addresses are handed out by DHCPv6, which Incus offers only in this mode.
      "ipv6.dhcp.stateful": "true",
    }),
    "raw.dnsmasq": resolverLines(domain).join("\n"),
  };
}

/**
 * Addresses and names are for machines that Incus knows, by their MAC: no client says who it is, nor what it is called, and who is nobody
 * takes no address of the pool. The firewall says so too, by port.
 */
const DHCP_LINES = ["dhcp-ignore=tag:!known", "dhcp-ignore-clid", "dhcp-ignore-names"];

/**
 * What the domain's resolver is told. The host's own names are nobody's business. Without a way out a machine could still
 * send questions (and data in them) through the host's resolver; with ways named under `via` they would leave by another.
 */
function resolverLines({ internet }: Domain): string[] {
  const own = ["no-hosts", ...DHCP_LINES];
  const publicNames = ["domain-needed", "bogus-priv"];
  switch (internet.kind) {
    case "none":
      return [...own, "no-resolv"];
    case "via": {
      // Bound to the interface: while it is gone nothing is asked.
      const servers = (internet.dns ?? []).flatMap((address) =>
        internet.interfaces.map((each) => `server=${address}@${each}`)
      );
      return [...own, "no-resolv", ...servers.length === 0 ? [] : publicNames, ...servers];
    }
    default:
      return [...own, ...publicNames];
  }
}

/** Whether all that a field changes is that an older anklume did not write those lines. */
export function addsDhcpLines({ path, before, after }: FieldChange): boolean {
  if (path !== "config.raw.dnsmasq" || before === undefined || before === after) return false;
  const older = (after ?? "").split("\n").filter((line) => !DHCP_LINES.includes(line));
  return older.join("\n") === before;
}

export function desiredNetwork(
  domain: Domain,
  address: DomainAddress,
  owner: Owner,
): DesiredNetwork {
  const config = bridgeConfig(domain, address);
  return {
    kind: "network",
    addr: networkAddr(address.bridge),
    domain: domain.name,
    range: domain.range,
    description: domain.description,
    config: { ...config, ...marksOf(owner, domain.name, config, {}, [], isOurs) },
  };
}

export function actualNetwork(wire: Network): ActualNetwork {
  return {
    kind: "network",
    addr: networkAddr(wire.name),
    type: wire.type,
    managed: wire.managed,
    ...(wire.managed && wire.status !== "Created" && wire.status !== ""
      ? { unready: wire.status.toLowerCase() }
      : {}),
    description: wire.description,
    config: wire.config,
    usedBy: wire.used_by ?? [],
    ...bornAt(wire.config),
  };
}

/** Every key of our bridges bears on isolation, except notes (`user.*`) and what Incus keeps for itself. */
function isOurs(key: string): boolean {
  return !key.startsWith("user.") && !key.startsWith("volatile.");
}

function delta(desired: DesiredNetwork, actual: ActualNetwork) {
  return configDelta(desired.config, actual.config, readManaged(actual.config), isOurs);
}

export function compareNetwork(desired: DesiredNetwork, actual: ActualNetwork): FieldChange[] {
  return [
    ...readyField(actual),
    ...descriptionField(desired, actual),
    ...configFields(
      delta(desired, actual),
      actual.config,
      () => "in-place",
      (key) => isForeignDoor(key, desired, actual),
    ),
    ...linkFields(desired, actual),
  ];
}

/** One that Incus has not made to its end is made first. */
function linkFields({ addr, config }: DesiredNetwork, { link, unready }: ActualNetwork) {
  return link === undefined || unready !== undefined ? [] : compareLink(addr.name, config, link);
}

/** Keys of a bridge that neither lead anywhere nor tell anybody anything. */
const HARMLESS = /^(?:bridge\.mtu|dns\.(?:domain|search)|ipv[46]\.dhcp\.expiry)$/;

/** A way through the bridge that somebody else made, or a key of ours that is not as anklume wrote it. */
function isForeignDoor(key: string, desired: DesiredNetwork, { config }: ActualNetwork): boolean {
  const managed = readManaged(config);
  if (!isOurs(key) || HARMLESS.test(key)) return false;
  const known = Object.hasOwn(desired.config, key) || managed.config.includes(key);
  return !known || isKeyAsWritten(key, config[key], managed) === false;
}

/** It is in Incus's database, and nothing on the host: machines on it cannot start. */
function readyField({ unready }: ActualNetwork): FieldChange[] {
  return unready === undefined ? [] : [fieldChange("status", unready, "created", "in-place")];
}

/** Body of `POST /1.0/networks`. */
export function networkCreateBody(desired: DesiredNetwork): NetworksPost {
  return {
    name: desired.addr.name,
    type: "bridge",
    description: desired.description,
    config: desired.config,
  };
}

/** Body of `PUT /1.0/networks/NAME`. */
export function networkUpdateBody(desired: DesiredNetwork, actual: ActualNetwork): NetworkPut {
  return {
    description: desired.description,
    config: mergeConfig(actual.config, delta(desired, actual)),
  };
}
