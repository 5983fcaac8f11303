import type { Machine, StringMap } from "../infra/infra.ts";

/** Scheduled snapshots carry this and the minute. */
export const SCHEDULE_PREFIX = "auto-";

/** Incus would number those of a machine and of its volumes by themselves; by the minute they have one name. */
export const SCHEDULE_PATTERN = `${SCHEDULE_PREFIX}{{ creation_date|date:'20060102-1504' }}`;

/** Incus keys for `snapshots_schedule` and `snapshots_expiry`: a machine's and each of its volumes', since one does not hold the other. */
export function scheduleConfig({ snapshotsSchedule, snapshotsExpiry, config }: Machine): StringMap {
  return {
    ...(snapshotsSchedule === undefined ? {} : {
      "snapshots.schedule": snapshotsSchedule,
      "snapshots.pattern": config["snapshots.pattern"] ?? SCHEDULE_PATTERN,
    }),
    ...(snapshotsExpiry === undefined ? {} : { "snapshots.expiry": snapshotsExpiry }),
  };
}
