import { orMissing } from "../incus/collection.ts";
import { NEVER } from "../incus/wire/snapshot.ts";
import {
  type ActualInstance,
  type DesiredInstance,
  imageSource,
  instanceAddr,
} from "../resource/instance.ts";
import { MARK, MARK_PREFIX } from "../resource/mark.ts";
import { projectOf, readInstance, startInstance, writeInstance } from "./instance_io.ts";
import { deleteInstance } from "./instance_steps.ts";
import { prove } from "./prove.ts";
import type { StepContext } from "./step_context.ts";

/** The old disk, while it is not certain that the new one starts. */
const GUARD = "anklume-replacing";

/**
 * A new root disk for a stopped container whose snapshots stay: Incus rebuilds none that has any, but copies another's disk over
 * it. The other is made from the image beside it. When the new disk does not start, the old one is put back.
 * @returns whether the machine was started
 */
export async function refreshDisk(
  context: StepContext,
  desired: DesiredInstance,
  before: ActualInstance,
  starts: boolean,
): Promise<boolean> {
  const { instances, instanceSnapshots } = context.incus;
  const { name } = desired.addr;
  const project = projectOf(desired.addr);
  const fresh = `${name.slice(0, 57)}-fresh`;
  try {
    await makeFresh(context, desired, before, fresh);
  } catch (error) {
    // Nothing was touched yet but that it was stopped.
    if (before.status === "Running") await startInstance(context, desired.addr, "Stopped");
    throw error;
  }
  // One that an interrupted run left holds the true old disk: it is neither taken again nor deleted.
  const guarded = (await instanceSnapshots.names(project, name)).includes(GUARD);
  if (!guarded) await instanceSnapshots.create(project, name, { name: GUARD, expires_at: NEVER });
  try {
    // Half of it could be copied: from here on it is no image's disk, whatever infra.yml says next.
    await instances.patch(project, name, {
      description: before.description,
      config: { [MARK.image]: GUARD, [MARK.provisioned]: "" },
    });
    context.progress("copying the new disk");
    await instances.refresh(project, fresh, name, { onProgress: context.progress });
    await takeImageKeys(context, desired, fresh);
    await writeInstance(context, desired, await readInstance(context, desired.addr));
    if (starts) {
      await startInstance(context, desired.addr, "Stopped");
      await prove(context, desired.addr);
    }
  } catch (error) {
    await putBack(context, desired, before).catch(() => {});
    throw error;
  } finally {
    await deleteInstance(context, instanceAddr(project, fresh)).catch(() => {});
  }
  if (!guarded) await instanceSnapshots.delete(project, name, GUARD);
  return starts;
}

/** Marked as ours: what an interruption leaves of it is an orphan that every check names. */
async function makeFresh(
  context: StepContext,
  desired: DesiredInstance,
  { expandedDevices }: ActualInstance,
  fresh: string,
): Promise<void> {
  const { instances } = context.incus;
  const project = projectOf(desired.addr);
  if (await orMissing(instances.get(project, fresh))) {
    await deleteInstance(context, instanceAddr(project, fresh));
  }
  const marks = Object.entries(desired.config).filter(([key]) => key.startsWith(MARK_PREFIX));
  const disks = Object.entries(expandedDevices).filter(([, device]) => device.path === "/");
  context.progress("making the new disk");
  await instances.create(project, {
    name: fresh,
    type: "container",
    source: imageSource(desired.image),
    config: Object.fromEntries(marks),
    devices: Object.fromEntries(disks),
    profiles: [],
  }, { onProgress: context.progress });
}

/** What Incus notes of an image on its machines. */
async function takeImageKeys(
  { incus }: StepContext,
  desired: DesiredInstance,
  fresh: string,
): Promise<void> {
  const project = projectOf(desired.addr);
  const ofImage = ([key]: [string, string]) => key.startsWith("image.");
  const [{ value: made }, { value: kept }] = await Promise.all([
    incus.instances.get(project, fresh),
    incus.instances.get(project, desired.addr.name),
  ]);
  const old = Object.entries(kept.config).filter(ofImage).map(([key]) => [key, ""]);
  await incus.instances.patch(project, desired.addr.name, {
    description: kept.description,
    config: {
      ...Object.fromEntries(old),
      ...Object.fromEntries(Object.entries(made.config).filter(ofImage)),
    },
  });
}

async function putBack(
  context: StepContext,
  { addr }: DesiredInstance,
  before: ActualInstance,
): Promise<void> {
  const { instances, instanceSnapshots } = context.incus;
  const project = projectOf(addr);
  context.progress("putting the old disk back");
  const { value } = await instances.get(project, addr.name);
  if (value.status !== "Stopped") {
    await instances.setState(project, addr.name, { action: "stop", force: true });
  }
  await instanceSnapshots.restore(project, addr.name, GUARD);
  await instanceSnapshots.delete(project, addr.name, GUARD);
  if (before.status === "Running") await startInstance(context, addr, "Stopped");
}
