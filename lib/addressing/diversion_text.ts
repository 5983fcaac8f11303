import type { Diversion, DomainNetwork } from "./domain_route.ts";
import type { HostRoute } from "./host_networks.ts";
import { DEFAULT_LENGTH, ipBlock } from "./ip_block.ts";

/**
 * Returns the command that leads packets back to a domain.
 * @param vrf the VRF that the bridge is a port of
 */
export function wayBack({ network, choice }: Diversion, vrf: string | undefined): string {
  const { bridge, block, subnet } = network;
  const move = moveOf(network, choice);
  if (vrf !== undefined) return `\`ip link set ${bridge} nomaster\` takes it out of ${vrf}`;
  const ip = block.family === 4 ? "ip" : "ip -6";
  const { rule } = choice;
  if (rule === undefined) return MAIN_AGAIN(ip);
  const fix = rule.priority > 1
    ? `\`${ip} rule add pref ${rule.priority - 1} to ${subnet} lookup main\``
    : `\`${ip} route add throw ${subnet} table ${rule.table ?? "main"}\``;
  return `${fix} sends them through the bridge again ${UNTIL}${move}`;
}

/**
 * Returns the command that sends packets for the host's own networks back to them, as wg-quick
 * does.
 */
export function wayBackForAll(first: Diversion, vrf: string | undefined): string {
  const { network, choice: { rule } } = first;
  const ip = network.block.family === 4 ? "ip" : "ip -6";
  if (rule === undefined) return MAIN_AGAIN(ip);
  if (rule.priority <= 1) return `${wayBack(first, vrf)}; the same for the others`;
  return `\`${ip} rule add pref ${rule.priority - 1} lookup main suppress_prefixlength 0\` makes ` +
    `the host use the routes of its own networks first ${UNTIL}`;
}

const UNTIL = "until the next boot (a VPN's client may have a setting for local networks)";
const MAIN_AGAIN = (ip: string) => `\`${ip} rule add pref 32766 lookup main\``;

/** Returns `, or give ...` if a move helps. No move helps against a route that takes everything. */
function moveOf({ domain, block }: DomainNetwork, { route }: Diversion["choice"]): string {
  const taken = ipBlock(route?.dst ?? "default", block.family);
  if (taken === undefined || taken.length <= DEFAULT_LENGTH[block.family]) return "";
  // A domain keeps the first two octets for every `subnet_id`.
  return block.family === 4 && taken.length <= 16
    ? ", or change `global.addressing`"
    : `, or give \`${domain}\` another \`subnet_id\``;
}

export function wayOf({ route, rule }: Diversion["choice"]): string | undefined {
  return route?.dev ?? rule?.text;
}

/** Returns `\`pro\`, \`lab\` and 3 others`. */
export function namesOf(all: readonly Diversion[]): string {
  const names = [...new Set(all.map(({ network }) => `\`${network.domain}\``))];
  if (names.length > 4) return `${names.slice(0, 3).join(", ")} and ${names.length - 3} others`;
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/**
 * Returns a sentence about where packets go instead, and why.
 * @param ofMany true for several domains
 */
export function diversionText({ network, choice, whose }: Diversion, ofMany = false): string {
  const { kind, rule, route } = choice;
  const [subnet, bridge] = ofMany ? ["them", "their bridges"] : [network.subnet, network.bridge];
  const where = {
    device: `leave by ${route?.dev}, not by ${bridge}`,
    local: "stay on the host",
    dropped: "are dropped",
    nowhere: "have no route",
  }[kind];
  return `${whose} to ${subnet} ${where}${because(choice)}` +
    (rule === undefined && route === undefined ? ": no rule asks for the table main" : "");
}

/** Returns ` (rule 5270: from all lookup 52, route 10.0.0.0/8 over tun0 in table 52)`. */
export function because({ rule, route }: Diversion["choice"]): string {
  if (rule === undefined) return "";
  const found = route === undefined ? "" : `, route ${routeText(route)}`;
  return ` (rule ${rule.text}${found})`;
}

export function routeText({ dst, dev, gateway, table, type }: HostRoute): string {
  return [
    type,
    dst,
    gateway && `via ${gateway}`,
    dev && `over ${dev}`,
    table && `in table ${table}`,
  ].filter(Boolean).join(" ");
}
