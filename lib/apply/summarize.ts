import { formatAddr } from "../resource/address.ts";
import type { ApplyEvent, ApplyReport } from "./event.ts";
import { INTERRUPTED } from "./schedule.ts";

type RunOutcome = Extract<ApplyEvent, { type: "done" | "failed" | "skipped" }>;

/**
 * Returns the result of each change. The last event counts: a machine that was started and then
 * died has failed.
 */
export function summarize(events: Iterable<ApplyEvent>): ApplyReport {
  const last = new Map<string, RunOutcome>();
  for (const event of events) {
    if (event.type === "started" || event.type === "progress") continue;
    last.set(formatAddr(event.addr), event);
  }
  const outcomes = [...last.values()];
  return {
    done: outcomes.flatMap((event) =>
      event.type === "done" ? [{ addr: event.addr, action: event.action, ms: event.ms }] : []
    ),
    failed: outcomes.flatMap((event) =>
      event.type === "failed"
        ? [{
          addr: event.addr,
          action: event.action,
          message: event.message,
          ...(event.changedMeanwhile ? { changedMeanwhile: true as const } : {}),
        }]
        : []
    ),
    skipped: outcomes.flatMap((event) =>
      event.type === "skipped"
        ? [{ addr: event.addr, action: event.action, because: event.because }]
        : []
    ),
    interrupted: outcomes.some((event) =>
      event.type === "skipped" && event.because === INTERRUPTED
    ),
  };
}

/** True if every change of the plan was made. */
export function succeeded(report: ApplyReport): boolean {
  return report.failed.length === 0 && report.skipped.length === 0;
}
