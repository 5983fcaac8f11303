import { setTimeout as sleep } from "node:timers/promises";
import { orMissing } from "../incus/collection.ts";
import { IncusError } from "../incus/incus_error.ts";
import { NAME_SERVER_NOT_GONE } from "../incus/retry.ts";
import type { Change } from "../plan/plan.ts";
import {
  actualNetwork,
  compareNetwork,
  type DesiredNetwork,
  networkCreateBody,
  networkUpdateBody,
} from "../resource/network.ts";
import {
  actualProfile,
  compareProfile,
  type DesiredProfile,
  profileCreateBody,
  profileUpdateBody,
} from "../resource/profile.ts";
import {
  actualProject,
  compareProject,
  type DesiredProject,
  projectCreateBody,
  projectUpdateBody,
} from "../resource/project.ts";
import {
  actualVolume,
  compareVolume,
  type DesiredVolume,
  volumeCreateBody,
  volumeUpdateBody,
} from "../resource/volume.ts";
import { withBirth } from "../resource/mark.ts";
import { isLinkField } from "../resource/bridge_link.ts";
import { mendBridge } from "./mend_bridge.ts";
import type { StepContext } from "./step_context.ts";
import { isLaterInVms } from "./later_in_vms.ts";
import { assertAsPlanned } from "./changed_meanwhile.ts";

/*
 * Creates, updates and deletes everything but machines. An update reads the resource, checks that
 * it still differs as planned, and writes it back whole with its ETag, so that no edit in between
 * is lost.
 */

export async function writeProject(
  { incus, now }: StepContext,
  change: Change,
  desired: DesiredProject,
): Promise<void> {
  if (change.action === "create") {
    const body = projectCreateBody(desired);
    return await incus.projects.create({ ...body, config: withBirth(desired.config, now()) });
  }
  const { name } = desired.addr;
  const { value, etag } = await incus.projects.get(name);
  const actual = actualProject(value);
  assertAsPlanned(change, compareProject(desired, actual));
  await incus.projects.update(name, projectUpdateBody(desired, actual), { etag });
}

export async function writeNetwork(
  context: StepContext,
  change: Change,
  desired: DesiredNetwork,
): Promise<void> {
  const { incus } = context;
  if (change.action === "create") return await createNetwork(context, desired);
  const { name } = desired.addr;
  if (change.fields.some(({ path }) => path === "status")) {
    // If it was created again, it is as declared. Otherwise the rest may still differ.
    if (await makeReady(context, desired)) return;
  }
  const { value, etag } = await incus.networks.get(name);
  const actual = actualNetwork(value);
  assertAsPlanned(change, compareNetwork(desired, actual));
  const body = networkUpdateBody(desired, actual);
  // If only the host lost something, there is nothing to write.
  if (!change.fields.every(isLinkField)) await incus.networks.update(name, body, { etag });
  if (change.fields.some(isLinkField)) await mendBridge(context, change, desired);
}

/**
 * Creates a network. If Incus fails to create a bridge, it leaves the name server running, and that
 * prevents the next attempt.
 */
async function createNetwork(
  { incus, now, cleanup, progress }: StepContext,
  desired: DesiredNetwork,
): Promise<void> {
  const body = networkCreateBody(desired);
  const create = () => incus.networks.create({ ...body, config: withBirth(desired.config, now()) });
  try {
    await create();
  } catch (error) {
    const left = error instanceof IncusError && NAME_SERVER_NOT_GONE.words.test(error.message);
    if (!left || cleanup === undefined) throw error;
    progress("ending the name server that a failed attempt left");
    await cleanup.endNameServer(desired.addr.name, { anyones: true });
    await create();
  }
}

/** Milliseconds in which Incus may finish a bridge whose client has gone. */
const UNREADY_MS = 10_000;
/** Every minute, Incus tries again to start a bridge that it could not start at its own start. */
const NEXT_TRY_MS = 75_000;

/**
 * Waits until a bridge is ready, or creates it again. A killed daemon may have left the bridge's
 * name server. The new daemon does not know it, cannot use its address, and reports the bridge as
 * unavailable.
 * @returns true if it was created again
 */
async function makeReady(context: StepContext, desired: DesiredNetwork): Promise<boolean> {
  const { incus, progress, cleanup } = context;
  const { name } = desired.addr;
  progress("waiting for the bridge");
  if (await isReady(context, name, UNREADY_MS)) return false;
  await cleanup?.endNameServer(name);
  const { value } = await incus.networks.get(name);
  // Machines use it, so it cannot be created again.
  if (value.status === "Unavailable" && (value.used_by ?? []).length > 0) {
    progress("waiting for Incus to start the bridge, which it tries every minute");
    if (await isReady(context, name, NEXT_TRY_MS)) return false;
    throw new Error("Incus cannot start this bridge: \`incus warning list\` shows why");
  }
  progress("creating the bridge again");
  await incus.networks.delete(name);
  try {
    await createNetwork(context, desired);
  } catch (error) {
    // If a bridge was never ready, Incus deletes only its record. The interface then prevents the
    // next attempt.
    const left = error instanceof IncusError && INTERFACE_LEFT.test(error.message);
    if (!left || cleanup === undefined) throw error;
    progress("removing the leftover interface");
    await cleanup.removeInterface(name);
    await createNetwork(context, desired);
  }
  return true;
}

/** Waits until the bridge is ready. @returns true if it is */
async function isReady(
  { incus, now }: StepContext,
  name: string,
  timeoutMs: number,
): Promise<boolean> {
  for (const end = now() + timeoutMs; now() < end;) {
    const live = await orMissing(incus.networks.get(name));
    if (live === undefined || live.value.status === "Errored") return false;
    if (actualNetwork(live.value).unready === undefined) return true;
    await sleep(300);
  }
  return false;
}

/**
 * Deletes a network. If Incus is still creating it, waits first. If its creation never finished
 * because the client had gone, Incus deletes only the record: the interface and the name server
 * must be removed here.
 */
async function deleteNetwork(context: StepContext, name: string): Promise<void> {
  const { incus: { networks }, cleanup } = context;
  const { value } = await networks.get(name);
  if (value.status !== "Pending") return await networks.delete(name);
  context.progress("waiting for the bridge");
  const stands = await isReady(context, name, UNREADY_MS);
  // Incus may have removed it by itself.
  await orMissing(networks.delete(name));
  if (stands) return;
  await cleanup?.endNameServer(name, { anyones: true });
  await cleanup?.removeInterface(name);
}

const INTERFACE_LEFT = /Network interface "[^"]+" already exists/;

export async function writeVolume(
  { incus }: StepContext,
  change: Change,
  desired: DesiredVolume,
): Promise<void> {
  const { name, project = "default", pool = "default" } = desired.addr;
  if (change.action === "create") {
    return await incus.volumes.create(pool, project, volumeCreateBody(desired));
  }
  const { value, etag } = await incus.volumes.get(pool, project, name);
  const actual = actualVolume(value, pool);
  assertAsPlanned(change, compareVolume(desired, actual));
  await incus.volumes.update(pool, project, name, volumeUpdateBody(desired, actual), { etag });
}

export async function writeProfile(
  { incus, now }: StepContext,
  change: Change,
  desired: DesiredProfile,
): Promise<void> {
  const { name, project = "default" } = desired.addr;
  // Incus created `default` together with the project.
  if (change.action === "create" && name !== "default") {
    const body = profileCreateBody(desired);
    const config = withBirth(desired.config, now());
    return await incus.profiles.create(project, { ...body, config });
  }
  const { value, etag } = await incus.profiles.get(project, name);
  const actual = actualProfile(value);
  if (change.action !== "create") assertAsPlanned(change, compareProfile(desired, actual));
  try {
    await incus.profiles.update(project, name, profileUpdateBody(desired, actual), { etag });
  } catch (error) {
    // The plan has said that these machines use it after their next start.
    if (!(error instanceof IncusError && isLaterInVms(error.message))) throw error;
  }
}

export async function deleteResource(context: StepContext, change: Change): Promise<void> {
  const { incus, beforeProjectGoes } = context;
  const { kind, name, project = "default", pool = "default" } = change.addr;
  if (kind === "project") {
    await beforeProjectGoes?.(name);
    return await incus.projects.delete(name);
  }
  if (kind === "network") return await deleteNetwork(context, name);
  if (kind === "volume") return await incus.volumes.delete(pool, project, name);
  if (kind === "profile") return await incus.profiles.delete(project, name);
  throw new TypeError(`a ${kind} is not deleted here`);
}
