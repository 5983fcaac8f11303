import { IncusError } from "../incus/incus_error.ts";
import { PORT_NOT_GONE } from "../incus/retry.ts";
import { portsOf } from "../resource/instance_ports.ts";
import { actualInstance } from "../resource/instance.ts";
import type { StepContext } from "./step_context.ts";

/*
 * If Incus is killed while it starts or stops a machine, the machine's port can stay on the host.
 * The next start then fails, and after the machine is deleted nobody knows the port any more.
 */

/** Names of the ports that anklume gives to machines. Other interfaces are never removed. */
const PORT_NAME = /^ak[a-z0-9]{1,13}$/;

type Context = Pick<StepContext, "incus" | "progress" | "cleanup">;

/**
 * If a start failed because of an unused port of anklume's, removes the port. @returns true if it
 * did
 */
export async function freePort(context: Context, error: unknown): Promise<boolean> {
  if (!(error instanceof IncusError) || !PORT_NOT_GONE.words.test(error.message)) return false;
  const port = /veth interfaces "([^"]+)"/.exec(error.message)?.[1];
  return port !== undefined && await removeLeftPorts(context, [port]) > 0;
}

/**
 * Removes those of the given ports that exist although no running machine of any project uses them.
 * Any state except `Stopped` counts as running. The host is asked first: usually none exists, and
 * then Incus is not asked at all.
 * @returns the number of removed ports
 */
export async function removeLeftPorts(
  { incus, progress, cleanup }: Context,
  ports: Iterable<string>,
): Promise<number> {
  const left: string[] = [];
  for (const port of ports) {
    if (PORT_NAME.test(port) && await cleanup?.hasInterface(port)) left.push(port);
  }
  if (cleanup === undefined || left.length === 0) return 0;
  const used = new Set(
    (await incus.instances.list()).map(actualInstance)
      .filter(({ status }) => status !== "Stopped")
      .flatMap((each) => [...portsOf(each).keys()]),
  );
  const idle = left.filter((port) => !used.has(port));
  for (const port of idle) {
    progress(`removing the leftover port ${port}`);
    await cleanup.removeInterface(port);
  }
  return idle.length;
}
