import { IncusError } from "../incus/incus_error.ts";
import { type Change, RESTART } from "../plan/plan.ts";
import { isLinkField } from "../resource/bridge_link.ts";
import type { FieldChange } from "../resource/field.ts";

/** Somebody changed the resource after the plan was made: what was agreed to is no longer what would happen. */
export class ChangedMeanwhileError extends Error {
  override readonly name = "ChangedMeanwhileError";
  constructor() {
    super("it was changed by somebody else since the plan was made, and was left as it is");
  }
}

/** Found by comparing, or by Incus, which answers 412 where the ETag is no longer the one that was read. */
export function isChangedMeanwhile(error: unknown): boolean {
  return error instanceof ChangedMeanwhileError ||
    (error instanceof IncusError && error.status === 412);
}

/** Whether a machine runs, or how a bridge stands, may have changed by itself, and is looked at again anyway. */
export function withoutState(fields: readonly FieldChange[]): FieldChange[] {
  return fields.filter((field) =>
    field.path !== "state" && field.path !== "status" && field.path !== RESTART &&
    !field.path.startsWith("volumes.") && !isLinkField(field)
  );
}

/** @throws ChangedMeanwhileError unless the live differences are the planned ones */
export function assertAsPlanned(change: Change, live: readonly FieldChange[]): void {
  if (fingerprint(change.fields) !== fingerprint(live)) throw new ChangedMeanwhileError();
}

function fingerprint(fields: readonly FieldChange[]): string {
  const lines = withoutState(fields).map(({ path, before, after }) =>
    JSON.stringify([path, before ?? null, after ?? null])
  );
  return lines.toSorted().join("\n");
}
