import { orMissing } from "../incus/collection.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { Change, Move } from "../plan/plan.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import { newPool } from "../resource/instance_compare.ts";
import { actualVolume, volumeUpdateBody } from "../resource/volume.ts";
import { carryInstance, deleteOriginal, moveVolume, volumePlace } from "./copy_over.ts";
import { detach, reattach } from "./detach_volumes.ts";
import { startInstance } from "./instance_io.ts";
import type { StepContext } from "./step_context.ts";

/**
 * Moves a stopped machine, its snapshots and its volumes to their declared place: another name,
 * project or pool. After an interruption, the next plan finds the completed moves done.
 */
export async function relocate(
  context: StepContext,
  change: Change,
  desired: DesiredInstance,
  actual: ActualInstance,
): Promise<void> {
  const { progress } = context;
  const source = change.from ?? desired.addr;
  const pool = newPool(desired, actual);
  const moves = change.moves ?? [];
  let place = source;
  try {
    await detach(context, source, desired, moves);
    for (const { from, to } of moves) {
      progress(`moving ${formatAddr(from)}`);
      await moveVolume(context, from, to);
      await writeMovedVolume(context, to);
    }
    if (change.from !== undefined || pool !== undefined) {
      progress(`moving from ${formatAddr(source)}`);
      place = await carryInstance(context, source, desired, pool);
    }
  } catch (error) {
    // The machine is started again at its old place, if Incus refused the move. After any other
    // error nobody knows what Incus did: the copy may already be the valid one.
    if (error instanceof IncusError) {
      await stay(context, source, desired, actual, moves).catch(() => {});
    }
    throw error;
  }
  if (place !== source) {
    await deleteOriginal(context, source);
    if (place.name !== desired.addr.name) {
      await carryInstance(context, place, desired, undefined);
      await deleteOriginal(context, place);
    }
  }
  await reattach(context, desired.addr, desired);
}

/**
 * A machine that could not be moved continues at its old place, but only with its volumes.
 * Otherwise its programs would start on empty directories.
 */
async function stay(
  context: StepContext,
  addr: ResourceAddr,
  desired: DesiredInstance,
  { status }: ActualInstance,
  moves: readonly Move[],
): Promise<void> {
  const whole = await reattach(context, addr, desired, moves);
  if (status !== "Running") return;
  if (whole) await startInstance(context, addr, "Stopped");
  else context.progress("stays stopped: one of its volumes has already moved");
}

/** True if a machine, its root disk or a volume must move. */
export function isToMove(
  { from, moves = [] }: Change,
  desired: DesiredInstance,
  actual: ActualInstance,
): boolean {
  return from !== undefined || moves.length > 0 || newPool(desired, actual) !== undefined;
}

/** Updates a moved volume: its marks name the domain, and its size may have grown. */
async function writeMovedVolume({ incus, desiredVolume }: StepContext, to: ResourceAddr) {
  const { pool, project, name } = volumePlace(to);
  const desired = desiredVolume(to);
  const found = await orMissing(incus.volumes.get(pool, project, name));
  if (desired === undefined || found === undefined) return;
  const body = volumeUpdateBody(desired, actualVolume(found.value, pool));
  await incus.volumes.update(pool, project, name, body, { etag: found.etag });
}
