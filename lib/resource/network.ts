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

/** The bridge of a domain. It is in Incus's `default` project. */
export interface DesiredNetwork extends DesiredBase {
  readonly kind: "network";
}
export interface ActualNetwork extends ActualBase {
  readonly kind: "network";
  /** `bridge`, `physical`… */
  readonly type: string;
  /** False for an interface of the host that Incus only lists. */
  readonly managed: boolean;
  /**
   * The status of a bridge that is not ready: `pending` while Incus creates it or if that was
   * interrupted, `errored`, `unavailable`.
   */
  readonly unready?: string;
  /**
   * The state in the host's kernel, only for the infra's own bridges; undefined if it was not read.
   */
  readonly link?: BridgeLink;
}

export function networkAddr(bridge: string): ResourceAddr {
  return { kind: "network", name: bridge };
}

/**
 * Returns the keys of a domain's bridge. anklume's own tables masquerade and filter, so Incus does
 * no NAT. Incus's chains stay: they let DHCP and DNS reach dnsmasq, and a later rule can still drop
 * what they accept.
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
      // DHCPv6 gives static addresses, and Incus offers it only in this mode.
      "ipv6.dhcp.stateful": "true",
    }),
    "raw.dnsmasq": resolverLines(domain).join("\n"),
  };
}

/**
 * Only machines whose MAC Incus knows get addresses and names. A client cannot choose its identity
 * or its name, and an unknown client gets no address from the pool. The firewall also enforces
 * this, by port.
 */
const DHCP_LINES = ["dhcp-ignore=tag:!known", "dhcp-ignore-clid", "dhcp-ignore-names"];

/**
 * Returns the settings of the domain's resolver. It does not reveal the host's own names. Without a
 * way out, a machine could still send queries (with data in them) through the host's resolver. With
 * interfaces under `via`, queries would leave by other interfaces.
 */
function resolverLines({ internet }: Domain): string[] {
  const own = ["no-hosts", ...DHCP_LINES];
  const publicNames = ["domain-needed", "bogus-priv"];
  switch (internet.kind) {
    case "none":
      return [...own, "no-resolv"];
    case "via": {
      // Bound to the interface: no query is sent while the interface is missing.
      const servers = (internet.dns ?? []).flatMap((address) =>
        internet.interfaces.map((each) => `server=${address}@${each}`)
      );
      return [...own, "no-resolv", ...servers.length === 0 ? [] : publicNames, ...servers];
    }
    default:
      return [...own, ...publicNames];
  }
}

/** True if a field only adds the lines that an older anklume did not write. */
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

/**
 * Every key of the infra's bridges is relevant to the isolation, except notes (`user.*`) and
 * Incus's own records.
 */
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

/** A bridge that is not ready is set up first, so its link is not compared. */
function linkFields({ addr, config }: DesiredNetwork, { link, unready }: ActualNetwork) {
  return link === undefined || unready !== undefined ? [] : compareLink(addr.name, config, link);
}

/** Keys of a bridge that open no way and reveal nothing. */
const HARMLESS = /^(?:bridge\.mtu|dns\.(?:domain|search)|ipv[46]\.dhcp\.expiry)$/;

/** True if somebody else added a way through the bridge, or changed a key that anklume wrote. */
function isForeignDoor(key: string, desired: DesiredNetwork, { config }: ActualNetwork): boolean {
  const managed = readManaged(config);
  if (!isOurs(key) || HARMLESS.test(key)) return false;
  const known = Object.hasOwn(desired.config, key) || managed.config.includes(key);
  return !known || isKeyAsWritten(key, config[key], managed) === false;
}

/** The network is in Incus's database but not on the host: machines on it cannot start. */
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
