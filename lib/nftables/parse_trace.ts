import { FIRST_SOURCE_PORT } from "./frame.ts";
import { TRACE_TABLE } from "./stage.ts";

/** One rule that a packet met, in the kernel's text. */
export interface TraceStep {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** The rule, or `policy accept` if the chain ended without a match. */
  readonly rule: string;
  /** `accept`, `drop`, `goto judge`, `jump policies`, `return`, `continue`. */
  readonly verdict: string;
}

/** The way of one packet, and of its answer. */
export interface Trace {
  /** Each rule that it met, in order. */
  readonly steps: readonly TraceStep[];
  /** The port or interface of the stage where it came out, or `host`; undefined: nowhere. */
  readonly arrivedAt?: string;
  /** The rules that the answer met; empty without an answer. */
  readonly back: readonly TraceStep[];
  readonly answered: boolean;
  /** Rules of iptables-legacy that dropped it, or its answer: nft does not report them. */
  readonly legacy: readonly LegacyDrop[];
}

export interface LegacyDrop {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** `3`, or `policy`. */
  readonly rule: string;
}

/** An answer has the number of its request, with this bit set (probe/ruleset.c). */
const ANSWER = 0x8000;

interface Followed {
  readonly steps: TraceStep[];
  readonly back: TraceStep[];
  arrivedAt?: string;
  answered: boolean;
}

/**
 * Reads the output of `nft monitor trace` for packets 1 to `count`. `places`: the port or interface
 * at the other side of each end of the stage.
 */
export function parseTraces(
  text: string,
  count: number,
  places: ReadonlyMap<string, string>,
): Omit<Trace, "legacy">[] {
  const all = Array.from({ length: count }, (): Followed => ({
    steps: [],
    back: [],
    answered: false,
  }));
  /**
   * The kernel reuses an id: it is a buffer's. Each description of a packet therefore sets the
   * owner of the id again.
   */
  const whose = new Map<string, { readonly of: Followed; readonly isAnswer: boolean }>();
  for (const line of text.split("\n")) {
    const match = /^trace id (\S+) (\S+) (\S+) (\S+) (packet: |rule |policy |verdict )(.*)$/.exec(
      line,
    );
    if (match === null) continue;
    const [, id = "", family = "", table = "", chain = "", kind, rest = ""] = match;
    if (kind === "packet: ") {
      const found = packetOf(rest, all);
      if (found === undefined) whose.delete(id);
      else {
        whose.set(id, found);
        if (table === TRACE_TABLE) arrive(found, rest, chain, places);
      }
      continue;
    }
    const packet = whose.get(id);
    if (packet === undefined || table === TRACE_TABLE) continue;
    const step = stepOf(kind ?? "", rest);
    if (step === undefined) continue;
    (packet.isAnswer ? packet.of.back : packet.of.steps).push({ family, table, chain, ...step });
  }
  return all;
}

function stepOf(kind: string, rest: string): Pick<TraceStep, "rule" | "verdict"> | undefined {
  if (kind === "rule ") {
    const [, rule, verdict] = /^(.*) \(verdict (.+)\)$/.exec(rest) ?? [];
    return rule === undefined || verdict === undefined
      ? undefined
      : { rule: rule.replace(/counter packets \d+ bytes \d+ ?/, "").trim(), verdict };
  }
  if (kind !== "policy ") return undefined;
  const verdict = rest.trim().split(" ")[0] ?? "";
  return { rule: `policy ${verdict}`, verdict };
}

/**
 * Finds the packet of a description. Packets and answers that the stage sent carry a number that
 * address translation does not change. The kernel's own answers are recognised by their target
 * port, or by ICMP's identifier.
 */
function packetOf(
  text: string,
  all: readonly Followed[],
): { readonly of: Followed; readonly isAnswer: boolean } | undefined {
  const value = (name: string) => Number(new RegExp(`\\b${name} (\\d+)`).exec(text)?.[1] ?? 0);
  const found = (number: number, isAnswer: boolean) => {
    const of = all[number - 1];
    return of === undefined ? undefined : { of, isAnswer };
  };
  const tag = value("ip id") + value("ip6 flowlabel");
  if (text.includes("echo-reply")) {
    // nft has no other name for the place of ICMPv6's identifier and sequence.
    const id = value("icmp id") + (value("icmpv6 parameter-problem") >>> 16);
    return found(id, true);
  }
  const target = found(value("(?:tcp|udp) dport") - FIRST_SOURCE_PORT, true);
  const source = value("(?:tcp|udp) sport") - FIRST_SOURCE_PORT;
  if ((tag & ANSWER) !== 0) return found(tag & ~ANSWER, true) ?? target;
  return target === undefined || source === tag ? found(tag, false) : target;
}

/**
 * Records where the trace starts and ends: at the host's own input, or the outer side of a link.
 */
function arrive(
  { of, isAnswer }: { readonly of: Followed; readonly isAnswer: boolean },
  packet: string,
  chain: string,
  places: ReadonlyMap<string, string>,
): void {
  const into = /^iif "([^"]+)"/.exec(packet)?.[1] ?? "";
  const place = chain === "end" ? "host" : chain === "start" ? places.get(into) : undefined;
  if (place === undefined) return;
  if (isAnswer) of.answered = true;
  else of.arrivedAt ??= place;
}
