import type { IncusClient } from "../incus/incus_client.ts";
import { formatAddr } from "../resource/address.ts";
import { instanceAddr } from "../resource/instance.ts";
import type { IncusState } from "./actual_state.ts";
import type { Change, Plan } from "./plan.ts";

/** Whether a plan takes something away or leaves something behind, so that people want to know what exactly. */
export function wantsDetails(plan: Plan): boolean {
  return plan.orphans.some(({ addr }) => addr.kind === "instance") ||
    plan.changes.some((change) => change.addr.kind === "instance" && loses(change)) ||
    plan.held.some(({ addr }) => addr.kind === "instance");
}

function loses({ action, fields }: Change): boolean {
  return action === "delete" || action === "replace" ||
    fields.some(({ path }) => path.endsWith(".size"));
}

/**
 * The same state with snapshots and disk usage of every machine: one request, but a slow one, since Incus enters each machine
 * for it. A plan that takes nothing away does without.
 */
export async function readDetails<T extends IncusState>(
  incus: IncusClient,
  state: T,
  options: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  const machines = new Map(
    (await incus.instances.listFull({ allProjects: true }, options)).map((machine) =>
      [formatAddr(instanceAddr(machine.project, machine.name)), machine] as const
    ),
  );
  const resources = state.resources.map((resource) => {
    const machine = machines.get(formatAddr(resource.addr));
    if (resource.kind !== "instance" || machine === undefined) return resource;
    const usage = machine.state?.disk?.root?.usage ?? 0;
    const snapshots = (machine.snapshots ?? [])
      .toSorted((a, b) => a.created_at < b.created_at ? -1 : 1)
      .map(({ name }) => name);
    return { ...resource, snapshots, ...(usage > 0 ? { diskBytes: usage } : {}) };
  });
  return { ...state, resources };
}
