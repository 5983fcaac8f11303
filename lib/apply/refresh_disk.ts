import { orMissing } from "../incus/collection.ts";
import { NEVER } from "../incus/wire/snapshot.ts";
import {
  type ActualInstance,
  type DesiredInstance,
  imageSource,
  instanceAddr,
} from "../resource/instance.ts";
import { MARK, MARK_PREFIX, NO_IMAGE } from "../resource/mark.ts";
import { deleteInstance } from "./delete_instance.ts";
import { projectOf, readInstance, startInstance, writeInstance } from "./instance_io.ts";
import { assertStillRunning } from "./assert_still_running.ts";
import type { StepContext } from "./step_context.ts";

/** The old disk, while it is not certain that the new one starts. */
const GUARD = "anklume-replacing";

/**
 * A new root disk for a stopped container whose snapshots stay: Incus rebuilds none that has any, but copies another's disk over
 * it. The other is made from the image beside it. When the new disk does not start, the old one is put back. An interrupted
 * one is carried on by the next plan, or undone where infra.yml asks for the old image again.
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
  // Left by an interrupted run, it holds the true old disk, unless the run had not come to touch that: then half of it may be missing.
  const touched = before.config[MARK.image] === NO_IMAGE;
  const left = await instanceSnapshots.get(project, name, GUARD);
  if (left !== undefined && !touched) await instanceSnapshots.delete(project, name, GUARD);
  const guard = touched ? left : undefined;
  if (guard?.config[MARK.image] === desired.config[MARK.image]) {
    context.progress("putting the old disk back");
    await instanceSnapshots.restore(project, name, GUARD);
    await writeInstance(context, desired, await readInstance(context, desired.addr));
    if (starts) await startInstance(context, desired.addr, "Stopped");
    await instanceSnapshots.delete(project, name, GUARD);
    await removeFresh(context, desired);
    return starts;
  }
  let fresh: string;
  try {
    fresh = await makeFresh(context, desired, before);
    if (guard === undefined) {
      await instanceSnapshots.create(project, name, { name: GUARD, expires_at: NEVER });
    }
  } catch (error) {
    // Nothing was touched yet but that it was stopped.
    if (before.status === "Running") await startInstance(context, desired.addr, "Stopped");
    throw error;
  }
  try {
    // Half of it could be copied: from here on it is no image's disk, whatever infra.yml says next.
    await instances.patch(project, name, {
      description: before.description,
      config: { [MARK.image]: NO_IMAGE, [MARK.provisioned]: "" },
    });
    context.progress("copying the new disk");
    await instances.refresh(project, fresh, name, { onProgress: context.progress });
    await takeImageKeys(context, desired, fresh);
    await removeFresh(context, desired);
    await writeInstance(context, desired, await readInstance(context, desired.addr));
    if (starts) {
      await startInstance(context, desired.addr, "Stopped");
      await assertStillRunning(context, desired.addr);
    }
  } catch (error) {
    await putBack(context, desired, before).catch(() => {});
    await removeFresh(context, desired).catch(() => {});
    throw error;
  }
  await instanceSnapshots.delete(project, name, GUARD);
  return starts;
}

/** A name that nobody has, `web-fresh` as a rule; what an interrupted run left of ours is removed on the way. */
async function freeName(context: StepContext, desired: DesiredInstance): Promise<string> {
  const project = projectOf(desired.addr);
  for (let number = 1;; number++) {
    const end = number === 1 ? "-fresh" : `-fresh${number}`;
    const name = `${desired.addr.name.slice(0, 63 - end.length)}${end}`;
    const found = await orMissing(context.incus.instances.get(project, name));
    if (found === undefined) return name;
    // A machine of the owner's may well be called so.
    if (found.value.config[MARK.fresh] !== desired.addr.name) continue;
    await deleteInstance(context, instanceAddr(project, name));
    return name;
  }
}

/** Takes away what holds the new disk, where something does. */
export async function removeFresh(context: StepContext, desired: DesiredInstance): Promise<void> {
  await freeName(context, desired);
}

/** Marked as ours: what an interruption leaves of it is an orphan that every check names. @returns its name */
export async function makeFresh(
  context: StepContext,
  desired: DesiredInstance,
  { expandedDevices }: ActualInstance,
): Promise<string> {
  const { instances } = context.incus;
  const project = projectOf(desired.addr);
  const name = await freeName(context, desired);
  const marks = Object.entries(desired.config).filter(([key]) => key.startsWith(MARK_PREFIX));
  const disks = Object.entries(expandedDevices).filter(([, device]) => device.path === "/");
  context.progress("making the new disk");
  await instances.create(project, {
    name,
    type: "container",
    source: imageSource(desired.image),
    config: { ...Object.fromEntries(marks), [MARK.fresh]: desired.addr.name },
    devices: Object.fromEntries(disks),
    profiles: [],
  }, { onProgress: context.progress });
  return name;
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
