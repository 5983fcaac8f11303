import type { NftSet } from "../nftables/element.ts";
import type { Family } from "../nftables/ruleset.ts";

/** An interface of the host as `ip -details link` tells it; `kind` is undefined for a network card. */
export interface HostInterface {
  readonly name: string;
  readonly kind: string | undefined;
}

/** Kinds that a machine's port is of. */
const PORT_KINDS = ["veth", "tun"];

/**
 * Elements that have the right shape and would reach beyond the infra, one line each: a bridge or port that is the
 * host's own, a subnet that is not private, a published port that leads to no machine. Everything else in the rules
 * is about these.
 */
export function unsafeElements(
  sets: Readonly<Record<Family, readonly NftSet[]>>,
  interfaces: readonly HostInterface[],
): string[] {
  const elements = (family: Family, name: string): readonly string[] =>
    sets[family].find((set) => set.name === name)?.elements ?? [];
  const kinds = new Map(interfaces.map(({ name, kind }) => [name, kind]));
  const bridges = new Set(elements("inet", "bridges").map(ifnameOf));
  const ports = new Set(elements("bridge", "ports").map(ifnameOf));
  const networks = new Set(elements("inet", "subnets"));
  return [
    ...[...bridges].filter((name) =>
      !name.startsWith("net-") || (kinds.has(name) && kinds.get(name) !== "bridge")
    ).map((name) => `"${name}" is no bridge of a domain`),
    ...["own", "orphans"].flatMap((set) => elements("inet", set))
      .filter((element) => !bridges.has(ifnameOf(element)))
      .map((element) => `${element} is no bridge of a domain`),
    ...[...ports].filter((name) =>
      name === "lo" || (kinds.has(name) && !PORT_KINDS.includes(kinds.get(name) ?? ""))
    ).map((name) => `"${name}" is no port of a machine`),
    ...["port_macs", "addresses", "addresses6", "targets6"].flatMap((set) =>
      elements("bridge", set).filter((element) => !ports.has(ifnameOf(element)))
        .map((element) => `${element} in "${set}" is no port of a machine`)
    ),
    ...[...networks, ...elements("bridge", "subnets")].filter((network) => !isPrivate24(network))
      .map((network) => `${network} is no private network`),
    ...elements("inet", "publish").filter((element) => {
      const target = / : (\d+\.\d+\.\d+)\.\d+ \. /.exec(element)?.[1];
      return target === undefined || !networks.has(`${target}.0`);
    }).map((element) => `${element} leads to no machine of the infra`),
  ];
}

function ifnameOf(element: string): string {
  return /^"([^"]*)"/.exec(element)?.[1] ?? "";
}

/** RFC 1918, whole /24. */
function isPrivate24(network: string): boolean {
  return /^(10\.\d+|172\.(1[6-9]|2\d|3[01])|192\.168)\.\d+\.0$/.test(network);
}
