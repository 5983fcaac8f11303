import type { LineView, View } from "./view.ts";
import type { JsonLine } from "./json_lines.ts";
import type { Difference, Result } from "../verify/judge.ts";
import type { NotProbed } from "../verify/not_probed.ts";
import type { CellState, Matrix } from "../verify/matrix.ts";
import type { ProbePlace, Service } from "../verify/probe.ts";
import { jsonText } from "./json.ts";
import { ruleText, type WhyLine } from "./why.ts";
import { fits, matrixText } from "./matrix.ts";
import { type StrangerStatus, strangerText } from "./status.ts";
import type { Style } from "./style.ts";
import { hang, printable, wrap } from "./text.ts";
import { count, duration } from "./number_text.ts";
import { optional } from "../diag/optional.ts";

/** The result of `network verify`. */
export interface Verification {
  readonly project: string;
  /** State of the live ruleset, as in `status`. */
  readonly firewall: string;
  readonly firewallDetail?: string | undefined;
  readonly matrix: Matrix;
  /** The matrix with copies folded, for a screen where the whole does not fit. */
  readonly folded: Matrix;
  readonly results: readonly Result[];
  readonly breaches: readonly string[];
  /** As in `status`. */
  readonly strangers?: readonly StrangerStatus[];
  readonly faults: readonly { readonly site: string; readonly why: string }[];
  /** Machines that could not be probed, as they do not run. */
  readonly notRunning: readonly string[];
  /** True if the host itself took part: needs root. */
  readonly host: boolean;
  readonly machines: number;
  /** The explanations of the differences that the live rules were asked about. */
  readonly reasons: ReadonlyMap<Result, WhyLine>;
  /** Number of policies that packets tested. */
  readonly policiesProbed: number;
  /**
   * The other policies, and published ports; `line`: what the host's rules do with one of its
   * flows.
   */
  readonly notProbed: readonly (NotProbed & { readonly line?: WhyLine | undefined })[];
  readonly ms: number;
}

/** True if all is as infra.yml says, as far as it was tested. */
export function isProven(
  { results, faults, breaches, firewall, notProbed }: Verification,
): boolean {
  return differences(results).length === 0 && faults.length === 0 && breaches.length === 0 &&
    stopped(notProbed).length === 0 && (firewall === "in-place" || firewall === "unknown");
}

export function differences(results: readonly Result[]): Result[] {
  return results.filter(({ difference }) => difference !== undefined);
}

/** Returns those not probed that the host's rules block. */
function stopped(notProbed: Verification["notProbed"]): Verification["notProbed"] {
  return notProbed.filter(({ line }) => line !== undefined && !line.explanation.passes);
}

/** The text of each difference, the worst first. */
const WORDS: Readonly<Record<Difference, readonly [title: string, says: string]>> = {
  leak: ["LEAK", "it gets through, but nothing in infra.yml opens it"],
  blocked: ["BLOCKED", "it does not get through, but infra.yml opens it"],
  unanswered: ["NO ANSWER", "it arrives but no answer comes back"],
  "wrong-source": ["WRONG SOURCE", "the target does not see the sender's address"],
};

/** Returns the verification for people: the matrix, then each difference. */
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
      colors.red(hang("BREACH    ", `${printable(breach)} bypasses the rules`, width)),
    );
  }
  for (const stranger of seen.strangers ?? []) {
    lines.push(colors.yellow(hang("Foreign   ", printable(strangerText(stranger)), width)));
  }
  for (const kind of Object.keys(WORDS) as Difference[]) {
    lines.push(...differencesText(kind, seen, style, shown));
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
    lines.push(colors.yellow("Note      the host's side was not checked: that needs root"));
  }
  lines.push(...notProbedText(seen, style), conclusion(seen, style));
  const rest = notProbedCount(seen);
  if (rest !== undefined) {
    const paint = stopped(seen.notProbed).length > 0 ? colors.red : colors.yellow;
    lines.push(paint(wrap(rest, width)));
  }
  return `${lines.join("\n")}\n`;
}

/** At most this many that were not probed get a line; those that the rules block come first. */
const MOST_NOT_PROBED = 12;

function notProbedText({ notProbed }: Verification, { colors, width }: Style): string[] {
  const bad = stopped(notProbed);
  const all = [...bad, ...notProbed.filter((each) => !bad.includes(each))];
  const lines = all.slice(0, MOST_NOT_PROBED).map((each) => {
    const isBad = bad.includes(each);
    const text = `${each.text}: ${each.why}; ${verdictOf(each)}`;
    const line = hang(isBad ? "STOPPED   " : "Unprobed  ", printable(text), width);
    return isBad ? colors.red(line) : colors.yellow(line);
  });
  const more = all.length - MOST_NOT_PROBED;
  return more > 0 ? [...lines, `          and ${more} more; --json lists all`] : lines;
}

/** Returns the decision of the host's rules, with the rule that decides. */
function verdictOf({ line }: Verification["notProbed"][number]): string {
  if (line === undefined) return "the host's rules were not checked either";
  const { explanation } = line;
  if (explanation.passes) return "the host's rules let it pass";
  if (explanation.step === undefined) return explanation.reason;
  return `${ruleText(explanation)} drops ${explanation.unanswered ? "its answer" : "it"}`;
}

/** Returns the last line: how many were tested, and how many not. */
function notProbedCount(
  { notProbed, policiesProbed, results }: Verification,
): string | undefined {
  if (notProbed.length === 0) return undefined;
  const bad = stopped(notProbed).length;
  const policies = notProbed.filter(({ policy }) => policy !== undefined).length;
  const ports = notProbed.length - policies;
  const what = [
    ...(policies === 0 ? [] : [count(policies, "policy", "policies")]),
    ...(ports === 0 ? [] : [count(ports, "published port")]),
  ].join(" and ");
  const rules = bad > 0
    ? `the host's rules stop ${bad === notProbed.length ? "all of it" : bad}`
    : "see above what the host's rules do with them";
  return `${count(policiesProbed, "policy", "policies")} ${
    differences(results).length === 0 ? "proven" : "probed"
  }, ${what} not probed: ${rules}.`;
}

/** Returns all differences of one kind, one line for each pair; only the first `shown` pairs. */
function differencesText(
  kind: Difference,
  { results, reasons }: Verification,
  { colors, width }: Style,
  shown: number,
): string[] {
  const pairs = new Map<string, Result[]>();
  for (const result of results) {
    if (result.difference !== kind) continue;
    const { from, to, address } = result.probe;
    const target = to.kind === "outside" ? placeText(to) : `${placeText(to)} (${address})`;
    const pair = `${placeText(from)} -> ${target}`;
    pairs.set(pair, [...(pairs.get(pair) ?? []), result]);
  }
  const first = [...pairs.values()][0]?.[0];
  if (first === undefined) return [];
  const [title, says] = WORDS[kind];
  const lines = [colors.red(colors.bold(hang(`${title}  `, says, width)))];
  let told = "";
  for (const [pair, all] of [...pairs].slice(0, shown)) {
    const services = all.map(({ probe, outcome: { seenFrom } }) =>
      kind === "wrong-source" ? `${serviceText(probe)} from ${seenFrom}` : serviceText(probe)
    );
    lines.push(colors.red(hang(`  ${pair}  `, services.join(" "), width)));
    const why = all.map((each) => reasons.get(each)?.explanation).find((each) => each?.step);
    if (why?.step === undefined) continue;
    const text = [
      hang("    rule  ", ruleText(why), width),
      hang("    why   ", printable(why.reason), width),
    ].join("\n");
    // One rule opens or closes many pairs: it is printed once.
    if (text !== told) lines.push(text);
    told = text;
  }
  if (pairs.size > shown) lines.push(`  … and ${pairs.size - shown} more pairs; --json lists all`);
  lines.push(colors.dim(`  ask: anklume network why ${whyArguments(first.probe)}`), "");
  return lines;
}

function whyArguments({ from, to, address, protocol, port }: Result["probe"]): string {
  const end = from.kind === "machine" ? from.machine : from.kind;
  const target = to.kind === "machine" ? to.machine : address;
  return `${end} ${target} ${protocol === "icmp" ? "icmp" : `${port}/${protocol}`}`;
}

/** Returns a summary for a host with too many domains for a screen. */
function summary({ cells }: Matrix): string {
  const tally = new Map<CellState, number>();
  for (const state of cells.flat()) tally.set(state, (tally.get(state) ?? 0) + 1);
  tally.delete("unprobed");
  return `Pairs: ${[...tally].map(([state, number]) => `${number} ${state}`).join(", ")}`;
}

function conclusion(seen: Verification, { colors, width }: Style): string {
  const probed = `${count(seen.results.length, "probe")} between ${
    count(seen.machines, "machine")
  }${seen.host ? " and the host" : ""} in ${duration(seen.ms)}`;
  const wrong = differences(seen.results);
  const leaks = wrong.filter(({ difference }) => difference === "leak").length;
  if (wrong.length > 0) {
    const others = count(wrong.length - leaks, "other difference");
    return colors.red(colors.bold(wrap(`${count(leaks, "leak")}, ${others}: ${probed}.`, width)));
  }
  if (!isProven(seen)) return colors.red(wrap(`Not proven: ${probed}.`, width));
  const all = seen.notProbed.length === 0 ? "All" : "Everything that was probed is";
  return colors.green(wrap(`${all} as infra.yml says: ${probed}.`, width));
}

/** `network verify --json` */
function verificationJson(seen: Verification): string {
  return jsonText(verificationValue(seen));
}

/** The same as a line of `apply --verify --json`. */
function verificationLine(seen: Verification): JsonLine {
  return { type: "verification", ...verificationValue(seen) };
}

function verificationValue(seen: Verification): object {
  const { results, matrix, folded: _, reasons: __, notProbed, ms, ...rest } = seen;
  return {
    format: 1,
    ...rest,
    proven: isProven(seen),
    probes: results.length,
    milliseconds: Math.round(ms),
    notProbed: notProbed.map(({ policy, text, why, line }) => ({
      kind: policy === undefined ? "publish" : "policy",
      ...optional({ id: policy?.id }),
      text,
      why,
      ...(line === undefined ? {} : {
        passes: line.explanation.passes,
        ...optional({ otherTable: line.explanation.otherTable }),
        reason: line.explanation.reason,
      }),
    })),
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
      ...optional({ seenFrom: outcome.seenFrom }),
    })),
  };
}

/** Returns `pro-dev`, `host`, `gateway of lab`, `outside (203.0.113.10)`. */
export function placeText(place: ProbePlace): string {
  switch (place.kind) {
    case "machine":
      return place.machine;
    case "host":
      return place.gatewayOf === undefined ? "host" : `gateway of ${place.gatewayOf}`;
    case "outside":
      return `outside (${place.address})`;
  }
}

/** Returns `tcp/22`, `icmp`. */
function serviceText({ protocol, port }: Service): string {
  return protocol === "icmp" ? "icmp" : `${protocol}/${port}`;
}

/** `network verify`, and the end of `apply --verify` */
export const verificationView: View<Verification> & LineView<Verification> = {
  text: (seen, style) => verificationText(seen, style),
  json: verificationJson,
  line: verificationLine,
};
