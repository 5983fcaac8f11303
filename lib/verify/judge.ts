import type { Probe, ProbeOutcome } from "./probe.ts";
import type { ProbersReport } from "./run_probers.ts";
import { optional } from "../diag/optional.ts";

/** The difference between a probe's result and infra.yml. */
export type Difference =
  /** It reached a target that it must not reach. */
  | "leak"
  /** It did not reach a target that a policy opens. */
  | "blocked"
  /** It arrived, and the answer did not come back. */
  | "unanswered"
  /** The target saw another address than the sender's. */
  | "wrong-source";

export interface Result {
  readonly probe: Probe;
  readonly outcome: ProbeOutcome;
  /** undefined: as infra.yml says, or unknown. */
  readonly difference?: Difference;
  /** Neither seen nor answered, and no prober could have seen it. */
  readonly unknown: boolean;
}

/**
 * Probe `n` has the source port `FIRST_PORT + n % SOURCE_PORTS`, if that is free: probe/probe.c.
 */
const FIRST_PORT = 33_000;
export const SOURCE_PORTS = 27_000;

/**
 * Compares the probers' reports with the expected results. Pure.
 *
 * A machine may be hostile, and its prober replaced. Its report counts only for what it sent (the
 * first answer to each probe) and for what arrived at it: it can falsify only the rows in which it
 * takes part. The probes' numbers are unguessable, so no third machine can send one in another's
 * name.
 */
export function judge(
  probes: readonly Probe[],
  reports: ReadonlyMap<string, ProbersReport>,
): Result[] {
  const outcomes = outcomesOf(probes, reports);
  const sees = new Set(
    [...reports].filter(([, { lines, fault }]) => fault === undefined && !lines.includes("blind"))
      .map(([name]) => name),
  );
  return probes.filter(({ from }) => reports.get(siteOf(from))?.fault === undefined).map(
    (probe) => {
      const outcome = outcomes.get(probe.n) ?? NOTHING;
      const observed = sees.has(observerOf(probe));
      // A refusal may come from a router on the way. If the target has a prober, only what it saw
      // counts. An acceptance or an echo comes from the target itself.
      const reached = outcome.arrived || outcome.accepted ||
        (outcome.answered && (!observed || probe.to.kind !== "machine"));
      const unknown = probe.to.kind === "outside" && !reached && !observed && !outcome.unsent;
      const difference = unknown ? undefined : differenceOf(probe, outcome, reached);
      return { probe, outcome, unknown, ...optional({ difference }) };
    },
  );
}

const NOTHING: ProbeOutcome = { arrived: false, answered: false, accepted: false, unsent: true };

function differenceOf(
  probe: Probe,
  outcome: ProbeOutcome,
  reached: boolean,
): Difference | undefined {
  if (probe.expected === "closed") return reached ? "leak" : undefined;
  if (!reached) return "blocked";
  // A host outside need not answer.
  if (probe.to.kind === "outside") return undefined;
  if (probe.protocol !== "udp" && !outcome.answered) return "unanswered";
  const wrong = probe.source !== undefined && outcome.seenFrom !== undefined &&
    outcome.seenFrom !== probe.source;
  return wrong ? "wrong-source" : undefined;
}

/** Returns the name of the site that sends a place's probes. */
export function siteOf(place: Probe["from"]): string {
  return place.kind === "machine" ? place.machine : "host";
}

/** Returns the name of the site that sees it arrive, or leave for the outside. */
export function observerOf({ to }: Probe): string {
  return to.kind === "machine" ? to.machine : "host";
}

function outcomesOf(
  probes: readonly Probe[],
  reports: ReadonlyMap<string, ProbersReport>,
): Map<number, ProbeOutcome> {
  const byNumber = new Map(probes.map((probe) => [probe.n, probe]));
  const outcomes = new Map<number, ProbeOutcome>();
  const update = (n: number, change: Partial<ProbeOutcome>) =>
    outcomes.set(n, { ...NOTHING, unsent: false, ...outcomes.get(n), ...change });
  /** A SYN carries no number: its source port and its target identify it. */
  const syns = new Map<string, Probe[]>();
  const addresses = new Map(
    probes.flatMap(({ from, source }) => source === undefined ? [] : [[source, siteOf(from)]]),
  );
  for (const [site, { lines }] of reports) {
    for (const line of lines) {
      const [, n, word, port] = /^answer (\d+) (\S+) (\d+)$/.exec(line) ?? [];
      const probe = byNumber.get(Number(n));
      if (n === undefined || probe === undefined || siteOf(probe.from) !== site) continue;
      if (outcomes.has(probe.n)) continue;
      const accepted = word === "open" || word === "echo";
      const answered = accepted || word === "refused";
      update(probe.n, { answered, accepted, unsent: word === "unsent" });
      if (probe.protocol !== "tcp") continue;
      const key = `${probe.address} ${probe.port} ${port}`;
      // A report of the port that the probe was to have is believed before a report of another
      // probe's port.
      const own = Number(port) === FIRST_PORT + probe.n % SOURCE_PORTS;
      const others = syns.get(key) ?? [];
      syns.set(key, own ? [probe, ...others] : [...others, probe]);
    }
  }
  const all = [...reports].flatMap(([site, { lines }]) =>
    lines.flatMap((line) => {
      const seen = parseSeen(line);
      return seen === undefined ? [] : [{ site, seen }];
    })
  );
  /** The source port of a SYN before address translation, as seen by the host. */
  const sent = new Map(
    all.flatMap(({ site, seen }) =>
      site === "host" && seen.direction === "in" && seen.sequence !== undefined
        ? [[`${seen.sequence} ${seen.target} ${seen.port}`, seen.sourcePort] as const]
        : []
    ),
  );
  for (const { site, seen } of all) {
    const { sequence, target, port } = seen;
    const sourcePort = sent.get(`${sequence} ${target} ${port}`) ?? seen.sourcePort;
    const candidates = (seen.n === undefined
      ? syns.get(`${target} ${port} ${sourcePort}`) ?? []
      : [byNumber.get(seen.n)].filter((each) =>
        each !== undefined
      ))
      // A packet from another machine's address is that machine's.
      .filter(({ from }) => (addresses.get(seen.source) ?? siteOf(from)) === siteOf(from));
    const probe = candidates.find(({ source }) => source === seen.source) ?? candidates[0];
    if (probe === undefined || !counts(probe, site, seen)) continue;
    update(probe.n, { arrived: true, seenFrom: seen.source });
  }
  return outcomes;
}

interface Seen {
  readonly direction: string;
  readonly interface: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly target: string;
  readonly port: number;
  readonly n?: number;
  /** Sequence number of a SYN. */
  readonly sequence?: string;
}

function parseSeen(line: string): Seen | undefined {
  const match =
    /^seen (in|out) (\S+) (?:tcp|udp|icmp) (\S+) (\d+) (\S+) (\d+) (\d+|-|s[0-9a-f]{8})$/.exec(
      line,
    );
  if (match === null) return undefined;
  const [, direction = "", name = "", source = "", sourcePort, target = "", port, n] = match;
  return {
    direction,
    interface: name,
    source,
    sourcePort: Number(sourcePort),
    target,
    port: Number(port),
    ...(/^\d+$/.test(n ?? "") ? { n: Number(n) } : {}),
    ...(n?.startsWith("s") ? { sequence: n } : {}),
  };
}

/** True if the sighting means that the probe got through. */
function counts({ to }: Probe, site: string, seen: Seen): boolean {
  switch (to.kind) {
    case "machine":
      return site === to.machine && seen.direction === "in";
    case "host":
      // A capture sees it before the rules do; the echo's own socket (`-`) after them.
      return site === "host" && seen.interface === "-";
    case "outside":
      return site === "host" && seen.direction === "out" && seen.interface === to.interface;
  }
}
