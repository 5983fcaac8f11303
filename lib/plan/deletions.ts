import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import type { ActualResource } from "../resource/resource.ts";
import { usedByDevices } from "../resource/uses.ts";
import type { ActualState } from "./actual_state.ts";
import { deletedFields } from "./machine_change.ts";
import { domainOf } from "./orphans.ts";
import type { Change, Held } from "./plan.ts";
import { isProtected } from "./protection.ts";

/**
 * The result of deleting some resources: changes in the order of their dependencies, and resources
 * that must stay.
 */
interface Deletions {
  readonly changes: readonly Change[];
  readonly held: readonly Held[];
}

/**
 * Users come first: when a resource is considered, all its users are known to be deleted or kept.
 */
const DELETION_ORDER = ["instance", "volume", "profile", "network", "project"] as const;

/**
 * Plans the deletion of owned resources. A protected resource stays without `force`. Everything
 * that it, or a machine of somebody else, still uses stays too.
 */
export function planDeletions(
  resources: readonly ActualResource[],
  actual: ActualState,
  options: {
    readonly force: boolean;
    readonly reason: string;
    /** From `formatAddr` of a resource that moves away to the change that moves it. */
    readonly leaving?: ReadonlyMap<string, string>;
    /**
     * From `formatAddr` of an updated resource to the networks that it will use afterwards. NICs
     * always belong to anklume, whoever added them.
     */
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

/**
 * Returns a map from `formatAddr` of a resource to that of its users, in one pass over all
 * resources.
 */
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

/**
 * Returns an image, bucket or similar that somebody put into the project. anklume must not delete
 * it.
 */
function strangerIn(resource: ActualResource): string | undefined {
  if (resource.kind !== "project") return undefined;
  return resource.usedBy?.find((path) => /^\/1\.0\/(images|network-)|\/buckets\//.test(path));
}

function protectedBy(name: string): Diagnostic {
  return {
    severity: "error",
    code: "PROTECTED",
    summary: `${name} is protected (ephemeral: false) and stays`,
    remedy: "--force deletes it and all its data",
  };
}

function used(name: string, user: string): Diagnostic {
  return {
    severity: "error",
    code: "STILL_USED",
    summary: `${name} stays: it is used by ${user}`,
    remedy: `remove ${user} first`,
  };
}
