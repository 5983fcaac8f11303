import { systemClock } from "../../host/clock.ts";
import type { OnEvent, SnapshotEvent, WorkResult } from "../../snapshot/snapshot_event.ts";
import {
  advanceSnapshot,
  initialSnapshotProgress,
  snapshotEventLine,
} from "../../view/snapshot_progress.ts";
import { setLine, type SetVerb, snapshotLine } from "../../view/snapshot_lines.ts";
import type { EventView } from "../../view/view.ts";
import type { Session } from "../../session/session.ts";
import { startPicture } from "../../session/live_picture.ts";

/** The work on a set: to take, restore or delete the snapshots of these machines. */
interface SetWork {
  readonly set: string;
  readonly does: SetVerb;
  readonly machines: readonly { readonly project: string }[];
}

/**
 * Does the work and shows it: as a moving picture on a terminal, as plain lines in a pipe, as JSON
 * on request.
 */
export async function withProgress<T extends WorkResult>(
  work: SetWork,
  session: Session,
  run: (onEvent: OnEvent) => Promise<T>,
): Promise<T> {
  const view = progressView(work, session);
  try {
    const result = await run((event) => view.take(event));
    session.emit?.(setLine(work.set, work.does, result));
    return result;
  } finally {
    view.end();
  }
}

function progressView(work: SetWork, session: Session): EventView<SnapshotEvent> {
  const { terminal, emit } = session;
  if (emit !== undefined) {
    const { set, does } = work;
    return {
      take: (event) => emit(snapshotLine(set, does, event, systemClock())),
      end: () => {},
    };
  }
  return terminal.canRedraw ? pictureOf(work, session) : linesOf(work, session);
}

function linesOf({ set, does }: SetWork, { terminal, out }: Session): EventView<SnapshotEvent> {
  const past = { take: "taken", restore: "restored", delete: `deleted from ${set}` }[does];
  return {
    take: (event) => {
      const line = snapshotEventLine(event, past, out);
      if (line !== undefined) terminal.out(`${line}\n`);
    },
    end: () => {},
  };
}

function pictureOf({ machines }: SetWork, session: Session): EventView<SnapshotEvent> {
  let state = initialSnapshotProgress(machines);
  const picture = startPicture(() => state, session);
  return {
    take: (event) => state = advanceSnapshot(state, event),
    end: () => picture.end(),
  };
}
