import type { ApplyEvent, ApplyReport } from "../apply/event.ts";
import type { Plan } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import { advance, groupTitle, initialProgress, isFinished } from "../view/progress.ts";
import { eventLine } from "../view/report.ts";
import type { Session } from "./session.ts";

/** Runs an apply to its end and shows it: tasks that move on a terminal, plain lines in a pipe. Answers its events. */
export async function showProgress(
  plan: Plan,
  events: AsyncIterable<ApplyEvent>,
  session: Session,
): Promise<ApplyEvent[]> {
  return session.terminal.canRedraw
    ? await showTasks(plan, events)
    : await showLines(plan, events, session);
}

/** The report less what the plan held back: that was shown with the plan, before anything began. */
export function withoutHeld(report: ApplyReport, plan: Plan): ApplyReport {
  const held = heldAddrs(plan);
  return {
    ...report,
    skipped: report.skipped.filter(({ addr }) => !held.has(formatAddr(addr))),
  };
}

function heldAddrs(plan: Plan): Set<string> {
  return new Set(plan.held.map(({ addr }) => formatAddr(addr)));
}

async function showLines(
  plan: Plan,
  events: AsyncIterable<ApplyEvent>,
  { terminal, out }: Session,
): Promise<ApplyEvent[]> {
  const held = heldAddrs(plan);
  const seen: ApplyEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    const line = held.has(formatAddr(event.addr)) ? undefined : eventLine(event, out);
    if (line !== undefined) terminal.out(`${line}\n`);
  }
  return seen;
}

/** What is used of listr2's task. */
interface TaskHandle {
  set title(title: string);
  set output(output: string);
}

/** One line on the screen: what it waits for, and its task once that runs. */
interface Shown {
  readonly finished: PromiseWithResolvers<void>;
  task?: TaskHandle;
}

async function showTasks(plan: Plan, events: AsyncIterable<ApplyEvent>): Promise<ApplyEvent[]> {
  const { Listr } = await import("listr2");
  const domainOf = new Map(plan.changes.map((change) => [formatAddr(change.addr), change.domain]));
  let state = initialProgress(plan.changes);
  const shown = new Map([...state.groups.keys()].map((domain): [string | undefined, Shown] => [
    domain,
    { finished: Promise.withResolvers<void>() },
  ]));
  const drawing = new Listr(
    [...shown].map(([domain, group]) => ({
      title: `${domain ?? "host"}`,
      task: (_context: unknown, task: TaskHandle) => {
        group.task = task;
        return group.finished.promise;
      },
    })),
    { concurrent: true, exitOnError: false, registerSignalListeners: false },
  ).run();

  const seen: ApplyEvent[] = [];
  try {
    for await (const event of events) {
      seen.push(event);
      const domain = domainOf.get(formatAddr(event.addr));
      state = advance(state, domain, event);
      const group = state.groups.get(domain);
      const handle = shown.get(domain);
      if (group === undefined || handle === undefined) continue;
      const title = groupTitle(domain, group);
      if (handle.task !== undefined) {
        handle.task.title = title;
        handle.task.output = [...group.busy.values()].at(-1) ?? "";
      }
      if (!isFinished(group)) continue;
      if (group.failed > 0) handle.finished.reject(new Error(title));
      else handle.finished.resolve();
    }
  } finally {
    for (const { finished } of shown.values()) finished.resolve();
    await drawing;
  }
  return seen;
}
