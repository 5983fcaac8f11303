import type { ApplyEvent, ApplyReport } from "../../apply/event.ts";
import type { Plan } from "../../plan/plan.ts";
import { formatAddr } from "../../resource/address.ts";
import { advance, initialProgress } from "../../view/progress.ts";
import { eventJsonLine, eventLine } from "../../view/report.ts";
import type { EventView } from "../../view/view.ts";
import type { Session } from "../../session/session.ts";
import { startPicture } from "../../session/live_picture.ts";

/**
 * Runs an apply to its end and shows it: as a moving picture on a terminal, as plain lines in a
 * pipe, as JSON on request. Returns its events.
 */
export async function showProgress(
  plan: Plan,
  events: AsyncIterable<ApplyEvent>,
  session: Session,
): Promise<ApplyEvent[]> {
  const view = progressView(plan, session);
  const seen: ApplyEvent[] = [];
  try {
    for await (const event of events) {
      seen.push(event);
      view.take(event);
    }
  } finally {
    view.end();
  }
  return seen;
}

function progressView(plan: Plan, session: Session): EventView<ApplyEvent> {
  const { terminal, emit } = session;
  if (emit !== undefined) return { take: (event) => emit(eventJsonLine(event)), end: () => {} };
  return terminal.canRedraw ? pictureOf(plan, session) : linesOf(plan, session);
}

function linesOf(plan: Plan, { terminal, out }: Session): EventView<ApplyEvent> {
  const held = heldAddrs(plan);
  return {
    take: (event) => {
      const line = held.has(formatAddr(event.addr)) ? undefined : eventLine(event, out);
      if (line !== undefined) terminal.out(`${line}\n`);
    },
    end: () => {},
  };
}

function pictureOf(plan: Plan, session: Session): EventView<ApplyEvent> {
  const domainOf = new Map(plan.changes.map((change) => [formatAddr(change.addr), change.domain]));
  let state = initialProgress(plan.changes);
  const picture = startPicture(() => state, session);
  return {
    take: (event) => {
      const name = formatAddr(event.addr);
      if (domainOf.has(name)) state = advance(state, domainOf.get(name), event);
    },
    end: () => picture.end(),
  };
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
