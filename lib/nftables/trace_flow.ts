import { withProgramFile } from "../host/program_file.ts";
import { INTERFACE_NAME } from "./element.ts";
import { FirewallError } from "./firewall_error.ts";
import { openingFrame } from "./frame.ts";
import { addressInterval, addressText } from "./interval.ts";
import type { Ruleset } from "./ruleset.ts";
import { FAMILIES } from "./ruleset.ts";
import { firewallError, listTable, type NftOptions, runNft } from "./run_nft.ts";

/** An interface of the host, as far as rules can tell: its name, and whether it is a local switch or tunnel. */
export interface StageInterface {
  readonly name: string;
  /** `local`: a bridge or tunnel, which rules treat alike. */
  readonly kind: "local" | "card";
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  /** Ports plugged into it, with the MAC behind each. */
  readonly ports: readonly { readonly name: string; readonly mac: string }[];
}

/** A packet to be sent into the stage. */
export interface StagePacket {
  /** The port of a machine, or the name of the interface it comes in by. */
  readonly into: string;
  readonly fromMac: string;
  /** undefined: to the interface itself, which routes it on. */
  readonly toMac?: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly port: number;
}

export interface Stage {
  readonly interfaces: readonly StageInterface[];
  /** Ways beyond the interfaces' own networks: address and interface. */
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  readonly packets: readonly StagePacket[];
}

/** One rule that a packet met, in the kernel's words. */
export interface TraceStep {
  readonly family: string;
  readonly chain: string;
  /** The rule, or `policy accept` where a chain ended without one. */
  readonly rule: string;
  /** `accept`, `drop`, `goto judge`, `jump policies`, `return`, `continue`. */
  readonly verdict: string;
}

const ROUTER_MAC = "02:00:00:00:00:01";

/**
 * What the live tables do with packets, asked of the kernel: their live text is loaded into an empty network namespace
 * with interfaces of the same names, the packets are sent there, and `nft monitor trace` tells each rule they meet. The
 * host's own tables and interfaces are not touched. `prober` is the program that sends.
 * @throws FirewallError where the tables are missing or cannot be read
 */
export async function traceFlows(
  ruleset: Pick<Ruleset, "table" | "project">,
  stage: Stage,
  prober: Uint8Array,
  options: NftOptions = {},
): Promise<TraceStep[][]> {
  const live = await Promise.all(
    FAMILIES.map((family) => listTable(family, ruleset.table, options)),
  );
  if (live.includes(undefined)) {
    throw new FirewallError(
      "differs",
      `The firewall of "${ruleset.project}" is not loaded: no rule decides, the domains stand open`,
      "`anklume apply` loads it, `anklume network deploy` loads it alone",
    );
  }
  const output = await withProgramFile(
    prober,
    { root: "/etc/anklume", name: `.anklume-frame-${crypto.randomUUID()}` },
    async (path) => {
      try {
        return await runNft(["unshare", "--net", "sh", "-c", script(stage), "sh", path], {
          ...options,
          stdin: live.join(""),
        });
      } catch (error) {
        throw firewallError("Cannot ask the kernel what the live rules do", error);
      }
    },
  );
  return output.split(/^=== \d+\n/m).slice(1).map((part) => parseTrace(part, ruleset.table));
}

/** Links, the live rules from standard input, then packet after packet, each under a line that numbers it. */
function script(stage: Stage): string {
  const links: string[] = ["link set lo up"];
  const neighbours: string[] = [];
  /** What is sent into the other end of a link comes in by it. */
  const ends = new Map<string, string>();
  const otherEnd = (name: string) => {
    ends.set(checked(name), `anklume-end${ends.size}`);
    return ends.get(name);
  };
  for (const { name, kind, addresses, ports } of stage.interfaces) {
    const made = `link add ${checked(name)} address ${ROUTER_MAC} type`;
    links.push(
      kind === "local" ? `${made} bridge` : `${made} veth peer name ${otherEnd(name)}`,
      ...addresses.map((each) =>
        `address add ${each} dev ${name}${each.includes(":") ? " nodad" : ""}`
      ),
    );
    for (const { name: port, mac } of ports) {
      links.push(
        `link add ${checked(port)} type veth peer name ${otherEnd(port)}`,
        `link set ${port} master ${name}`,
      );
      neighbours.push(`bridge fdb add ${mac} dev ${port} master static`);
    }
  }
  const names = [...stage.interfaces, ...stage.interfaces.flatMap(({ ports }) => ports)]
    .map(({ name }) => name);
  links.push(...[...names, ...ends.values()].map((name) => `link set ${name} up`));
  const packets = stage.packets.map((packet, i) => {
    const frame = openingFrame({ ...packet, toMac: packet.toMac ?? ROUTER_MAC });
    const send = `frame ${ends.get(packet.into)} ${frame}`;
    return `echo "=== ${i}" >>"$out"; echo "${send}" | "$1"; settle`;
  });
  return [
    "set -e",
    "rules=$(cat)",
    "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0",
    "sysctl -qw net.ipv6.conf.all.forwarding=1",
    `ip -batch - <<'END'\n${links.join("\n")}\nEND`,
    ...neighbours,
    ...stage.routes.map(({ to, via }) =>
      `ip ${to.includes(":") ? "-6" : "-4"} route replace ${to} dev ${checked(via)}`
    ),
    "printf '%s\\n' \"$rules\" | nft -f -",
    // Of what the interfaces say of themselves nothing is told.
    ...FAMILIES.map((family) =>
      `nft 'table ${family} trace { chain c { type filter hook prerouting priority -400; ${
        [...new Set(stage.packets.map(traced))].join("; ")
      }; }; }'`
    ),
    "out=$(mktemp)",
    'nft monitor trace >>"$out" & monitor=$!',
    "trap 'kill $monitor; rm -f \"$out\"' EXIT",
    "sleep 0.2",
    // Until nothing more is told for a moment.
    'settle() { size=-1; now=0; while [ "$size" != "$now" ]; do size=$now; sleep 0.1; now=$(wc -c <"$out"); done; }',
    ...packets,
    'cat "$out"',
  ].join("\n");
}

function traced({ from, to }: StagePacket): string {
  const family = from.includes(":") ? "ip6" : "ip";
  const [source, target] = [from, to].map((each) => addressText(addressInterval(each)));
  return `${family} saddr ${source} ${family} daddr ${target} meta nftrace set 1`;
}

function parseTrace(text: string, table: string): TraceStep[] {
  const line = /^trace id \S+ (\S+) (\S+) (\S+) (?:rule (.*) \(verdict (.+?)\)|policy (\S+) ?.*)$/;
  return text.split("\n").flatMap((each): TraceStep[] => {
    const match = line.exec(each);
    if (match === null || match[2] !== table) return [];
    const [, family = "", , chain = "", rule, verdict = "", policy = ""] = match;
    return [{
      family,
      chain,
      rule: rule?.replace(/counter packets \d+ bytes \d+ ?/, "") ?? `policy ${policy}`,
      verdict: rule === undefined ? policy : verdict,
    }];
  });
}

function checked(name: string): string {
  if (!INTERFACE_NAME.test(name)) throw new TypeError(`Not an interface name: ${name}`);
  return name;
}

/** The element of a set that holds a key, with its comment, as the live table has it; undefined where none does. */
export async function liveElement(
  table: string,
  set: string,
  key: string,
  options: NftOptions = {},
): Promise<string | undefined> {
  try {
    const text = await runNft(["nft", "get", "element", "inet", table, set, `{ ${key} }`], options);
    return /elements = \{ (.*?) \}/s.exec(text)?.[1]?.replaceAll(/\s+/g, " ");
  } catch {
    // nft says "No such file or directory" for an element that is not there.
    return undefined;
  }
}
