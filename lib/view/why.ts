import type { Explanation } from "../verify/explain.ts";
import { jsonText } from "./json.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";

/** One flow and its explanation, as `network why` tells it. */
export interface WhyLine {
  /** `pro-dev`, `host`, `outside`. */
  readonly from: string;
  readonly to: string;
  /** `631/tcp`, `icmp`. */
  readonly service: string;
  readonly source: string;
  readonly target: string;
  readonly explanation: Explanation;
  /** The set's element that matched, as the live table has it. */
  readonly element?: string | undefined;
}

export interface Why {
  readonly project: string;
  /** Live rules against rendered ones, as in `status`. */
  readonly firewall: string;
  readonly lines: readonly WhyLine[];
  /** What an end stands for, where it is a domain. */
  readonly notes: readonly string[];
}

export function whyText({ lines, notes, firewall }: Why, style: Style): string {
  const { colors, width } = style;
  const text: string[] = notes.map((note) => colors.dim(hang("", note, width)));
  for (const line of lines) {
    const { explanation } = line;
    const { passes, step, reason, origin, change, disagrees } = explanation;
    const verdict = passes ? colors.green("passes") : colors.yellow("is dropped");
    if (text.length > 0) text.push("");
    text.push(
      `${colors.bold(`${line.from} -> ${line.to} ${line.service}`)} ${verdict}  ${
        colors.dim(`${line.source} -> ${line.target}`)
      }`,
    );
    const place = origin === undefined ? "" : ` (${origin.file}:${origin.start.line})`;
    text.push(hang("  why      ", `${printable(reason)}${place}`, width));
    if (step !== undefined) {
      text.push(hang("  rule     ", `${step.family}, chain ${step.chain}: ${step.rule}`, width));
    }
    if (line.element !== undefined) text.push(hang("  element  ", line.element, width));
    if (disagrees) {
      text.push(colors.red(hang(
        "  BUT      ",
        `infra.yml says it ${
          passes ? "must not pass" : "has to pass"
        }: the live table and infra.yml ` +
          `disagree${firewall === "in-place" ? "" : ", as it is not the rendered one"}`,
        width,
      )));
    }
    if (lines.length > 1) continue;
    if (change.length === 1) text.push(hang("  change   ", change[0] ?? "", width));
    if (change.length > 1) {
      text.push(`  to ${passes ? "close" : "open"} it, in infra.yml:`);
      text.push(...change.map((each) => colors.cyan(`    ${each}`)));
    }
  }
  if (firewall !== "in-place") {
    text.push("", colors.red(`Firewall  ${firewall}: see \`anklume network rules --diff\``));
  }
  return `${text.join("\n")}\n`;
}

/** `network why --json` */
export function whyJson({ project, firewall, lines, notes }: Why): string {
  return jsonText({
    format: 1,
    project,
    firewall,
    notes,
    flows: lines.map(({ explanation, element, ...line }) => ({
      ...line,
      passes: explanation.passes,
      disagrees: explanation.disagrees,
      reason: explanation.reason,
      ...(explanation.step === undefined ? {} : { rule: explanation.step }),
      ...(element === undefined ? {} : { element }),
      ...(explanation.origin === undefined ? {} : { range: explanation.origin }),
      change: explanation.change,
    })),
  });
}
