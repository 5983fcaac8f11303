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

/** A snapshot of the old disk. It exists until the new disk is known to start. */
const GUARD = "anklume-replacing";

/**
 * Gives a stopped container a new root disk and keeps its snapshots. Incus rebuilds no instance
 * that has snapshots, but it can copy the disk of another instance over it. That other instance is
 * created from the image for this purpose. If the new disk does not start, the old one is restored.
 * The next plan continues an interrupted replacement, or undoes it if infra.yml has the old image
 * again.
 * @returns true if the machine was started
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
  // A snapshot of an interrupted run contains the whole old disk only if that run had started to
  // change the disk. Otherwise the snapshot may be incomplete.
  const touched = before.config[MARK.image] === NO_IMAGE;
  const left = await instanceSnapshots.get(project, name, GUARD);
  if (left !== undefined && !touched) await instanceSnapshots.delete(project, name, GUARD);
  const guard = touched ? left : undefined;
  if (guard?.config[MARK.image] === desired.config[MARK.image]) {
    context.progress("restoring the old disk");
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
    // Nothing has changed yet, except that the machine was stopped.
    if (before.status === "Running") await startInstance(context, desired.addr, "Stopped");
    throw error;
  }
  try {
    // The disk may be half copied from here on, so it belongs to no image, whatever infra.yml says
    // next.
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

/**
 * Returns an unused name, usually `web-fresh`. An instance of an interrupted run under that name is
 * deleted.
 */
async function freeName(context: StepContext, desired: DesiredInstance): Promise<string> {
  const project = projectOf(desired.addr);
  for (let number = 1;; number++) {
    const end = number === 1 ? "-fresh" : `-fresh${number}`;
    const name = `${desired.addr.name.slice(0, 63 - end.length)}${end}`;
    const found = await orMissing(context.incus.instances.get(project, name));
    if (found === undefined) return name;
    // The owner may have a machine with this name.
    if (found.value.config[MARK.fresh] !== desired.addr.name) continue;
    await deleteInstance(context, instanceAddr(project, name));
    return name;
  }
}

/** Deletes the instance that holds the new disk, if there is one. */
export async function removeFresh(context: StepContext, desired: DesiredInstance): Promise<void> {
  await freeName(context, desired);
}

/**
 * Creates the instance with the new disk. It has the infra's marks: if the run is interrupted,
 * every check reports it as an orphan. @returns its name
 */
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
  context.progress("creating the new disk");
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

/** Copies the keys in which Incus records the image of a machine. */
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
  context.progress("restoring the old disk");
  const { value } = await instances.get(project, addr.name);
  if (value.status !== "Stopped") {
    await instances.setState(project, addr.name, { action: "stop", force: true });
  }
  await instanceSnapshots.restore(project, addr.name, GUARD);
  await instanceSnapshots.delete(project, addr.name, GUARD);
  if (before.status === "Running") await startInstance(context, addr, "Stopped");
}
