import type { ApplyEvent, ApplyReport } from "../apply/event.ts";
import type { Action } from "../plan/plan.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import type { JsonLine } from "./json_lines.ts";
import type { Style } from "./style.ts";
import { hang, printable, wrap } from "./text.ts";
import { count, duration } from "./number_text.ts";
import type { LineView } from "./view.ts";

const PAST: Record<Action, string> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
  "no-op": "kept",
};

const GERUND: Record<Action, string> = {
  create: "creating",
  update: "updating",
  replace: "replacing",
  delete: "deleting",
  "no-op": "looking at",
};

/** Returns the present work: `creating instance pro/pro-dev`. */
export function activity(event: Extract<ApplyEvent, { type: "started" }>): string {
  return `${GERUND[event.action]} ${formatAddr(event.addr)}`;
}

/** Returns an event as a line of JSON. */
export function eventJsonLine({ addr, ...event }: ApplyEvent): JsonLine {
  return { ...event, resource: formatAddr(addr) };
}

/** Returns one plain line for a pipe; undefined for events that a log does not need. */
export function eventLine(event: ApplyEvent, { colors }: Style): string | undefined {
  const name = formatAddr(event.addr);
  switch (event.type) {
    case "started":
      return undefined;
    case "progress":
      // A rising percentage is for screens.
      return event.text.includes("%") ? undefined : `  ${name}: ${printable(event.text)}`;
    case "done":
      return `  ${colors.green(PAST[event.action])} ${name}  ${colors.dim(duration(event.ms))}`;
    case "failed":
      return `  ${colors.red("FAILED")} ${name}: ${printable(event.message)}`;
    case "skipped":
      return `  ${colors.yellow("skipped")} ${name}: ${because(event.because)}`;
  }
}

/**
 * Returns what was done, what failed and why, what was left out, and the next command: `again`
 * carries on.
 */
export function reportText(report: ApplyReport, style: Style, again: string): string {
  const { colors, width } = style;
  const lines: string[] = [];
  const sum = sumOf(report);
  if (sum !== "") lines.push(`Done: ${sum}.`);
  if (report.failed.length > 0) {
    lines.push(colors.red(`Failed: ${count(report.failed.length, "resource")}.`));
    for (const failure of report.failed) {
      lines.push(`  ${formatAddr(failure.addr)}`);
      lines.push(hang("      ", printable(failure.message), width));
    }
  }
  if (report.skipped.length > 0) {
    lines.push(colors.yellow(`Not done: ${count(report.skipped.length, "resource")}.`));
    for (const skip of report.skipped) {
      lines.push(hang("  ", `${formatAddr(skip.addr)}: ${because(skip.because)}`, width));
    }
  }
  if (report.interrupted) lines.push("Interrupted: operations that were running have finished.");
  if (report.failed.length > 0 || report.skipped.length > 0 || report.interrupted) {
    const first = report.failed.length > 0 ? "Fix the cause, then run" : "Run";
    lines.push(wrap(`${first} \`${again}\` again: it continues where it stopped.`, width));
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function sumOf(report: ApplyReport): string {
  return (["create", "update", "replace", "delete"] as const).flatMap((action) => {
    const number = report.done.filter((each) => each.action === action).length;
    return number === 0 ? [] : [`${number} ${PAST[action]}`];
  }).join(", ");
}

function reportLine(report: ApplyReport): JsonLine {
  const named = <T extends { readonly addr: ResourceAddr }>(all: readonly T[]) =>
    all.map(({ addr, ...rest }) => ({ resource: formatAddr(addr), ...rest }));
  return {
    type: "report",
    done: named(report.done),
    failed: named(report.failed),
    skipped: named(report.skipped),
    interrupted: report.interrupted,
  };
}

interface Reported {
  readonly report: ApplyReport;
  /** The command that carries on. */
  readonly again: string;
}

/** The report of `apply`, `destroy` and what else runs a plan. */
export const reportView: LineView<Reported> = {
  text: ({ report, again }, style) => reportText(report, style, again),
  line: ({ report }) => reportLine(report),
};

/** The form of `formatAddr`: `instance pro/pro-dev`. */
const ADDRESS = /^(firewall|project|network|volume|profile|instance) \S+$/;

function because(reason: string): string {
  if (reason === "interrupted") return "interrupted before its turn";
  return ADDRESS.test(reason) ? `${reason} failed` : printable(reason);
}
