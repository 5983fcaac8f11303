import { IncusError } from "../incus/incus_error.ts";
import { PORT_NOT_GONE } from "../incus/retry.ts";
import { portsOf } from "../resource/instance_ports.ts";
import { actualInstance } from "../resource/instance.ts";
import type { StepContext } from "./step_context.ts";

/*
 * An Incus that is killed while it starts or stops a machine leaves the port that it had made: the next start meets it, and once
 * the machine is gone nobody knows it any more.
 */

/** As anklume names the ports of machines. What is called otherwise is not removed. */
const PORT_NAME = /^ak[a-z0-9]{1,13}$/;

type Context = Pick<StepContext, "incus" | "progress" | "cleanup">;

/** Where a start failed for a port of ours that nobody uses any more: takes it away. @returns whether it did */
export async function freePort(context: Context, error: unknown): Promise<boolean> {
  if (!(error instanceof IncusError) || !PORT_NOT_GONE.words.test(error.message)) return false;
  const port = /veth interfaces "([^"]+)"/.exec(error.message)?.[1];
  return port !== undefined && await removeLeftPorts(context, [port]) > 0;
}

/**
 * Takes away those of some ports that stand though no machine of any project has them while it runs, in whatever state Incus calls it
 * then. The host is asked first: mostly none stands, and Incus is not asked at all.
 * @returns how many
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
    progress(`removing the port ${port} that was left behind`);
    await cleanup.removeInterface(port);
  }
  return idle.length;
}
