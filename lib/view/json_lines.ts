import type { ApplyEvent, ApplyReport } from "../apply/event.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { ProvisionOutcome } from "./provision.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";

// The lines that `apply --json`, `destroy --json` and the snapshot verbs print, one JSON object
// each. docs/json.md documents them, and docs/schema/events.schema.json is their schema.

/** One line of the stream, to be serialised as it is. */
export type JsonLine = Readonly<Record<string, unknown>> & { readonly type: string };

/** Returns the first line: the plan, as `check --json` prints it. */
export function planLine(plan: object): JsonLine {
  return { type: "plan", ...plan };
}

export function diagnosticsLine(diagnostics: readonly Diagnostic[]): JsonLine {
  return { type: "diagnostics", format: 1, diagnostics };
}

export function eventJson({ addr, ...event }: ApplyEvent): JsonLine {
  return { ...event, resource: formatAddr(addr) };
}

export function reportJson(report: ApplyReport): JsonLine {
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

/** Returns the result of each machine that Ansible was run for. */
export function provisionedJson(outcome: ProvisionOutcome): JsonLine {
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

/** Returns the last line, which is always printed. */
export function endLine(exit: number): JsonLine {
  return { type: "end", exit };
}
