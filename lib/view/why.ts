import type { View } from "./view.ts";
import type { FirewallKind, Mend } from "../nftables/other_firewall.ts";
import type { Explanation } from "../verify/explanation.ts";
import { commandText } from "./doctor.ts";
import { jsonText } from "./json.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";
import { optional } from "../diag/optional.ts";

/** One flow and its explanation, for `network why`. */
export interface WhyLine {
  /** `pro-dev`, `host`, `outside`. */
  readonly from: string;
  readonly to: string;
  /** `631/tcp`, `icmp`. */
  readonly service: string;
  readonly source: string;
  readonly target: string;
  readonly explanation: Explanation;
  /** The set's element that matched, from the live table. */
  readonly element?: string | undefined;
  /** The program whose rule drops it, if it is not anklume, and how to let the flow through. */
  readonly firewall?: FirewallKind;
  readonly mend?: Mend;
  /** The rule of iptables-legacy that dropped it. */
  readonly lost?: string;
  /** Rules of the host that could not be copied, and so were not tested: `ip filter DOCKER`. */
  readonly unjudged: readonly string[];
}

export interface Why {
  readonly project: string;
  /** Live rules compared with the rendered ones, as in `status`. */
  readonly firewall: string;
  readonly lines: readonly WhyLine[];
  /** The machine that an end stands for, if the end is a domain. */
  readonly notes: readonly string[];
}

function whyText({ lines, notes, firewall }: Why, style: Style): string {
  const { colors, width } = style;
  const text: string[] = notes.map((note) => colors.dim(hang("", note, width)));
  for (const line of lines) {
    const { explanation } = line;
    const { step, reason, origin, change } = explanation;
    const verdict = verdictText(line);
    if (text.length > 0) text.push("");
    const title = `${line.from} -> ${line.to} ${line.service}`;
    const addresses = `${line.source} -> ${line.target}`;
    const fits = title.length + verdict.length + addresses.length + 3 <= width;
    const isGood = explanation.passes && line.unjudged.length === 0;
    text.push(
      `${colors.bold(title)} ${(isGood ? colors.green : colors.yellow)(verdict)}` +
        `${fits ? "  " : "\n  "}${colors.dim(addresses)}`,
    );
    const place = origin === undefined ? "" : ` (${origin.file}:${origin.start.line})`;
    text.push(hang("  why      ", `${printable(reason)}${place}`, width));
    if (step !== undefined) {
      text.push(hang("  rule     ", ruleText(explanation), width));
    }
    if (line.element !== undefined) text.push(hang("  element  ", line.element, width));
    if (line.unjudged.length > 0) {
      text.push(colors.yellow(hang(
        "  BUT      ",
        `rules of ${line.unjudged.join(", ")} could not be copied, so they were not checked`,
        width,
      )));
    }
    const but = disagreement(explanation, firewall);
    if (but !== undefined) text.push(colors.red(hang("  BUT      ", but, width)));
    const { fix = [], remedy } = line.mend ?? {};
    text.push(...fix.map((argv) => hang("  mend     ", commandText(argv), width)));
    if (remedy !== undefined) text.push(hang("  mend     ", printable(remedy), width));
    if (lines.length > 1) continue;
    if (change.length === 1) text.push(hang("  change   ", change[0] ?? "", width));
    if (change.length > 1) {
      text.push(`  to ${explanation.passes ? "close" : "open"} it, in infra.yml:`);
      text.push(...change.map((each) => colors.cyan(`    ${each}`)));
    }
  }
  if (firewall !== "in-place") {
    text.push("", colors.red(`Firewall  ${firewall}: see \`anklume network rules --diff\``));
  }
  return `${text.join("\n")}\n`;
}

/** Returns `passes` or `is dropped`: the real result, whatever program owns the rule. */
function verdictText(
  { explanation: { passes, unanswered, otherTable }, unjudged }: WhyLine,
): string {
  if (unanswered) return "is not answered";
  if (!passes) return otherTable === undefined ? "is dropped" : "is dropped by another table";
  return unjudged.length === 0 ? "passes" : "passes the rules that could be checked";
}

/**
 * Returns a rule such as `inet, chain judge: counter drop`; with its table if it is not anklume's.
 */
export function ruleText({ step, otherTable }: Explanation): string {
  if (step === undefined) return "";
  const where = otherTable === undefined ? step.family : otherTable;
  return `${where}, chain ${step.chain}: ${printable(step.rule)}`;
}

function disagreement(
  { passes, anklumePasses, otherTable, step, disagrees }: Explanation,
  firewall: string,
): string | undefined {
  if (!disagrees) return undefined;
  if (!passes && (anklumePasses || step === undefined)) {
    return `infra.yml says it must pass: ${otherTable ?? "this host"} blocks it`;
  }
  return `infra.yml says it ${anklumePasses ? "must not pass" : "must pass"}: the live table and ` +
    `infra.yml disagree${firewall === "in-place" ? "" : ", as it is not the rendered one"}`;
}

/** `network why --json` */
function whyJson({ project, firewall, lines, notes }: Why): string {
  return jsonText({
    format: 1,
    project,
    firewall,
    notes,
    flows: lines.map(({ explanation, element, mend, firewall: whose, lost: _, ...line }) => ({
      ...line,
      passes: explanation.passes,
      anklumePasses: explanation.anklumePasses,
      ...(explanation.unanswered ? { unanswered: true } : {}),
      ...optional({ otherTable: explanation.otherTable }),
      disagrees: explanation.disagrees,
      reason: explanation.reason,
      ...optional({ rule: explanation.step, element, range: explanation.origin }),
      change: explanation.change,
      ...(mend === undefined ? {} : { remedy: mend.remedy, fix: mend.fix ?? [] }),
      ...optional({ otherFirewall: whose }),
    })),
  });
}

/** `network why` */
export const whyView: View<Why> = { text: whyText, json: whyJson };
