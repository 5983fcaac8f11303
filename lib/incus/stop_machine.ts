import { setTimeout as sleep } from "node:timers/promises";
import type { IncusClient } from "./incus_client.ts";
import { IncusError } from "./incus_error.ts";

/** Milliseconds that Incus may still be busy with a machine that ended by itself. */
const AFTERMATH_MS = 2000;

interface RunningMachine {
  readonly project: string;
  readonly name: string;
  /** The last status from Incus: `Running`, `Frozen`, `Error` … */
  readonly status: string;
}

export interface StopOptions {
  /** Seconds in which the machine may shut down by itself; `none` kills it at once. */
  readonly graceS: number | "none";
  /** False: if the machine does not shut down in time, throws an error and leaves it running. */
  readonly pullsPlug?: boolean;
  /** Awaited before a machine in `Error` is stopped: Incus alone cannot stop it. */
  readonly wake: () => Promise<void>;
  readonly say?: (text: string) => void;
}

/**
 * Stops a machine in any state.
 * @throws IncusError if it still runs
 */
export async function stopMachine(
  incus: Pick<IncusClient, "instances">,
  machine: RunningMachine,
  { graceS, pullsPlug = true, wake, say = () => {} }: StopOptions,
): Promise<void> {
  const { project, name, status } = machine;
  say("stopping");
  // A frozen or broken machine cannot react to the request.
  if (graceS !== "none" && status === "Running") {
    try {
      const request = { action: "stop", timeout: graceS } as const;
      return await incus.instances.setState(project, name, request);
    } catch (error) {
      if (!pullsPlug || !(error instanceof IncusError)) throw error;
      say(`does not shut down (${error.message})`);
    }
  }
  say("powering it off");
  if (status === "Error") await wake();
  try {
    await incus.instances.setState(project, name, { action: "stop", force: true });
  } catch (error) {
    const ended = error instanceof IncusError &&
      (await incus.instances.get(project, name)).value.status === "Stopped";
    if (!ended) throw error;
    // The machine ended between the two requests. Incus reports that a moment before it has
    // released the machine.
    await sleep(AFTERMATH_MS);
  }
}
