import { systemClock } from "../../host/clock.ts";
import type { OnEvent, WorkResult } from "../../snapshot/snapshot_event.ts";
import {
  advanceSnapshot,
  initialSnapshotProgress,
  snapshotEventLine,
} from "../../view/snapshot_progress.ts";
import { setLine, type SetVerb, snapshotLine } from "../../view/snapshot_lines.ts";
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
  { set, does, machines }: SetWork,
  session: Session,
  work: (onEvent: OnEvent) => Promise<T>,
): Promise<T> {
  const { terminal, out, emit } = session;
  if (emit !== undefined) {
    const result = await work((event) => emit(snapshotLine(set, does, event, systemClock())));
    emit(setLine(set, does, result));
    return result;
  }
  if (!terminal.canRedraw) {
    const past = { take: "taken", restore: "restored", delete: `deleted from ${set}` }[does];
    return await work((event) => {
      const line = snapshotEventLine(event, past, out);
      if (line !== undefined) terminal.out(`${line}\n`);
    });
  }
  let state = initialSnapshotProgress(machines);
  const picture = startPicture(() => state, session);
  try {
    return await work((event) => state = advanceSnapshot(state, event));
  } finally {
    picture.end();
  }
}
