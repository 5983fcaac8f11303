import { optional } from "../diag/optional.ts";
import { orMissing } from "../incus/collection.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { InstancesPost } from "../incus/wire/instance.ts";
import type { Change } from "../plan/plan.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import {
  type ActualInstance,
  type DesiredInstance,
  imageSource,
  instanceAddr,
  instanceCreateBody,
} from "../resource/instance.ts";
import {
  compareInstance,
  instanceUpdateBody,
  keepsSnapshots,
} from "../resource/instance_compare.ts";
import { leadsOut } from "../resource/delta.ts";
import { MARK, NO_IMAGE } from "../resource/mark.ts";
import { deleteInstance } from "./delete_instance.ts";
import { isDetached, reattach } from "./detach_volumes.ts";
import {
  type Found,
  hasNoDisk,
  projectOf,
  readInstance,
  readSettled,
  startInstance,
  stopInstance,
  writeInstance,
} from "./instance_io.ts";
import { createInstance } from "./instance_steps.ts";
import { assertStillRunning } from "./assert_still_running.ts";
import { makeFresh, refreshDisk, removeFresh } from "./refresh_disk.ts";
import { isToMove, relocate } from "./relocate.ts";
import type { StepContext } from "./step_context.ts";
import { assertAsPlanned } from "./changed_meanwhile.ts";

/**
 * Gives a machine a new root disk; its volumes, addresses and MAC stay. Incus rebuilds the machine
 * in place if possible. If it has snapshots, a new disk is copied over the old one. If the type
 * changes, or the snapshots cannot stay, the old machine is kept aside until the new one runs.
 * @returns true if the machine was started
 */
export async function replaceInstance(
  context: StepContext,
  change: Change,
  desired: DesiredInstance,
): Promise<boolean> {
  const source = change.aside ?? change.from ?? desired.addr;
  const found = await readSettled(context, source);
  const snapshots = await context.incus.instances.snapshotNames(projectOf(source), source.name);
  const actual: ActualInstance = { ...found.actual, snapshots };
  assertAsPlanned(change, compareInstance(desired, actual));
  const starts = desired.state === "running" ||
    (desired.state === "manual" && actual.status === "Running");
  if (starts || change.aside !== undefined) await context.beforeStart();
  if (actual.status !== "Stopped") await stopInstance(context, source, actual.status);
  let before: Found = { ...found, actual };
  const moves = isToMove(change, desired, actual);
  if (change.aside === undefined && (moves || isDetached(actual))) {
    if (moves) await relocate(context, change, desired, actual);
    else await reattach(context, desired.addr, desired);
    const moved = await readInstance(context, desired.addr);
    before = { ...moved, actual: { ...moved.actual, status: actual.status } };
  }
  if (change.aside === undefined && snapshots.length > 0 && keepsSnapshots(desired, actual)) {
    return await refreshDisk(context, desired, before.actual, starts);
  }
  if (change.aside !== undefined || actual.type !== desired.type || snapshots.length > 0) {
    return await putInPlace(context, change, desired, before);
  }
  await rebuildInPlace(context, desired, actual);
  if (starts) await startInstance(context, desired.addr, "Stopped");
  return starts;
}

async function rebuildInPlace(
  context: StepContext,
  desired: DesiredInstance,
  before: ActualInstance,
): Promise<void> {
  const { instances } = context.incus;
  const project = projectOf(desired.addr);
  const { actual } = await readInstance(context, desired.addr);
  // Without this, Incus would delete the description.
  const { description } = actual;
  const note = (config: Record<string, string>) =>
    instances.patch(project, desired.addr.name, { description, config });
  // From here on the disk belongs to no image, whatever infra.yml says next. This is not noted a
  // second time: after a write to an instance without a disk, Incus leaves a directory that causes
  // errors later.
  if (actual.config[MARK.image] !== NO_IMAGE) {
    await note({ [MARK.image]: NO_IMAGE, [MARK.provisioned]: "" });
  }
  context.progress("rebuilding");
  try {
    await instances.rebuild(project, desired.addr.name, { source: imageSource(desired.image) }, {
      onProgress: context.progress,
    });
  } catch (error) {
    if (hasNoDisk(error)) return await makeAnew(context, desired, before);
    // The old disk may still exist (if the image could not be downloaded). The old machine is
    // better than none.
    const stands = before.status !== "Running" ||
      await startInstance(context, desired.addr, "Stopped").then(() => true, () => false);
    const image = before.config[MARK.image] ?? "";
    if (error instanceof IncusError && stands && image !== NO_IMAGE) {
      await note({ [MARK.image]: image }).catch(() => {});
    }
    throw error;
  }
  await writeInstance(context, desired, await readInstance(context, desired.addr));
}

/**
 * Creates a machine again if Incus removed its disk and then failed to create another: Incus never
 * rebuilds it again. The record is deleted only after it is certain that the image can be unpacked.
 */
async function makeAnew(
  context: StepContext,
  desired: DesiredInstance,
  before: ActualInstance,
): Promise<void> {
  if (desired.type === "lxc") await makeFresh(context, desired, before);
  context.progress("has no disk any more: creating it again");
  await deleteInstance(context, desired.addr);
  const body = { ...instanceCreateBody(desired), ...inheritance(desired, before), start: false };
  await context.incus.instances.create(projectOf(desired.addr), body, {
    onProgress: context.progress,
  });
  await removeFresh(context, desired);
}

/**
 * Renames the old machine and disconnects it, creates the new one under its name, and deletes the
 * old one when the new one runs. The next plan recognises the result of each step: the mark is set
 * before the name changes.
 */
async function putInPlace(
  context: StepContext,
  change: Change,
  desired: DesiredInstance,
  found: Found,
): Promise<boolean> {
  const aside = change.aside ?? await stepAside(context, desired.addr);
  let started: boolean;
  try {
    await cutOff(context, aside, desired.addr.name);
    started = await createInstance(context, desired, inheritance(desired, found.actual));
    if (started) await assertStillRunning(context, desired.addr);
  } catch (error) {
    await takeBack(context, aside, desired, found).catch(() => {});
    throw error;
  }
  context.progress(`deleting ${formatAddr(aside)}`);
  await deleteInstance(context, aside);
  return started;
}

/**
 * Returns the values that others set on the old machine. The new one gets them too, as in a
 * rebuild.
 */
function inheritance(
  desired: DesiredInstance,
  before: ActualInstance,
): Pick<InstancesPost, "config" | "devices"> {
  if (before.type !== desired.type) return {};
  const { config, devices } = instanceUpdateBody(desired, before);
  const kept = Object.entries(config).filter(([key]) =>
    !/^(volatile|image)\./.test(key) && key !== MARK.provisioned && key !== MARK.aside
  );
  return { config: Object.fromEntries(kept), devices };
}

/** Marks and renames a stopped machine. Returns its new address. */
async function stepAside(context: StepContext, addr: ResourceAddr): Promise<ResourceAddr> {
  const { instances } = context.incus;
  const project = projectOf(addr);
  const { value } = await instances.get(project, addr.name);
  const config = { [MARK.aside]: addr.name };
  await instances.patch(project, addr.name, { description: value.description, config });
  let name = `${addr.name.slice(0, 57)}-aside`;
  for (let number = 2; await orMissing(instances.get(project, name)); number++) {
    name = `${addr.name.slice(0, 55)}-aside${number}`;
  }
  context.progress(`renaming it for now to ${name}`);
  await instances.rename(project, addr.name, name);
  return instanceAddr(project, name);
}

/**
 * Removes the network devices of the old machine. If somebody starts it, it has no network, and the
 * successor can use its address.
 */
async function cutOff(context: StepContext, addr: ResourceAddr, place: string): Promise<void> {
  const { actual, etag, kept } = await readInstance(context, addr);
  const devices = Object.fromEntries(
    Object.entries(actual.devices).filter(([, device]) => !leadsOut(device)),
  );
  await context.incus.instances.update(projectOf(addr), addr.name, {
    ...kept,
    description: actual.description,
    config: { ...actual.config, [MARK.aside]: place, "boot.autostart": "false" },
    devices,
    profiles: actual.profiles,
  }, { etag });
}

/** Deletes the successor and restores the old machine. */
async function takeBack(
  context: StepContext,
  aside: ResourceAddr,
  { addr }: DesiredInstance,
  { actual }: Found,
): Promise<void> {
  const { instances } = context.incus;
  const project = projectOf(addr);
  context.progress("restoring the old machine");
  if (await orMissing(instances.get(project, addr.name))) await deleteInstance(context, addr);
  await instances.rename(project, aside.name, addr.name);
  const now = await readInstance(context, addr);
  const { [MARK.aside]: _mark, "boot.autostart": _off, ...config } = now.actual.config;
  const autostart = actual.config["boot.autostart"];
  await instances.update(project, addr.name, {
    ...now.kept,
    description: actual.description,
    config: { ...config, ...optional({ "boot.autostart": autostart }) },
    devices: actual.devices,
    profiles: actual.profiles,
  }, { etag: now.etag });
  if (actual.status === "Running") await startInstance(context, addr, "Stopped");
}
