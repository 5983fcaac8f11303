import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import type { ActualResource } from "../resource/resource.ts";
import { usedByDevices } from "../resource/uses.ts";
import type { ActualState } from "./actual_state.ts";
import { deletedFields } from "./machine_change.ts";
import { domainOf } from "./orphans.ts";
import type { Change, Held } from "./plan.ts";
import { isProtected } from "./protection.ts";

/** What deleting some resources comes to: changes in dependency order, and what has to stay. */
export interface Deletions {
  readonly changes: readonly Change[];
  readonly held: readonly Held[];
}

/** Users first: what uses something is deleted, or keeps it, before its turn comes. */
const DELETION_ORDER = ["instance", "volume", "profile", "network", "project"] as const;

/**
 * Plans the deletion of owned resources. A protected one stays without `force`, and so does everything that it, or
 * somebody else's machine, still uses.
 */
export function planDeletions(
  resources: readonly ActualResource[],
  actual: ActualState,
  options: {
    readonly force: boolean;
    readonly reason: string;
    /** `formatAddr` of what moves away -> of the change that moves it. */
    readonly leaving?: ReadonlyMap<string, string>;
    /** `formatAddr` of what is updated -> of the networks that it will then use: NICs are ours, whoever added them. */
    readonly networks?: ReadonlyMap<string, ReadonlySet<string>>;
  },
): Deletions {
  const users = usersOf(actual);
  const leaving = options.leaving ?? new Map<string, string>();
  const deleted = new Set<string>(leaving.keys());
  const changes: Change[] = [];
  const held: Held[] = [];
  for (const kind of DELETION_ORDER) {
    for (const resource of resources.filter((candidate) => candidate.kind === kind)) {
      const name = formatAddr(resource.addr);
      const using = users.get(name) ?? [];
      const stays = using.find((user) =>
        !deleted.has(user) &&
        !(kind === "network" && options.networks?.get(user)?.has(name) === false)
      ) ?? strangerIn(resource);
      if (isProtected(resource) && !options.force) {
        held.push({ addr: resource.addr, ...domainOf(resource), diagnostic: protectedBy(name) });
      } else if (stays !== undefined) {
        held.push({ addr: resource.addr, ...domainOf(resource), diagnostic: used(name, stays) });
      } else {
        deleted.add(name);
        const after = using.map((user) => leaving.get(user) ?? user);
        changes.push(deletion(resource, after, options.reason));
      }
    }
  }
  return { changes, held };
}

function deletion(resource: ActualResource, users: readonly string[], reason: string): Change {
  const holdsData = resource.kind === "instance" || resource.kind === "volume";
  return {
    addr: resource.addr,
    action: "delete",
    ...domainOf(resource),
    fields: resource.kind === "instance" ? deletedFields(resource) : [],
    effect: holdsData ? "data-lost" : "in-place",
    reason,
    dependsOn: [...users],
    needsForce: isProtected(resource),
  };
}

/** `formatAddr` of a resource -> those of what uses it. One pass over everything. */
function usersOf(actual: ActualState): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>();
  const note = (used: string, user: string) => {
    const known = users.get(used);
    if (known === undefined) users.set(used, [user]);
    else if (!known.includes(user)) known.push(user);
  };
  for (const resource of actual.resources) {
    const user = formatAddr(resource.addr);
    const { project } = resource.addr;
    const implicit = resource.kind === "profile" && resource.addr.name === "default";
    if (project !== undefined && !implicit) note(`project ${project}`, user);
    if (resource.kind === "instance") {
      for (const profile of resource.profiles) note(`profile ${project}/${profile}`, user);
      for (const used of usedByDevices(resource.expandedDevices, project ?? "")) note(used, user);
    } else if (resource.kind === "profile" && !implicit) {
      for (const used of usedByDevices(resource.devices, project ?? "")) note(used, user);
    }
  }
  return users;
}

/** Images, buckets and the like that somebody put into our project: they are not ours to delete. */
function strangerIn(resource: ActualResource): string | undefined {
  if (resource.kind !== "project") return undefined;
  return resource.usedBy?.find((path) => /^\/1\.0\/(images|network-)|\/buckets\//.test(path));
}

function protectedBy(name: string): Diagnostic {
  return {
    severity: "error",
    code: "PROTECTED",
    summary: `${name} is protected (ephemeral: false) and stays`,
    remedy: "--force deletes it, with all its data",
  };
}

function used(name: string, user: string): Diagnostic {
  return {
    severity: "error",
    code: "STILL_USED",
    summary: `${name} stays, it is used by ${user}`,
    remedy: `remove ${user} first`,
  };
}
