import { INTERFACE_NAME } from "./element.ts";
import { openingFrame } from "./frame.ts";

/** An interface of the host, as rules see it. */
export interface StageInterface {
  readonly name: string;
  /** `local`: a bridge or tunnel, which anklume's rules treat alike. */
  readonly kind: "local" | "card";
  /**
   * The same number as on the host, since rules may name an interface by number; undefined: it does
   * not exist now.
   */
  readonly index?: number | undefined;
  readonly isUp: boolean;
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  /** Ports of a local one; if it has none, the stage makes one. */
  readonly ports: readonly StagePort[];
}

export interface StagePort {
  readonly name: string;
  readonly index?: number | undefined;
  /** The machines behind it, each with its addresses. */
  readonly behind: readonly {
    readonly mac: string;
    readonly addresses: readonly string[];
  }[];
}

/** A packet to be sent into the stage. */
export interface StagePacket {
  /** The port, or the interface without ports, where it comes in; undefined: the host sends it. */
  readonly into: string | undefined;
  readonly fromMac: string;
  /** undefined: to the interface itself, which routes it. */
  readonly toMac?: string | undefined;
  readonly from: string;
  readonly to: string;
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly port: number;
}

export interface Stage {
  readonly interfaces: readonly StageInterface[];
  /** Other addresses of the host. */
  readonly otherAddresses: readonly string[];
  /** Routes beyond the interfaces' own networks: address and interface. */
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  /** Turns forwarding on, whatever the host's settings are. */
  readonly forwards?: boolean;
  readonly packets: readonly StagePacket[];
  /** A ruleset to try in place of this infra's live one. */
  readonly tried?: string | undefined;
}

/** MAC of the host's side. */
const ROUTER_MAC = "02:00:00:00:00:01";
/**
 * MAC of all who are not our machines: the ends of the stage answer with it (`tell_mac` of
 * probe/ruleset.c).
 */
export const STRANGER_MAC = "02:00:00:00:00:81";
/** Prefix of interface names; probe/ruleset.c answers the packets that come out of them. */
const ENDS = "anklume-end";
const MARK = "anklume-mark";
/** First number of the stage's own interfaces: a host does not reach it in years. */
const OWN_INDEX = 1_000_000_000;
/** Numbers of the packets that mark that the monitor listens, and that all packets were sent. */
const BEGIN = 30_001;
const END = 30_002;

/** The table that turns tracing on; no name that anklume gives has a dot. */
export const TRACE_TABLE = "anklume.trace";

/**
 * The script to run in the host's namespace: `sh -c SCRIPT sh PROGRAM [TABLE]`, with the stage's
 * own script as standard input.
 */
export const SAVE_AND_ENTER = `
set -e
saved=$(mktemp)
trap 'rm -f "$saved" "$saved".*' EXIT
"$1" save >"$saved"
(cd /proc/sys && grep -sH . net/ipv4/ip_forward net/ipv4/conf/*/forwarding net/ipv4/conf/*/rp_filter \\
  net/ipv6/conf/*/forwarding net/ipv6/conf/*/disable_ipv6 net/bridge/*) >"$saved.settings" || :
unshare --net sh -s -- "$1" "$saved" "$2"
`;

/** The ends of the stage's links, by the port or interface at the other side. */
type StageEnds = ReadonlyMap<string, string>;

/**
 * Returns the end of each port or interface: packets that leave by the port come out at its end.
 */
export function stageEnds({ interfaces }: Stage): StageEnds {
  const outer = interfaces.flatMap(({ name, kind, ports }) =>
    kind === "card" ? [name] : ports.map((port) => port.name)
  );
  return new Map([...new Set(outer)].map((name, i) => [name, `${ENDS}${i}`]));
}

/**
 * Returns the stage's script: links, rules, packets. Its arguments are the program, the saved
 * rules, and the name of the only table, or nothing.
 */
export function stageScript(stage: Stage): string {
  const ends = stageEnds(stage);
  const { links, addresses, neighbours } = stageLinks(stage, ends);
  const devices = [
    ...stage.interfaces.flatMap(({ name, ports }) => [name, ...ports.map((port) => port.name)]),
    ...ends.values(),
    MARK,
  ].map((name) => `"${checked(name)}"`);
  const listens = stage.packets.filter(({ protocol }) => protocol === "udp")
    .map(({ to, port }) => `listen ${to.includes(":") ? 6 : 4} ${port}`);
  const frames = stage.packets.map((packet, i) => frameLine(packet, i + 1, ends));
  return [
    "set -e",
    "program=$1 saved=$2 only=$3",
    batch("ip -batch -", links),
    // A key that this kernel does not know, or that is fixed, has no effect on a packet.
    'while IFS=: read -r key value; do echo "$value" 2>/dev/null >"/proc/sys/$key" || :; done <"$saved.settings"',
    ...(stage.forwards ? ["sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"] : []),
    // An address that the kernel refuses, as a duplicate or of a family that is off, does not exist
    // on the host either.
    batch("ip -force -batch - 2>/dev/null", addresses, " || :"),
    batch("bridge -batch -", [...new Set(neighbours)]),
    // The program reports what the kernel did not accept.
    '"$program" load ${only:+"$only"} <"$saved"',
    ...(stage.tried === undefined ? [] : [batch("nft -f -", [stage.tried])]),
    batch("nft -f -", traceTables(devices)),
    "trap 'kill $monitor' EXIT",
    ': >"$saved.out"',
    'nft monitor trace >"$saved.out" & monitor=$!',
    // The monitor prints events in order: once the mark is printed, all before it is printed too.
    "mark() {",
    "  tries=0",
    '  until grep -q "ip id $1 " "$saved.out"; do',
    '    if [ "$tries" = 200 ]; then echo "nft monitor tells nothing" >&2; exit 1; fi',
    `    echo "frame ${MARK}2 $2" | "$program" play >/dev/null`,
    "    tries=$((tries + 1)); sleep 0.05",
    "  done",
    "}",
    `mark ${BEGIN} ${markFrame(BEGIN)}`,
    'echo "=== played"',
    batch('"$program" play', [...new Set(listens), ...frames]),
    `mark ${END} ${markFrame(END)}`,
    'echo "=== trace"',
    'cat "$saved.out"',
  ].join("\n") + "\n";
}

function batch(command: string, lines: readonly string[], otherwise = ""): string {
  return lines.length === 0 ? ":" : `${command} <<'END'${otherwise}\n${lines.join("\n")}\nEND`;
}

function stageLinks(stage: Stage, ends: StageEnds) {
  const links = ["link set lo up"];
  const addresses: string[] = [];
  const neighbours: string[] = [];
  const up: string[] = [];
  const numbered = (index?: number) => index === undefined ? "" : ` index ${index}`;
  let own = OWN_INDEX;
  const plug = (name: string, index?: number) =>
    `link add name ${checked(name)}${numbered(index ?? own++)} address ${ROUTER_MAC} type veth ` +
    `peer name ${ends.get(name)} index ${own++}`;
  for (const { name, kind, index, isUp, ports, addresses: all } of stage.interfaces) {
    links.push(
      kind === "card"
        ? plug(name, index)
        : `link add name ${checked(name)}${numbered(index ?? own++)} address ${ROUTER_MAC} ` +
          "type bridge",
    );
    if (isUp) up.push(name);
    addresses.push(...all.map((each) => addressLine(each, name)));
    for (const port of ports) {
      links.push(plug(port.name, port.index), `link set ${port.name} master ${name}`);
      up.push(port.name);
      for (const { mac, addresses: reached } of port.behind) {
        neighbours.push(`fdb add ${mac} dev ${port.name} master static`);
        addresses.push(...reached.map((each) => neighbourLine(each, mac, name)));
      }
    }
  }
  links.push(
    `link add name ${MARK} index ${own++} type veth peer name ${MARK}2 index ${own++}`,
    ...[...up, ...ends.values(), MARK, `${MARK}2`].map((name) => `link set ${name} up`),
  );
  addresses.push(
    ...stage.otherAddresses.map((each) => addressLine(each, "lo")),
    ...stage.routes.map(({ to, via }) => `route replace ${to} dev ${checked(via)}`),
    ...stage.routes.filter(({ to, via }) => !isBehind(stage, to, via))
      .map(({ to, via }) => neighbourLine(to, STRANGER_MAC, via)),
  );
  return { links, addresses, neighbours };
}

function isBehind({ interfaces }: Stage, address: string, name: string): boolean {
  return interfaces.some((each) =>
    each.name === name &&
    each.ports.some(({ behind }) => behind.some(({ addresses }) => addresses.includes(address)))
  );
}

function addressLine(address: string, name: string): string {
  return `address add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`;
}

function neighbourLine(address: string, mac: string, name: string): string {
  return `neigh replace ${address.split("/")[0]} lladdr ${mac} dev ${name} nud permanent`;
}

function frameLine(packet: StagePacket, number: number, ends: StageEnds): string {
  const frame = openingFrame({ ...packet, toMac: packet.toMac ?? ROUTER_MAC, number });
  if (packet.into === undefined) return `frame - ${frame.slice(28)}`;
  return `frame ${ends.get(packet.into)} ${frame}`;
}

function markFrame(number: number): string {
  return openingFrame({
    fromMac: ROUTER_MAC,
    toMac: STRANGER_MAC,
    from: "192.0.2.1",
    to: "192.0.2.2",
    protocol: "udp",
    port: 9,
    number,
  });
}

/**
 * Returns tables that trace each packet that starts or answers a flow, and mark the ends of its
 * way.
 */
function traceTables(devices: readonly string[]): string[] {
  const ask = [
    "meta l4proto { tcp, udp } meta nftrace set 1",
    "icmp type { echo-request, echo-reply } meta nftrace set 1",
    "icmpv6 type { echo-request, echo-reply } meta nftrace set 1",
  ].join("; ");
  const chain = (name: string, hook: string, priority: number) =>
    `chain ${name} { type filter hook ${hook} priority ${priority}; ${ask}; }`;
  const first = -2_000_000_000;
  const table = (family: string, chains: readonly string[]) => [
    `table ${family} ${TRACE_TABLE} {`,
    ...chains,
    "}",
  ];
  return [
    ...table("netdev", [chain("start", `ingress devices = { ${devices.join(", ")} }`, first)]),
    ...table("bridge", [chain("start", "prerouting", first)]),
    ...table("inet", [
      chain("start", "prerouting", first),
      chain("output", "output", first),
      chain("end", "input", -first),
    ]),
  ];
}

function checked(name: string): string {
  if (!INTERFACE_NAME.test(name)) throw new TypeError(`Not an interface name: ${name}`);
  return name;
}
