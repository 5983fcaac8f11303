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
 * A new root disk for the same machine; its volumes, addresses and MAC stay. Incus rebuilds it in place where it can; where
 * snapshots stand in the way a new disk is copied over the old one. Where the type changes, or snapshots cannot stay, the
 * old machine stands aside until the new one runs.
 * @returns whether the machine was started
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
  // Incus would empty it.
  const { description } = actual;
  const note = (config: Record<string, string>) =>
    instances.patch(project, desired.addr.name, { description, config });
  // From here on its disk is no image's, whatever infra.yml says next. Not noted twice: a write to one without a disk makes
  // Incus leave a directory that it then stumbles over.
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
    // The old disk may still be there (an image that cannot be had): better the old machine than none.
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
 * For a machine of which Incus took the disk and then failed to make another, so that it never rebuilds it again. What is left of it
 * goes only once it is certain that the image can be unpacked.
 */
async function makeAnew(
  context: StepContext,
  desired: DesiredInstance,
  before: ActualInstance,
): Promise<void> {
  if (desired.type === "lxc") await makeFresh(context, desired, before);
  context.progress("has no disk any more: making it anew");
  await deleteInstance(context, desired.addr);
  const body = { ...instanceCreateBody(desired), ...inheritance(desired, before), start: false };
  await context.incus.instances.create(projectOf(desired.addr), body, {
    onProgress: context.progress,
  });
  await removeFresh(context, desired);
}

/**
 * The old machine is renamed and cut off, the new one made under its name, and the old one deleted once that runs. Each step
 * leaves something that the next plan recognises: the mark is set before the name changes.
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

/** What others set on the old machine stays on the new one, as it would through a rebuild. */
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

/** Marks and renames a stopped machine; answers where it is now. */
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
  context.progress(`stepping aside as ${name}`);
  await instances.rename(project, addr.name, name);
  return instanceAddr(project, name);
}

/** Whoever starts it now finds it without a network, and its successor's address is free. */
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

/** The successor goes, the old machine is what it was. */
async function takeBack(
  context: StepContext,
  aside: ResourceAddr,
  { addr }: DesiredInstance,
  { actual }: Found,
): Promise<void> {
  const { instances } = context.incus;
  const project = projectOf(addr);
  context.progress("taking the old machine back");
  if (await orMissing(instances.get(project, addr.name))) await deleteInstance(context, addr);
  await instances.rename(project, aside.name, addr.name);
  const now = await readInstance(context, addr);
  const { [MARK.aside]: _mark, "boot.autostart": _off, ...config } = now.actual.config;
  const autostart = actual.config["boot.autostart"];
  await instances.update(project, addr.name, {
    ...now.kept,
    description: actual.description,
    config: { ...config, ...(autostart === undefined ? {} : { "boot.autostart": autostart }) },
    devices: actual.devices,
    profiles: actual.profiles,
  }, { etag: now.etag });
  if (actual.status === "Running") await startInstance(context, addr, "Stopped");
}
