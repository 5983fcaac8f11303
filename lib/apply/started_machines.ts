import { setTimeout as sleep } from "node:timers/promises";
import type { IncusClient } from "../incus/incus_client.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { instanceAddr } from "../resource/instance.ts";
import { optional } from "../diag/optional.ts";

/** Milliseconds after its start at which a machine that still runs counts as running. */
export const SETTLE_MS = 2500;

/** A machine that was started and does not run any more. */
interface DeadMachine {
  readonly addr: ResourceAddr;
  /** The reason: `Incus started it, and it is stopped now; incus info …`. */
  readonly why: string;
}

/**
 * Checks once whether started machines still run. Incus reports a successful start when the first
 * process runs, and that process may die in its first seconds.
 *
 * @param settleMs milliseconds to wait first, or until the signal is aborted
 */
export async function findDead(
  incus: IncusClient,
  started: readonly ResourceAddr[],
  settleMs: number,
  signal?: AbortSignal,
): Promise<DeadMachine[]> {
  if (started.length === 0) return [];
  const interrupt = optional({ signal });
  if (settleMs > 0) await sleep(settleMs, undefined, interrupt).catch(() => {});
  const statuses = new Map(
    (await incus.instances.list({ allProjects: true })).map((instance) =>
      [formatAddr(instanceAddr(instance.project, instance.name)), instance.status] as const
    ),
  );
  return started.flatMap((addr) => {
    const status = statuses.get(formatAddr(addr)) ?? "gone";
    const why = `Incus started it, and it is ${status.toLowerCase()} now; ` +
      `incus info --show-log --project ${addr.project} ${addr.name}`;
    return status === "Running" ? [] : [{ addr, why }];
  });
}
