import type { ApplyEvent, ApplyReport } from "../../apply/event.ts";
import type { Plan } from "../../plan/plan.ts";
import { formatAddr } from "../../resource/address.ts";
import { eventJson } from "../../view/json_lines.ts";
import { advance, initialProgress } from "../../view/progress.ts";
import { eventLine } from "../../view/report.ts";
import type { Session } from "../../session/session.ts";
import { startPicture } from "../../session/live_picture.ts";

/**
 * Runs an apply to its end and shows it: as a moving picture on a terminal, as plain lines in a
 * pipe. Returns its events.
 */
export async function showProgress(
  plan: Plan,
  events: AsyncIterable<ApplyEvent>,
  session: Session,
): Promise<ApplyEvent[]> {
  if (session.emit !== undefined) return await emitEvents(events, session.emit);
  return session.terminal.canRedraw
    ? await showPicture(plan, events, session)
    : await showLines(plan, events, session);
}

async function emitEvents(
  events: AsyncIterable<ApplyEvent>,
  emit: NonNullable<Session["emit"]>,
): Promise<ApplyEvent[]> {
  const seen: ApplyEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    emit(eventJson(event));
  }
  return seen;
}

/**
 * Returns the report without what the plan held back: that was shown with the plan, before the
 * start.
 */
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

async function showPicture(
  plan: Plan,
  events: AsyncIterable<ApplyEvent>,
  session: Session,
): Promise<ApplyEvent[]> {
  const domainOf = new Map(plan.changes.map((change) => [formatAddr(change.addr), change.domain]));
  let state = initialProgress(plan.changes);
  const picture = startPicture(() => state, session);
  const seen: ApplyEvent[] = [];
  try {
    for await (const event of events) {
      seen.push(event);
      const name = formatAddr(event.addr);
      if (domainOf.has(name)) state = advance(state, domainOf.get(name), event);
    }
  } finally {
    picture.end();
  }
  return seen;
}
