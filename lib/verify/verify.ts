import type { Result } from "./judge.ts";
import { judge, observerOf, siteOf, SOURCE_PORTS } from "./judge.ts";
import { HOST_ECHO_PORT } from "./plan_probes.ts";
import type { Probe } from "./probe.ts";
import { type ProbersReport, runProbers, type Site } from "./run_probers.ts";

/** Milliseconds to wait for an answer: a lost first SYN is sent again after a second. */
const WAIT_MS = 1_600;
/** Milliseconds to wait in the second attempt: a busy host must not look like a closed port. */
const SECOND_WAIT_MS = 4_000;

export interface Proof {
  readonly results: readonly Result[];
  /** Sites where no prober could run, and why. */
  readonly faults: readonly { readonly site: string; readonly why: string }[];
}

/**
 * Sends all probes at once and compares the results with infra.yml. Probes that should have got
 * through and did not are sent once more, so that a packet lost by a busy host does not count as
 * blocked. A leak is not tested again.
 */
export async function proveIsolation(
  probes: readonly Probe[],
  sites: readonly Site[],
  signal?: AbortSignal,
): Promise<Proof> {
  const first = await proveOnce(probes, sites, WAIT_MS, signal);
  const late = first.results.filter(({ difference }) =>
    difference === "blocked" || difference === "unanswered"
  ).map(({ probe }) => probe);
  if (late.length === 0) return first;
  const involved = new Set(late.flatMap((probe) => [siteOf(probe.from), observerOf(probe)]));
  const second = await proveOnce(
    late,
    sites.filter(({ name }) => name === "host" || involved.has(name)),
    SECOND_WAIT_MS,
    signal,
  );
  const again = new Map(second.results.map((result) => [result.probe, result]));
  return {
    results: first.results.map((result) => again.get(result.probe) ?? result),
    faults: first.faults,
  };
}

async function proveOnce(
  probes: readonly Probe[],
  sites: readonly Site[],
  waitMs: number,
  signal?: AbortSignal,
): Promise<Proof> {
  const run = crypto.randomUUID().slice(0, 8);
  const marked = new Map(probes.map((probe) => [{ ...probe, n: unguessable(probe.n) }, probe]));
  const scripts = new Map(
    sites.map(({ name }) => [name, scriptOf(name, [...marked.keys()], run, waitMs)]),
  );
  const reports = await runProbers(sites, scripts, probes.length, signal);
  const results = judge([...marked.keys()], reports)
    .map((result) => ({ ...result, probe: marked.get(result.probe) ?? result.probe }));
  return { results, faults: faultsOf(reports, scripts) };
}

/**
 * Returns a number that other machines cannot know before they see it; the source port stays the
 * same.
 */
function unguessable(n: number): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return n + SOURCE_PORTS * ((high % 2 ** 5) * 2 ** 32 + low);
}

function scriptOf(site: string, probes: readonly Probe[], run: string, waitMs: number): string {
  const lines = [`run ${run}`, `wait ${waitMs}`];
  // The host also reports what leaves it.
  lines.push(`capture ${site === "host" ? "both" : "in"}`);
  for (const [family, port] of echoes(site, probes)) lines.push(`echo ${family} ${port}`);
  const own = probes.flatMap(({ from, source, family }) =>
    siteOf(from) === site && source !== undefined ? [`own ${family} ${source}`] : []
  );
  lines.push(...new Set(own));
  for (const { n, from, family, protocol, address, port } of probes) {
    if (siteOf(from) === site) lines.push(`send ${n} ${family} ${protocol} ${address} ${port}`);
  }
  return `${lines.join("\n")}\n`;
}

function echoes(site: string, probes: readonly Probe[]): readonly (readonly [number, number])[] {
  if (site === "host") return [[4, HOST_ECHO_PORT], [6, HOST_ECHO_PORT]];
  const wanted = probes.filter(({ to, protocol, expected }) =>
    protocol === "udp" && expected === "open" && to.kind === "machine" && to.machine === site
  ).map(({ family, port }) => [family, port] as const);
  return [...new Map(wanted.map((each) => [each.join(" "), each])).values()];
}

function faultsOf(
  reports: ReadonlyMap<string, ProbersReport>,
  scripts: ReadonlyMap<string, string>,
) {
  return [...reports].flatMap(([site, { fault, lines }]) => {
    const asked = (scripts.get(site) ?? "").split("\n").flatMap((line) =>
      line.startsWith("own ") ? [line.split(" ")[2]] : []
    );
    const missing = asked.find((address) => lines.includes(`missing ${address}`));
    const why = fault ?? (missing === undefined ? undefined : `it has no address ${missing}`);
    return why === undefined ? [] : [{ site, why }];
  });
}
