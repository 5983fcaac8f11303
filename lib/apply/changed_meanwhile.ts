import { IncusError } from "../incus/incus_error.ts";
import { type Change, RESTART } from "../plan/plan.ts";
import { isLinkField } from "../resource/bridge_link.ts";
import type { FieldChange } from "../resource/field.ts";

/**
 * Somebody changed the resource after the plan was made. The user agreed to another change than the
 * one that would now be made.
 */
export class ChangedMeanwhileError extends Error {
  override readonly name = "ChangedMeanwhileError";
  constructor() {
    super("something else changed it after the plan was made, so it was left as it is");
  }
}

/**
 * True if the resource changed: found by comparing, or reported by Incus with 412 because the ETag
 * is no longer the same.
 */
export function isChangedMeanwhile(error: unknown): boolean {
  return error instanceof ChangedMeanwhileError ||
    (error instanceof IncusError && error.status === 412);
}

/**
 * Leaves out fields that can change by themselves, such as the state of a machine or a bridge. They
 * are checked again anyway.
 */
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
