import { IncusError } from "../incus/incus_error.ts";
import { PORT_NOT_GONE } from "../incus/retry.ts";
import { portsOf } from "../resource/instance_ports.ts";
import { type ActualInstance, actualInstance } from "../resource/instance.ts";
import type { StepContext } from "./step_context.ts";

/*
 * If Incus is killed while it starts or stops a machine, the machine's port can stay on the host.
 * The next start then fails, and after the machine is deleted nobody knows the port any more.
 */

/** Names of the ports that anklume gives to machines. Other interfaces are never removed. */
const PORT_NAME = /^ak[a-z0-9]{1,13}$/;

type Context = Pick<StepContext, "incus" | "progress" | "cleanup">;

/**
 * If a start failed because of a port of anklume's that no running machine of any project uses,
 * removes the port. Any state except `Stopped` counts as running.
 * @returns true if it did
 */
export async function freePort(context: Context, error: unknown): Promise<boolean> {
  if (!(error instanceof IncusError) || !PORT_NOT_GONE.words.test(error.message)) return false;
  const port = /veth interfaces "([^"]+)"/.exec(error.message)?.[1];
  if (port === undefined) return false;
  // The machine that is being started has it too, and is stopped.
  return await removeIdle(context, [port], ({ status }) => status !== "Stopped") > 0;
}

/**
 * Removes the given ports of a deleted machine that exist although no machine has them. After a
 * move another machine has the same ports. It may be starting, which Incus still calls stopped, and
 * if a port is in its way then, `freePort` removes it.
 */
export function removePortsOfDeleted(context: Context, ports: Iterable<string>): Promise<number> {
  return removeIdle(context, ports, () => true);
}

/**
 * The host is asked first: usually none of the ports exists, and then Incus is not asked at all.
 * @returns the number of removed ports
 */
async function removeIdle(
  { incus, progress, cleanup }: Context,
  ports: Iterable<string>,
  keepsPorts: (machine: ActualInstance) => boolean,
): Promise<number> {
  const left: string[] = [];
  for (const port of ports) {
    if (PORT_NAME.test(port) && await cleanup?.hasInterface(port)) left.push(port);
  }
  if (cleanup === undefined || left.length === 0) return 0;
  const used = new Set(
    (await incus.instances.list()).map(actualInstance)
      .filter(keepsPorts)
      .flatMap((each) => [...portsOf(each).keys()]),
  );
  const idle = left.filter((port) => !used.has(port));
  for (const port of idle) {
    progress(`removing the leftover port ${port}`);
    await cleanup.removeInterface(port);
  }
  return idle.length;
}
