import type { Difference, Result } from "../verify/judge.ts";
import type { CellState, Matrix } from "../verify/matrix.ts";
import type { Place, Service } from "../verify/probe.ts";
import { jsonText } from "./json.ts";
import type { WhyLine } from "./why.ts";
import { fits, matrixText } from "./matrix.ts";
import type { Style } from "./style.ts";
import { count, duration, hang, printable } from "./text.ts";

/** What `network verify` found out. */
export interface Verification {
  readonly project: string;
  /** Of the live ruleset; as in `status`. */
  readonly firewall: string;
  readonly firewallDetail?: string | undefined;
  readonly matrix: Matrix;
  /** The matrix with copies folded, for a screen that the whole does not fit. */
  readonly folded: Matrix;
  readonly results: readonly Result[];
  readonly breaches: readonly string[];
  readonly faults: readonly { readonly site: string; readonly why: string }[];
  /** Machines that could not be probed, as they do not run. */
  readonly notRunning: readonly string[];
  /** Whether the host itself took part: that takes root. */
  readonly host: boolean;
  readonly machines: number;
  /** Why, of those differences that the live rules were asked about. */
  readonly reasons: ReadonlyMap<Result, WhyLine>;
  readonly ms: number;
}

/** Whether everything is as infra.yml says, as far as it was looked at. */
export function isProven({ results, faults, breaches, firewall }: Verification): boolean {
  return differences(results).length === 0 && faults.length === 0 && breaches.length === 0 &&
    (firewall === "in-place" || firewall === "unknown");
}

export function differences(results: readonly Result[]): Result[] {
  return results.filter(({ difference }) => difference !== undefined);
}

const WORDS: Readonly<Record<Difference, string>> = {
  leak: "LEAK, it gets through though nothing in infra.yml opens it",
  blocked: "BLOCKED, it does not get through though infra.yml opens it",
  unanswered: "NO ANSWER, it arrives but no answer comes back",
  "wrong-source": "WRONG SOURCE, the target does not see the sender's address",
};

/** The verification for people: the matrix, then each difference. */
export function verificationText(seen: Verification, style: Style, shown = 20): string {
  const { colors, width } = style;
  const lines: string[] = [];
  const matrix = fits(seen.matrix, width) ? seen.matrix : seen.folded;
  if (fits(matrix, width)) lines.push(matrixText(matrix, style));
  else lines.push(summary(seen.matrix), "");
  if (seen.firewall !== "in-place") {
    const detail = seen.firewallDetail === undefined ? "" : `: ${printable(seen.firewallDetail)}`;
    const text = hang("Firewall  ", `${seen.firewall}${detail}`, width);
    lines.push(seen.firewall === "unknown" ? colors.yellow(text) : colors.red(text));
  }
  for (const breach of seen.breaches) {
    lines.push(
      colors.red(hang("BREACH    ", `${printable(breach)} walks around the rules`, width)),
    );
  }
  const wrong = differences(seen.results);
  for (const result of wrong.slice(0, shown)) lines.push(...differenceText(result, seen, style));
  if (wrong.length > shown) {
    lines.push(`… and ${wrong.length - shown} more; --json lists all`);
  }
  for (const { site, why } of seen.faults) {
    lines.push(
      colors.red(hang("Failed    ", `${site} could not be probed: ${printable(why)}`, width)),
    );
  }
  if (seen.notRunning.length > 0) {
    const names = seen.notRunning.slice(0, 8).join(", ");
    const more = seen.notRunning.length > 8 ? `, and ${seen.notRunning.length - 8} more` : "";
    lines.push(
      colors.yellow(hang("Note      ", `not running, so not probed: ${names}${more}`, width)),
    );
  }
  if (!seen.host) {
    lines.push(colors.yellow("Note      the host's side was not looked at: that needs root"));
  }
  lines.push(conclusion(seen, style), "");
  return lines.join("\n");
}

function differenceText(
  result: Result,
  { reasons }: Verification,
  { colors, width }: Style,
): string[] {
  const { probe, outcome, difference } = result;
  if (difference === undefined) return [];
  const why = reasons.get(result)?.explanation;
  const flow = `${placeText(probe.from)} -> ${placeText(probe.to)} ${serviceText(probe)}`;
  const address = probe.family === 6 ? ` [${probe.address}]` : ` (${probe.address})`;
  const seen = difference === "wrong-source" ? `: ${outcome.seenFrom}` : "";
  return [
    colors.red(colors.bold(`${flow}${address}`)),
    colors.red(hang("  ", `${WORDS[difference]}${seen}`, width)),
    ...(why?.step === undefined ? [] : [
      hang("  rule  ", `${why.step.family}, chain ${why.step.chain}: ${why.step.rule}`, width),
      hang("  why   ", printable(why.reason), width),
    ]),
    colors.dim(`  anklume network why ${whyArguments(probe)}`),
  ];
}

function whyArguments({ from, to, address, protocol, port }: Result["probe"]): string {
  const end = from.kind === "machine" ? from.machine : from.kind;
  const target = to.kind === "machine" ? to.machine : address;
  return `${end} ${target} ${protocol === "icmp" ? "icmp" : `${port}/${protocol}`}`;
}

/** For a host whose domains no screen holds. */
function summary({ cells }: Matrix): string {
  const tally = new Map<CellState, number>();
  for (const state of cells.flat()) tally.set(state, (tally.get(state) ?? 0) + 1);
  tally.delete("unprobed");
  return `Pairs: ${[...tally].map(([state, number]) => `${number} ${state}`).join(", ")}`;
}

function conclusion(seen: Verification, { colors }: Style): string {
  const probed = `${count(seen.results.length, "probe")} between ${
    count(seen.machines, "machine")
  }${seen.host ? " and the host" : ""} in ${duration(seen.ms)}`;
  const wrong = differences(seen.results);
  const leaks = wrong.filter(({ difference }) => difference === "leak").length;
  if (wrong.length > 0) {
    return colors.red(
      colors.bold(`${count(leaks, "leak")}, ${wrong.length - leaks} other differences: ${probed}.`),
    );
  }
  if (!isProven(seen)) return colors.red(`Not proven: ${probed}.`);
  return colors.green(`All as infra.yml says: ${probed}.`);
}

/** `network verify --json` */
export function verificationJson(seen: Verification): string {
  const { results, matrix, folded: _, reasons: __, ms, ...rest } = seen;
  return jsonText({
    format: 1,
    ...rest,
    proven: isProven(seen),
    probes: results.length,
    milliseconds: Math.round(ms),
    matrix,
    differences: differences(results).map(({ probe, outcome, difference }) => ({
      kind: difference,
      from: placeText(probe.from),
      to: placeText(probe.to),
      address: probe.address,
      protocol: probe.protocol,
      port: probe.port,
      expected: probe.expected,
      arrived: outcome.arrived,
      answered: outcome.answered,
      ...(outcome.seenFrom === undefined ? {} : { seenFrom: outcome.seenFrom }),
    })),
  });
}

/** `pro-dev`, `host`, `gateway of lab`, `outside`. */
export function placeText(place: Place): string {
  switch (place.kind) {
    case "machine":
      return place.machine;
    case "host":
      return place.gatewayOf === undefined ? "host" : `gateway of ${place.gatewayOf}`;
    case "outside":
      return `outside (${place.address})`;
  }
}

/** `tcp/22`, `icmp`. */
function serviceText({ protocol, port }: Service): string {
  return protocol === "icmp" ? "icmp" : `${protocol}/${port}`;
}
