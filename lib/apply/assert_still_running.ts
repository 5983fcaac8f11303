import { setTimeout as sleep } from "node:timers/promises";
import type { ResourceAddr } from "../resource/address.ts";
import { projectOf } from "./instance_io.ts";
import type { StepContext } from "./step_context.ts";

/** Milliseconds that a successor must keep running before its predecessor is deleted. */
const PROOF_MS = 1000;

/** @throws Error if a machine that was just started does not run a moment later */
export async function assertStillRunning(
  { incus }: StepContext,
  addr: ResourceAddr,
): Promise<void> {
  await sleep(PROOF_MS);
  const { value } = await incus.instances.get(projectOf(addr), addr.name);
  if (value.status === "Running") return;
  throw new Error(`the new machine was started and is ${value.status.toLowerCase()} now`);
}
