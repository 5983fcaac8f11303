import type { ProvisionReport } from "../ansible/provision.ts";
import type { HostResult, TaskFailure } from "../ansible/playbook_results.ts";
import type { JsonLine } from "./json_lines.ts";
import type { Style } from "./style.ts";
import { type Cell, table } from "./table.ts";
import { hang, printable } from "./text.ts";
import { count, duration } from "./number_text.ts";
import type { LineView } from "./view.ts";

/** A machine that has to be provisioned, for display. */
export interface ProvisionLine {
  readonly machine: string;
  readonly reasons: readonly string[];
}

/** Returns the machines that would be provisioned and why, grouped by reason; empty if none. */
export function provisionText(needs: readonly ProvisionLine[], { colors, width }: Style): string {
  if (needs.length === 0) return "";
  const groups = Map.groupBy(needs, ({ reasons }) => printable(reasons.join(", ")));
  const names = (group: readonly ProvisionLine[]) => group.map(({ machine }) => machine).join(", ");
  const title = `to provision: ${count(needs.length, "machine")}`;
  const [only] = [...groups];
  const lines = groups.size === 1 && only !== undefined
    ? [colors.bold(`${title} (${only[0]})`), hang("  > ", names(only[1]), width)]
    : [
      colors.bold(title),
      ...[...groups].map(([why, group]) => hang("  > ", `${names(group)} (${why})`, width)),
    ];
  return `\n${lines.join("\n")}\n`;
}

/** The result of a run of Ansible: one table, each failure once, and the consequence. */
export interface ProvisionOutcome extends ProvisionReport {
  /** The machines of the run. */
  readonly machines: readonly string[];
  /** It was limited by `--tags` or `--skip-tags`. */
  readonly partial: boolean;
}

export function provisionReportText(outcome: ProvisionOutcome, style: Style): string {
  const { colors, width } = style;
  const lines: string[] = [];
  if (outcome.hosts.length > 0) lines.push("", ...resultTable(outcome, style), "");
  for (const { host, units } of outcome.degraded) {
    const what = units.length === 0 ? "" : `: ${printable(units.join(", "))} failed`;
    lines.push(
      hang(
        "",
        `${colors.yellow("degraded")}  ${host} runs, but systemd says degraded${what}`,
        width,
      ),
    );
  }
  for (const [said, hosts] of failuresOf(outcome.failures)) {
    const { kind, task, message } = hosts[0]!;
    const names = hosts.map(({ host }) => host).join(", ");
    lines.push(hang("", `${colors.red(kind)}  ${names}, in ${printable(task)}:`, width));
    if (said !== "") {
      lines.push(...messageLines(message).map((line) => hang("    ", printable(line), width)));
      const fact = /'ansible_(\w+)' is undefined/.exec(message)?.[1];
      if (fact !== undefined) {
        const help = `Facts are not variables here: write ansible_facts['${fact}'] in the role`;
        lines.push(hang("    ", help, width));
      }
    }
  }
  if (outcome.stderr !== "") lines.push(outcome.stderr.trimEnd());
  lines.push(...closing(outcome, style));
  return `${lines.join("\n")}\n`;
}

function closing(outcome: ProvisionOutcome, { colors }: Style): string[] {
  const { status, machines, failed, partial } = outcome;
  const again = partial
    ? "A run limited by tags marks no machine: to go on, run it again with the same tags."
    : "`anklume apply` provisions unfinished machines again.";
  switch (status) {
    case "interrupted":
      return ["Provisioning was interrupted.", again];
    case "failed":
      return [colors.red(`Provisioning failed: ${failed.join(", ")}.`), again];
    case "done":
      return partial
        ? [
          `Provisioned in part: ${
            count(machines.length, "machine")
          }. A run limited by tags marks no machine as provisioned.`,
        ]
        : [`Provisioned: ${count(machines.length, "machine")}.`];
  }
}

const NUMBERS = ["ok", "changed", "failed", "unreachable"] as const;

function resultTable({ machines, hosts }: ProvisionOutcome, { colors, width }: Style): string[] {
  const byName = new Map(hosts.map((host) => [host.host, host]));
  const columns = [
    { title: "MACHINE", least: 12 },
    ...NUMBERS.map((name) => ({ title: name.toUpperCase() })),
    { title: "TIME" },
  ];
  const rows = machines.toSorted().map((machine): Cell[] => {
    const host = byName.get(machine);
    const bad = host !== undefined && host.failed + host.unreachable > 0;
    const name = { text: machine, ...(bad ? { paint: colors.red } : {}) };
    if (host === undefined) return [name, { text: "not reached", paint: colors.yellow }];
    return [
      name,
      ...NUMBERS.map((each) => numberCell(host, each, colors)),
      { text: duration(host.seconds * 1000).padStart(TIME_WIDTH) },
    ];
  });
  return table(columns, rows, width, colors.bold);
}

const TIME_WIDTH = 6;

function numberCell(
  host: HostResult,
  name: typeof NUMBERS[number],
  colors: Style["colors"],
): Cell {
  const text = String(host[name]).padStart(name.length);
  if (host[name] === 0 || name === "ok") return { text };
  return { text, paint: name === "changed" ? colors.yellow : colors.red };
}

/** Returns the last failure of each machine; equal failures of one task together. */
function failuresOf(failures: readonly TaskFailure[]): Map<string, TaskFailure[]> {
  // A role that rescues a failure to explain it fails twice: the explanation is the last.
  const last = new Map(failures.map((failure) => [failure.host, failure]));
  return Map.groupBy(last.values(), ({ task, message }) => `${task}\n${message}`);
}

const MOST_LINES = 12;

function messageLines(message: string): string[] {
  const lines = message.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES - 1), `... and ${lines.length - MOST_LINES + 1} more lines`];
}

/** Returns the result of each machine that Ansible was run for. */
function provisionedLine(outcome: ProvisionOutcome): JsonLine {
  const byName = new Map(outcome.hosts.map((host) => [host.host, host]));
  return {
    type: "provisioned",
    status: outcome.status,
    machines: outcome.machines.map((machine) => {
      const { ok, changed, failed, unreachable, seconds } = byName.get(machine) ?? {};
      const noted = outcome.succeeded.includes(machine);
      return ok === undefined
        ? { machine, reached: false, noted }
        : { machine, reached: true, noted, ok, changed, failed, unreachable, seconds };
    }),
    failures: outcome.failures.map(({ host, kind, task, message }) => ({
      machine: host,
      kind,
      task,
      message,
    })),
    degraded: outcome.degraded.map(({ host, units }) => ({ machine: host, units })),
  };
}

/** The end of `apply`: what Ansible did */
export const provisionView: LineView<ProvisionOutcome> = {
  text: provisionReportText,
  line: provisionedLine,
};
