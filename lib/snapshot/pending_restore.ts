import { optional } from "../diag/optional.ts";
import { type Owner, ownership } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import { followRestores } from "./follow_restores.ts";
import type { Inventory } from "./inventory.ts";
import { readRestoreNote } from "./set_note.ts";
import { isWhole, type SetMember } from "./snapshot_set.ts";

/** A restore that was not finished. */
export interface UnfinishedRestore {
  readonly set: string;
  /** The machines that are not restored yet. */
  readonly machines: readonly string[];
  /**
   * Options of the command that finishes this restore and restores nothing else: `--domain pro`.
   * Empty: the whole set.
   */
  readonly scope: readonly string[];
  /** The snapshots that are still needed are gone: they expired, or were deleted with `incus`. */
  readonly gone: boolean;
  /** The set with the state from before the restore, if it still exists. */
  readonly safety?: string;
}

/** Returns the unfinished restores, by set. The inventory is one with `snapshots: "all"`. Pure. */
export function unfinishedRestores(
  { restores, sets, machines }: Pick<Inventory, "restores" | "sets" | "machines">,
): UnfinishedRestore[] {
  const all = [...restores].flatMap(([project, note]) =>
    Object.entries(note).map(([machine, { set, safety }]) => ({ project, machine, set, safety }))
  );
  const domains = new Map(
    machines.map(({ project, name, domain }) => [`${project}/${name}`, domain]),
  );
  return [...Map.groupBy(all, ({ set }) => set)].map(([set, pending]): UnfinishedRestore => {
    const found = sets.filter(({ name }) => name === set);
    const standing = found.flatMap(({ members }) => members.filter(({ gone }) => !gone));
    const waits = new Set(pending.map(({ project, machine }) => `${project}/${machine}`));
    const [safety] = pending.flatMap((each) => each.safety ?? []);
    return {
      set,
      machines: pending.map(({ machine }) => machine),
      scope: scopeOf(standing, waits, domains),
      gone: !standing.some((member) =>
        isWhole(member) && waits.has(`${member.project}/${member.machine}`)
      ),
      ...optional({ safety: sets.find(({ name }) => name === safety)?.name }),
    };
  });
}

/** Returns the shortest options that select the waiting machines and no other member. */
function scopeOf(
  standing: readonly SetMember[],
  waits: ReadonlySet<string>,
  domains: ReadonlyMap<string, string>,
): string[] {
  const key = ({ project, machine }: SetMember) => `${project}/${machine}`;
  if (standing.every((member) => waits.has(key(member)))) return [];
  return [...Map.groupBy(standing, (member) => domains.get(key(member)))]
    .flatMap(([domain, members]) => {
      if (domain !== undefined && members.every((member) => waits.has(key(member)))) {
        return [`--domain ${domain}`];
      }
      return members.filter((member) => waits.has(key(member)))
        .map(({ machine }) => `--machine ${machine}`);
    });
}

/**
 * Returns the machines that are not restored yet, by set, from the resources that a plan reads
 * anyway. Pure.
 */
export function pendingMachines(
  resources: readonly ActualResource[],
  owner: Owner,
): Map<string, readonly string[]> {
  const ours = resources.filter(({ config }) => ownership(config, owner).kind === "ours");
  const machines = ours.flatMap(({ kind, addr: { project = "", name }, config }) =>
    kind === "instance" ? [{ project, name, instance: { config } }] : []
  );
  const written = new Map(
    ours.flatMap(({ kind, addr, config }) =>
      kind === "project" ? [[addr.name, readRestoreNote(config)] as const] : []
    ),
  );
  const pending = new Map<string, string[]>();
  for (const note of followRestores(written, machines).values()) {
    for (const [machine, { set }] of Object.entries(note)) {
      pending.set(set, [...pending.get(set) ?? [], machine]);
    }
  }
  return pending;
}
