import { optional } from "../diag/optional.ts";
import type { Machine, StringMap } from "../infra/infra.ts";

/** The names of scheduled snapshots are this prefix and the minute. */
export const SCHEDULE_PREFIX = "auto-";

/**
 * Incus would number the snapshots of a machine and of its volumes separately. With the minute they
 * have the same name.
 */
export const SCHEDULE_PATTERN = `${SCHEDULE_PREFIX}{{ creation_date|date:'20060102-1504' }}`;

/**
 * Returns the Incus keys for `snapshots_schedule` and `snapshots_expiry`, for a machine and for
 * each of its volumes: a snapshot of the machine does not include them.
 */
export function scheduleConfig({ snapshotsSchedule, snapshotsExpiry, config }: Machine): StringMap {
  return {
    ...(snapshotsSchedule === undefined ? {} : {
      "snapshots.schedule": snapshotsSchedule,
      "snapshots.pattern": config["snapshots.pattern"] ?? SCHEDULE_PATTERN,
    }),
    ...optional({ "snapshots.expiry": snapshotsExpiry }),
  };
}
