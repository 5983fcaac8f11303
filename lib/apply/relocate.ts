import { orMissing } from "../incus/collection.ts";
import type { Change } from "../plan/plan.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import { newPool } from "../resource/instance_compare.ts";
import { actualVolume, volumeUpdateBody } from "../resource/volume.ts";
import { projectOf, startInstance } from "./instance_io.ts";
import type { StepContext } from "./step_context.ts";

/**
 * Takes a stopped machine, its snapshots and its volumes to where they are declared: another name, project or pool. The volumes
 * first: Incus makes the devices of the machine follow. Each move that was done before an interruption is found done.
 */
export async function relocate(
  context: StepContext,
  change: Change,
  desired: DesiredInstance,
  actual: ActualInstance,
): Promise<void> {
  const { incus, progress } = context;
  const source = change.from ?? desired.addr;
  try {
    for (const { from, to } of change.moves ?? []) {
      progress(`moving ${formatAddr(from)}`);
      await incus.volumes.move(placeOf(from), placeOf(to));
      await writeMovedVolume(context, to);
    }
    const pool = newPool(desired, actual);
    if (change.from !== undefined || pool !== undefined) {
      progress(`moving from ${formatAddr(source)}`);
      const project = projectOf(desired.addr);
      await incus.instances.move(projectOf(source), source.name, {
        name: desired.addr.name,
        ...(project === projectOf(source) ? {} : { project }),
        ...(pool === undefined ? {} : { pool }),
      });
    }
  } catch (error) {
    // Better the machine where it was than none.
    if (actual.status === "Running") {
      await startInstance(context, source, "Stopped").catch(() => {});
    }
    throw error;
  }
}

/** Its marks name the domain, and its size may have grown. */
async function writeMovedVolume({ incus, desiredVolume }: StepContext, to: ResourceAddr) {
  const { pool, project, name } = placeOf(to);
  const desired = desiredVolume(to);
  const found = await orMissing(incus.volumes.get(pool, project, name));
  if (desired === undefined || found === undefined) return;
  const body = volumeUpdateBody(desired, actualVolume(found.value, pool));
  await incus.volumes.update(pool, project, name, body, { etag: found.etag });
}

function placeOf({ pool = "default", project = "default", name }: ResourceAddr) {
  return { pool, project, name };
}
