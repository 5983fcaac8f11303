import { setTimeout as sleep } from "node:timers/promises";
import { IncusError } from "../incus/incus_error.ts";
import { stopMachine, type StopOptions } from "../incus/stop_machine.ts";
import { PORT_NOT_GONE, retryPassing } from "../incus/retry.ts";
import type { InstancePut } from "../incus/wire/instance.ts";
import type { ResourceAddr } from "../resource/address.ts";
import { type ActualInstance, actualInstance, type DesiredInstance } from "../resource/instance.ts";
import { hasHostsRoot, instanceUpdateBody } from "../resource/instance_compare.ts";
import { freePort } from "./left_port.ts";
import type { StepContext } from "./step_context.ts";

/** Seconds in which a machine may shut down before it is killed. */
const STOP_GRACE_S = 30;

/** A machine as it was read, with the data that is needed to write it back. */
export interface Found {
  readonly actual: ActualInstance;
  readonly etag: string;
  /** Fields that a PUT must send back unchanged. */
  readonly kept: {
    readonly architecture: string;
    readonly ephemeral: boolean;
    readonly stateful: boolean;
  };
}

export async function readInstance({ incus }: StepContext, addr: ResourceAddr): Promise<Found> {
  const { value, etag } = await incus.instances.get(projectOf(addr), addr.name);
  const { architecture, ephemeral, stateful } = value;
  return { actual: actualInstance(value), etag, kept: { architecture, ephemeral, stateful } };
}

/** Incus sets this key at the first start of a machine. */
export const LAST_POWER = "volatile.last_state.power";
/**
 * Milliseconds that a daemon may take after its own start to restart the machines that ran before.
 */
const REVIVAL_MS = 15_000;

/**
 * Like `readInstance`, for a machine that will be stopped, moved or deleted. Right after its own
 * start, the daemon starts the machines that ran before. So a machine that still looks stopped may
 * start while it is being changed; this function waits for that.
 */
export async function readSettled(context: StepContext, addr: ResourceAddr): Promise<Found> {
  for (const end = context.now() + REVIVAL_MS;;) {
    const found = await readInstance(context, addr);
    const { status, config } = found.actual;
    const remembered = status === "Stopped" && config[LAST_POWER] === "RUNNING";
    if (!remembered || context.now() >= end) return found;
    await sleep(300);
  }
}

export async function writeInstance(
  context: StepContext,
  desired: DesiredInstance,
  found: Found,
): Promise<void> {
  const { incus } = context;
  const { actual, etag, kept } = hasHostsRoot(found.actual)
    ? await renewIdmap(context, desired.addr, found)
    : found;
  const body: InstancePut = { ...kept, ...instanceUpdateBody(desired, actual) };
  await incus.instances.update(projectOf(desired.addr), desired.addr.name, body, { etag });
}

/**
 * Incus never deletes an id map. It creates a new one when a key that the map depends on changes.
 */
async function renewIdmap(
  context: StepContext,
  addr: ResourceAddr,
  { actual, etag, kept }: Found,
): Promise<Found> {
  const { description, devices, profiles, config } = actual;
  const { [PRIVILEGED]: before, ...rest } = config;
  const flipped = before === undefined ? { ...rest, [PRIVILEGED]: "false" } : rest;
  const body = { ...kept, description, devices, profiles, config: flipped };
  await context.incus.instances.update(projectOf(addr), addr.name, body, { etag });
  return await readInstance(context, addr);
}

const PRIVILEGED = "security.privileged";

export async function startInstance(
  context: Pick<StepContext, "incus" | "progress" | "cleanup">,
  addr: ResourceAddr,
  status: string,
): Promise<void> {
  const { incus, progress } = context;
  const project = projectOf(addr);
  if (status === "Error") {
    await wake(context, addr);
    const { value } = await incus.instances.get(project, addr.name);
    if (value.status === "Running") return;
    if (value.status !== "Stopped") {
      await stopInstance(context, addr, value.status, { graceS: "none" });
    }
  }
  progress("starting");
  const action = status === "Frozen" ? "unfreeze" : "start";
  const start = () => incus.instances.setState(project, addr.name, { action });
  try {
    await retryPassing(PORT_NOT_GONE, start);
  } catch (error) {
    if (!await freePort(context, error)) throw error;
    await start();
  }
}

/** Asks a machine to shut down, and kills it if it does not. */
export function stopInstance(
  context: Pick<StepContext, "incus" | "progress" | "cleanup">,
  addr: ResourceAddr,
  status: string,
  { graceS = STOP_GRACE_S, pullsPlug = true }: Partial<StopOptions> = {},
): Promise<void> {
  return stopMachine(context.incus, { project: projectOf(addr), name: addr.name, status }, {
    graceS,
    pullsPlug,
    wake: () => wake(context, addr),
    say: context.progress,
  });
}

/**
 * Continues the monitor process of a container with the status `Error`, if it was paused. In this
 * status the monitor does not answer, and Incus 6.0 only reports, after five seconds each time,
 * that the container is already stopped and cannot be started. A paused monitor is the only cause
 * that can be repaired here. Killing the monitor would end the container without Incus's knowledge,
 * and Incus would then treat its disk as in use until Incus itself is restarted.
 */
export async function wake(
  { cleanup, progress }: Pick<StepContext, "cleanup" | "progress">,
  addr: ResourceAddr,
): Promise<void> {
  const project = projectOf(addr);
  const container = project === "default" ? addr.name : `${project}_${addr.name}`;
  if (await cleanup?.wakeMonitor(container)) progress("waking the process that runs it");
}

/** Incus has no root disk in its records, or finds none at the machine's path. */
const NO_DISK =
  /instance pool: Instance storage pool not found|lstat \S*\/(containers|virtual-machines)\/[^/\s]+: no such file or directory/;

export function hasNoDisk(error: unknown): boolean {
  return error instanceof IncusError && NO_DISK.test(error.message);
}

export function projectOf(addr: ResourceAddr): string {
  return addr.project ?? "default";
}
