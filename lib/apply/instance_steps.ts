import type { InstancesPost } from "../incus/wire/instance.ts";
import { type Change, RESTART } from "../plan/plan.ts";
import {
  type DesiredInstance,
  instanceCreateBody,
  startsWhenCreated,
} from "../resource/instance.ts";
import { compareInstance } from "../resource/instance_compare.ts";
import { deleteInstance } from "./delete_instance.ts";
import { isDetached, reattach } from "./detach_volumes.ts";
import {
  hasNoDisk,
  LAST_POWER,
  projectOf,
  readInstance,
  readSettled,
  startInstance,
  stopInstance,
  writeInstance,
} from "./instance_io.ts";
import { freePort } from "./left_port.ts";
import { isToMove, relocate } from "./relocate.ts";
import type { StepContext } from "./step_context.ts";
import { assertAsPlanned, withoutState } from "./changed_meanwhile.ts";

/** @returns true if the machine was started */
export async function createInstance(
  context: StepContext,
  desired: DesiredInstance,
  /** Values that it takes over from a predecessor. */
  inherited: Pick<InstancesPost, "config" | "devices"> = {},
): Promise<boolean> {
  const starts = startsWhenCreated(desired);
  if (starts) await context.beforeStart();
  const body = { ...instanceCreateBody(desired), ...inherited };
  try {
    await context.incus.instances.create(projectOf(desired.addr), body, {
      onProgress: context.progress,
    });
  } catch (error) {
    // The machine was created, and only its start failed.
    if (!await freePort(context, error)) throw error;
    await startInstance(context, desired.addr, "Stopped");
  }
  return starts;
}

/**
 * Stops the machine if a change requires it, moves it if it has a new place, writes the
 * differences, and starts it again. It is stopped first, so that the next plan notices an
 * interrupted update: the machine does not run.
 * @returns true if the machine was started
 */
export async function updateInstance(
  context: StepContext,
  change: Change,
  desired: DesiredInstance,
): Promise<boolean> {
  const source = change.from ?? desired.addr;
  const found = await readSettled(context, source);
  const { status } = found.actual;
  const fields = compareInstance(desired, found.actual);
  assertAsPlanned(change, fields);
  const writes = withoutState(fields);
  const moves = isToMove(change, desired, found.actual);
  const stops = status !== "Stopped" &&
    (moves || desired.state === "stopped" ||
      [...writes, ...change.fields.filter(({ path }) => path === RESTART)]
        .some((field) => field.effect === "restart"));
  const starts = desired.state === "running" && (status !== "Running" || stops);
  const startsAgain = starts || (stops && desired.state === "manual");
  // If the machine may not be started again, it is not stopped either.
  if (startsAgain) await context.beforeStart();
  if (stops) await stopInstance(context, source, status);
  if (moves) await relocate(context, change, desired, found.actual);
  else if (isDetached(found.actual)) await reattach(context, desired.addr, desired);
  if (writes.length > 0) {
    const stale = stops || moves || isDetached(found.actual);
    const fresh = stale ? await readInstance(context, desired.addr) : found;
    await writeInstance(context, desired, fresh);
  }
  if (startsAgain) {
    try {
      await startInstance(context, desired.addr, stops ? "Stopped" : status);
    } catch (error) {
      if (!hasNoDisk(error) || found.actual.config[LAST_POWER] !== undefined) throw error;
      // Incus was interrupted while it created the machine. There is only a record of it; it never
      // ran and contains no data.
      context.progress("was only created in part: creating it again");
      await deleteInstance(context, desired.addr);
      return await createInstance(context, desired);
    }
  }
  return startsAgain;
}
