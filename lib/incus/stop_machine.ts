import { setTimeout as sleep } from "node:timers/promises";
import type { IncusClient } from "./incus_client.ts";
import { IncusError } from "./incus_error.ts";

/** Milliseconds for which Incus may still be busy with a machine that ended by itself. */
const AFTERMATH_MS = 2000;

export interface RunningMachine {
  readonly project: string;
  readonly name: string;
  /** As Incus said last: `Running`, `Frozen`, `Error` … */
  readonly status: string;
}

export interface StopOptions {
  /** Seconds in which the machine may shut down by itself; 0: the plug is pulled at once. */
  readonly graceS: number;
  /** `false`: a machine that does not shut down in time is an error, and goes on. */
  readonly pullsPlug?: boolean;
  /** Awaited before a machine in error is stopped, which Incus cannot do by itself. */
  readonly wake: () => Promise<void>;
  readonly say?: (text: string) => void;
}

/** Stops a machine, whatever it is doing. @throws IncusError where it still runs */
export async function stopMachine(
  incus: Pick<IncusClient, "instances">,
  machine: RunningMachine,
  { graceS, pullsPlug = true, wake, say = () => {} }: StopOptions,
): Promise<void> {
  const { project, name, status } = machine;
  say("stopping");
  // A machine that is frozen or broken cannot hear the request.
  if (graceS > 0 && status === "Running") {
    try {
      const request = { action: "stop", timeout: graceS } as const;
      return await incus.instances.setState(project, name, request);
    } catch (error) {
      if (!pullsPlug || !(error instanceof IncusError)) throw error;
      say(`does not shut down (${error.message})`);
    }
  }
  say("pulling the plug");
  if (status === "Error") await wake();
  try {
    await incus.instances.setState(project, name, { action: "stop", force: true });
  } catch (error) {
    const ended = error instanceof IncusError &&
      (await incus.instances.get(project, name)).value.status === "Stopped";
    if (!ended) throw error;
    // It ended between the two requests: Incus says so a moment before it has let go of it.
    await sleep(AFTERMATH_MS);
  }
}
