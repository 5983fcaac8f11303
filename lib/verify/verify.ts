import type { Result } from "./judge.ts";
import { judge, siteOf } from "./judge.ts";
import { HOST_ECHO_PORT } from "./plan_probes.ts";
import type { Probe } from "./probe.ts";
import { type Report, runProbers, type Site } from "./run_probers.ts";

/** Milliseconds that an answer is waited for: a lost first SYN is sent again after a second. */
const WAIT_MS = 1_600;

export interface Proof {
  readonly results: readonly Result[];
  /** Places where no prober could be run, and why. */
  readonly faults: readonly { readonly site: string; readonly why: string }[];
}

/** Sends all probes at once and compares what became of them with what infra.yml says. */
export async function prove(
  probes: readonly Probe[],
  sites: readonly Site[],
  signal?: AbortSignal,
): Promise<Proof> {
  const run = crypto.randomUUID().slice(0, 8);
  const scripts = new Map(sites.map(({ name }) => [name, scriptOf(name, probes, run)]));
  const reports = await runProbers(sites, scripts, signal);
  return { results: judge(probes, reports), faults: faultsOf(reports) };
}

function scriptOf(site: string, probes: readonly Probe[], run: string): string {
  const lines = [`run ${run}`, `wait ${WAIT_MS}`];
  // On the host, what leaves it is of interest too.
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

/** UDP ports that a prober answers on, so that an open one has somebody to answer. */
function echoes(site: string, probes: readonly Probe[]): readonly (readonly [number, number])[] {
  if (site === "host") return [[4, HOST_ECHO_PORT], [6, HOST_ECHO_PORT]];
  const wanted = probes.filter(({ to, protocol, expected }) =>
    protocol === "udp" && expected === "open" && to.kind === "machine" && to.machine === site
  ).map(({ family, port }) => [family, port] as const);
  return [...new Map(wanted.map((each) => [each.join(" "), each])).values()];
}

function faultsOf(reports: ReadonlyMap<string, Report>) {
  return [...reports].flatMap(([site, { fault, lines }]) => {
    const missing = lines.find((line) => line.startsWith("missing "))?.slice("missing ".length);
    const why = fault ?? (missing === undefined ? undefined : `it has no address ${missing}`);
    return why === undefined ? [] : [{ site, why }];
  });
}
