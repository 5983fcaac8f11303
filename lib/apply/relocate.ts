import { orMissing } from "../incus/collection.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { Change } from "../plan/plan.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import type { Devices } from "../resource/delta.ts";
import { newPool } from "../resource/instance_compare.ts";
import { actualVolume, volumeUpdateBody } from "../resource/volume.ts";
import { carryInstance, deleteOriginal, moveVolume, volumePlace } from "./copy_over.ts";
import { type Found, projectOf, readInstance, startInstance } from "./instance_io.ts";
import type { StepContext } from "./step_context.ts";

/**
 * Takes a stopped machine, its snapshots and its volumes to where they are declared: another name, project or pool. Each move that
 * was done before an interruption is found done by the next plan, and the devices come back with the machine's config.
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
  let place = source;
  try {
    const moves = change.moves ?? [];
    if (moves.length > 0) await detach(context, source, moves.map(({ from }) => from));
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
    // Better the machine where it was than none; but where nobody knows what Incus did, its copy may be the one that counts by now.
    if (actual.status === "Running" && error instanceof IncusError) {
      await startInstance(context, source, "Stopped").catch(() => {});
    }
    throw error;
  }
  if (place === source) return;
  await deleteOriginal(context, source);
  if (place.name === desired.addr.name) return;
  await carryInstance(context, place, desired, undefined);
  await deleteOriginal(context, place);
}

/**
 * Takes volumes out of a stopped machine. Incus 6.0 would make its devices follow a volume that moves, but then waits 30 s for
 * a lock of its own.
 */
async function detach(
  context: StepContext,
  addr: ResourceAddr,
  volumes: readonly ResourceAddr[],
): Promise<void> {
  const { actual, etag, kept } = await readInstance(context, addr);
  const devices = Object.fromEntries(
    Object.entries(actual.devices).filter(([, device]) => !leadsTo(device, volumes)),
  );
  const { description, config, profiles } = actual;
  const body = { ...kept, description, config, devices, profiles };
  await context.incus.instances.update(projectOf(addr), addr.name, body, { etag });
}

function leadsTo({ type, source, pool }: Devices[string], volumes: readonly ResourceAddr[]) {
  return type === "disk" &&
    volumes.some((volume) => volume.name === source && volume.pool === pool);
}

/**
 * A machine that has arrived, with the devices that were taken out or masked on the way: what others set on them is written back
 * with what is declared, and leads to where the volumes are now.
 */
export function arrived(found: Found, before: ActualInstance, { moves = [] }: Change): Found {
  const taken = Object.entries(before.devices).flatMap(([name, device]) => {
    const to = moves.find(({ from }) => leadsTo(device, [from]))?.to;
    if (to === undefined) return [];
    const { pool, name: source } = volumePlace(to);
    return [[name, { ...device, pool, source }] as const];
  });
  const here = Object.entries(found.actual.devices).filter(([name, { type }]) =>
    type !== "none" || before.devices[name]?.type === "none"
  );
  const devices = Object.fromEntries([...taken, ...here]);
  return { ...found, actual: { ...found.actual, devices } };
}

/** Its marks name the domain, and its size may have grown. */
async function writeMovedVolume({ incus, desiredVolume }: StepContext, to: ResourceAddr) {
  const { pool, project, name } = volumePlace(to);
  const desired = desiredVolume(to);
  const found = await orMissing(incus.volumes.get(pool, project, name));
  if (desired === undefined || found === undefined) return;
  const body = volumeUpdateBody(desired, actualVolume(found.value, pool));
  await incus.volumes.update(pool, project, name, body, { etag: found.etag });
}
