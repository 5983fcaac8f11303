import pLimit from "p-limit";
import type { IncusClient } from "../incus/incus_client.ts";
import type { InstanceFull } from "../incus/wire/instance.ts";
import { formatAddr } from "../resource/address.ts";
import { type ActualInstance, instanceAddr } from "../resource/instance.ts";
import type { IncusState } from "./actual_state.ts";
import type { Change, Plan } from "./plan.ts";

/** Enough parallel requests to keep the daemon busy. */
const AT_ONCE = 8;

/** True if a plan deletes something or leaves something behind, so that the user needs details. */
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
 * Returns the same state with the snapshots and disk usage of every machine. This is one request,
 * but a slow one, because Incus enters each machine for it. A plan that deletes nothing does not
 * need it. For a machine in the state `Error`, only the snapshots are returned.
 */
export async function readDetails<T extends IncusState>(
  incus: IncusClient,
  state: T,
  options: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  const machines = state.resources.filter((resource) => resource.kind === "instance");
  const details = new Map<string, Details>();
  const note = (machine: InstanceFull) =>
    details.set(formatAddr(instanceAddr(machine.project, machine.name)), detailsOf(machine));
  if (machines.every(({ status }) => status !== "Error")) {
    (await incus.instances.listFull({ allProjects: true }, options)).forEach(note);
  } else {
    // Incus never answers a request for the state of a machine in `Error`, nor a request that
    // includes one.
    const limit = pLimit(AT_ONCE);
    await Promise.all(machines.map(({ addr, status }) =>
      limit(async () => {
        const { project = "default", name } = addr;
        if (status !== "Error") return note(await incus.instances.getFull(project, name, options));
        const snapshots = await incus.instances.snapshotNames(project, name, options);
        details.set(formatAddr(addr), { snapshots });
      })
    ));
  }
  const resources = state.resources.map((resource) => ({
    ...resource,
    ...details.get(formatAddr(resource.addr)),
  }));
  return { ...state, resources };
}

type Details = Pick<ActualInstance, "snapshots" | "diskBytes">;

function detailsOf({ state, snapshots }: InstanceFull): Details {
  const usage = state?.disk?.root?.usage ?? 0;
  return {
    snapshots: (snapshots ?? [])
      .toSorted((a, b) => a.created_at < b.created_at ? -1 : 1)
      .map(({ name }) => name),
    ...(usage > 0 ? { diskBytes: usage } : {}),
  };
}
