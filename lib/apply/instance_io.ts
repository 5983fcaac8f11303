import { IncusError } from "../incus/incus_error.ts";
import type { InstancePut } from "../incus/wire/instance.ts";
import type { ResourceAddr } from "../resource/address.ts";
import { type ActualInstance, actualInstance, type DesiredInstance } from "../resource/instance.ts";
import { instanceUpdateBody } from "../resource/instance_compare.ts";
import type { StepContext } from "./step_context.ts";

/**
 * Seconds a machine gets to shut down before the plug is pulled, asked three times: a system that is still booting may not hear
 * the first.
 */
const STOP_TIMEOUTS_S = [3, 9, 18] as const;

/** A machine as it was read, and what writing it back takes. */
export interface Found {
  readonly actual: ActualInstance;
  readonly etag: string;
  /** What a PUT must send back as it was. */
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

export async function writeInstance(
  { incus }: StepContext,
  desired: DesiredInstance,
  { actual, etag, kept }: Found,
): Promise<void> {
  const body: InstancePut = { ...kept, ...instanceUpdateBody(desired, actual) };
  await incus.instances.update(projectOf(desired.addr), desired.addr.name, body, { etag });
}

export async function startInstance(
  { incus, progress }: Pick<StepContext, "incus" | "progress">,
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

export async function stopInstance(
  { incus, progress }: StepContext,
  addr: ResourceAddr,
  status: string,
): Promise<void> {
  progress("stopping");
  const project = projectOf(addr);
  const pull = () => incus.instances.setState(project, addr.name, { action: "stop", force: true });
  // Frozen or broken, it could not hear the request.
  if (status !== "Running") return await pull();
  for (const timeout of STOP_TIMEOUTS_S) {
    try {
      return await incus.instances.setState(project, addr.name, { action: "stop", timeout });
    } catch (error) {
      if (!(error instanceof IncusError)) throw error;
      progress(`does not shut down (${error.message})`);
    }
  }
  progress("pulling the plug");
  await pull();
}

export function projectOf(addr: ResourceAddr): string {
  return addr.project ?? "default";
}
