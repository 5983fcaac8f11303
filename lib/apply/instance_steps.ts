import { IncusError } from "../incus/incus_error.ts";
import type { Change } from "../plan/plan.ts";
import type { ResourceAddr } from "../resource/address.ts";
import {
  type ActualInstance,
  actualInstance,
  type DesiredInstance,
  imageSource,
  instanceCreateBody,
  startsWhenCreated,
} from "../resource/instance.ts";
import { compareInstance, instanceUpdateBody } from "../resource/instance_compare.ts";
import { MARK } from "../resource/mark.ts";
import { sameValue } from "../resource/value.ts";
import type { StepContext } from "./step_context.ts";
import { assertAsPlanned, withoutState } from "./unchanged.ts";

/** Seconds a machine gets to shut down before the plug is pulled. */
const STOP_TIMEOUT_S = 30;

/** @returns whether the machine was started */
export async function createInstance(
  context: StepContext,
  desired: DesiredInstance,
): Promise<boolean> {
  const starts = startsWhenCreated(desired);
  if (starts) await context.beforeStart();
  await context.incus.instances.create(projectOf(desired.addr), instanceCreateBody(desired), {
    onProgress: context.progress,
  });
  return starts;
}

/**
 * Stops the machine where a change asks for it, writes what differs, and starts it again. Stopped first, so that an
 * interrupted update is seen by the next plan: the machine does not run.
 * @returns whether the machine was started
 */
export async function updateInstance(
  context: StepContext,
  change: Change,
  desired: DesiredInstance,
): Promise<boolean> {
  const found = await readInstance(context, desired);
  const fields = compareInstance(desired, found.actual);
  assertAsPlanned(change, fields);
  const writes = withoutState(fields);
  const stops = found.actual.status !== "Stopped" &&
    (desired.state === "stopped" || writes.some((field) => field.effect === "restart"));
  const starts = desired.state === "running" ? found.actual.status !== "Running" || stops : false;
  const startsAgain = starts || (stops && desired.state === "manual");
  // A machine that may not be started again is not stopped either.
  if (startsAgain) await context.beforeStart();
  if (stops) await stopInstance(context, desired.addr, found.actual.status);
  if (writes.length > 0) {
    await writeInstance(context, desired, stops ? await readInstance(context, desired) : found);
  }
  if (startsAgain) {
    await startInstance(context, desired.addr, stops ? "Stopped" : found.actual.status);
  }
  return startsAgain;
}

/**
 * A new root disk for the same machine: its volumes, addresses and MAC stay. Where the type or the pool changes, the
 * machine is deleted and made anew.
 * @returns whether the machine was started
 */
export async function replaceInstance(
  context: StepContext,
  change: Change,
  desired: DesiredInstance,
): Promise<boolean> {
  const { actual } = await readInstance(context, desired);
  assertAsPlanned(change, compareInstance(desired, actual));
  if (change.effect === "data-lost") {
    await deleteInstance(context, desired.addr);
    return await createInstance(context, desired);
  }
  await refuseSnapshots(context, desired);
  const starts = desired.state === "running" ||
    (desired.state === "manual" && actual.status === "Running");
  if (starts) await context.beforeStart();
  if (actual.status !== "Stopped") await stopInstance(context, desired.addr, actual.status);
  // What was provisioned goes with the disk: unset first, so that an interruption cannot hide it.
  await context.incus.instances.patch(projectOf(desired.addr), desired.addr.name, {
    // Incus would empty it.
    description: actual.description,
    config: { [MARK.provisioned]: "" },
  });
  context.progress("rebuilding");
  try {
    await context.incus.instances.rebuild(
      projectOf(desired.addr),
      desired.addr.name,
      { source: imageSource(desired.image) },
      { onProgress: context.progress },
    );
  } catch (error) {
    // The old disk may still be there (an image that cannot be had): better the old machine than none.
    if (actual.status === "Running") {
      await startInstance(context, desired.addr, "Stopped").catch(() => {});
    }
    throw error;
  }
  await writeInstance(context, desired, await readInstance(context, desired));
  if (starts) await startInstance(context, desired.addr, "Stopped");
  return starts;
}

/** With its root disk and snapshots. That it may go was decided by the plan and `--force`. */
export async function deleteInstance(context: StepContext, addr: ResourceAddr): Promise<void> {
  const { instances } = context.incus;
  const project = projectOf(addr);
  const { value } = await instances.get(project, addr.name);
  if (value.status !== "Stopped") {
    context.progress("stopping");
    await instances.setState(project, addr.name, { action: "stop", force: true });
  }
  if (sameValue("", value.config["security.protection.delete"], "true")) {
    const { description } = value;
    const config = { "security.protection.delete": "" };
    await instances.patch(project, addr.name, { description, config });
  }
  context.progress("deleting");
  await instances.delete(project, addr.name);
}

interface Found {
  readonly actual: ActualInstance;
  readonly etag: string;
  /** What a PUT must send back as it was. */
  readonly kept: {
    readonly architecture: string;
    readonly ephemeral: boolean;
    readonly stateful: boolean;
  };
}

async function readInstance({ incus }: StepContext, desired: DesiredInstance): Promise<Found> {
  const { value, etag } = await incus.instances.get(projectOf(desired.addr), desired.addr.name);
  const { architecture, ephemeral, stateful } = value;
  return { actual: actualInstance(value), etag, kept: { architecture, ephemeral, stateful } };
}

async function writeInstance(
  { incus }: StepContext,
  desired: DesiredInstance,
  { actual, etag, kept }: Found,
): Promise<void> {
  const body = { ...kept, ...instanceUpdateBody(desired, actual) };
  await incus.instances.update(projectOf(desired.addr), desired.addr.name, body, { etag });
}

async function startInstance(
  { incus, progress }: StepContext,
  addr: ResourceAddr,
  status: string,
): Promise<void> {
  progress("starting");
  const project = projectOf(addr);
  if (status === "Error") {
    await incus.instances.setState(project, addr.name, { action: "stop", force: true });
  }
  const action = status === "Frozen" ? "unfreeze" : "start";
  await incus.instances.setState(project, addr.name, { action });
}

async function stopInstance(
  { incus, progress }: StepContext,
  addr: ResourceAddr,
  status: string,
): Promise<void> {
  progress("stopping");
  const project = projectOf(addr);
  const pull = () => incus.instances.setState(project, addr.name, { action: "stop", force: true });
  // Frozen or broken, it could not hear the request.
  if (status !== "Running") return await pull();
  try {
    await incus.instances.setState(project, addr.name, {
      action: "stop",
      timeout: STOP_TIMEOUT_S,
    });
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    progress(`did not shut down (${error.message}): pulling the plug`);
    await pull();
  }
}

/** Incus refuses to rebuild a machine that has snapshots, and would say so only once it is stopped. */
async function refuseSnapshots({ incus }: StepContext, desired: DesiredInstance): Promise<void> {
  const machines = await incus.instances.listFull({ project: projectOf(desired.addr) });
  const snapshots = machines.find(({ name }) => name === desired.addr.name)?.snapshots ?? [];
  if (snapshots.length === 0) return;
  throw new Error(
    `Incus does not rebuild a machine that has snapshots (${
      snapshots.map(({ name }) => name).join(", ")
    }); delete them first, or put the old image back into infra.yml`,
  );
}

function projectOf(addr: ResourceAddr): string {
  return addr.project ?? "default";
}
