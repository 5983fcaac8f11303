import type { IncusClient } from "../incus/incus_client.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { instanceAddr } from "../resource/instance.ts";

/** A machine that was started and does not run any more. */
export interface DeadMachine {
  readonly addr: ResourceAddr;
  readonly status: string;
}

/**
 * Looks once at machines that were started: Incus calls a start a success when the first process runs, and that may die in its
 * first seconds.
 */
export async function findDead(
  incus: IncusClient,
  started: readonly ResourceAddr[],
): Promise<DeadMachine[]> {
  if (started.length === 0) return [];
  const statuses = new Map(
    (await incus.instances.list({ allProjects: true })).map((instance) =>
      [formatAddr(instanceAddr(instance.project, instance.name)), instance.status] as const
    ),
  );
  return started.flatMap((addr) => {
    const status = statuses.get(formatAddr(addr)) ?? "gone";
    return status === "Running" ? [] : [{ addr, status: status.toLowerCase() }];
  });
}
