import type { Addressing, Lock } from "../addressing/addressing.ts";
import { LOCK_FILE } from "../addressing/addressing.ts";
import { assignAddresses } from "../addressing/assign_addresses.ts";
import { formatLock } from "../addressing/format_lock.ts";
import { type LiveAddresses, rebuildLock } from "../addressing/rebuild_lock.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { readTextFileIfAny } from "../host/workspace_file.ts";
import { writeFileAtomic } from "../host/write_file.ts";
import type { Infra } from "../infra/infra.ts";
import type { IncusState } from "../plan/actual_state.ts";
import { MARK } from "../resource/mark.ts";
import type { Workspace } from "./workspace.ts";

/** Who lives where, and what the lock is to say about it. Both undefined where `diagnostics` holds an error. */
export interface Resolved {
  readonly addressing?: Addressing;
  readonly lock?: Lock;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Gives out addresses by the lock; where that is lost, by what lives on the host. Writes nothing: `check` computes in memory
 * what `sync` and `apply` record. `state` undefined: there is no Incus, so nothing can live.
 */
export function resolveAddressing(
  { infra, lock }: Workspace,
  state: IncusState | undefined,
): Resolved {
  if (lock !== undefined || state === undefined) return assign(infra, lock);
  const ids = idsOf(infra, state);
  const [infraId, ...others] = ids;
  if (infraId === undefined) return assign(infra, undefined);
  if (others.length > 0) return { diagnostics: [ambiguous(infra, ids)] };
  const live = liveAddresses(infraId, state);
  const { diagnostics, ...rest } = assign(infra, rebuildLock(infra, live));
  return { ...rest, diagnostics: [rebuilt(infra, live), ...diagnostics] };
}

/** Records the lock where it says something new; whether it did. */
export async function writeLock(lock: Lock): Promise<boolean> {
  const text = formatLock(lock);
  if (readTextFileIfAny(LOCK_FILE) === text) return false;
  await writeFileAtomic(LOCK_FILE, text);
  return true;
}

function assign(infra: Infra, lock: Lock | undefined): Resolved {
  return assignAddresses(infra, lock, { newUuid: crypto.randomUUID() });
}

/** UUIDs of the live infras that carry this `project_name`. */
function idsOf(infra: Infra, state: IncusState): string[] {
  const ids = state.resources
    .filter(({ config }) => config[MARK.project] === infra.projectName)
    .map(({ config }) => config[MARK.infra] ?? "")
    .filter((id) => id !== "");
  return [...new Set(ids)].sort();
}

function liveAddresses(infraId: string, state: IncusState): LiveAddresses {
  const owned = state.resources.filter(({ config }) => config[MARK.infra] === infraId);
  return {
    infraId,
    networks: owned.flatMap((resource) =>
      resource.kind !== "network" ? [] : [{
        name: resource.addr.name,
        domain: resource.config[MARK.domain] ?? "",
        ipv4Address: resource.config["ipv4.address"] ?? "",
      }]
    ),
    nics: owned.flatMap((resource) => {
      const nic = resource.kind === "instance" ? resource.devices["eth0"] : undefined;
      if (nic === undefined) return [];
      return [{
        machine: resource.addr.name,
        domain: resource.config[MARK.domain] ?? resource.addr.project ?? "",
        ip: nic["ipv4.address"],
        hwaddr: nic["hwaddr"],
        hostName: nic["host_name"],
      }];
    }),
  };
}

function rebuilt(infra: Infra, live: LiveAddresses): Diagnostic {
  return {
    severity: "warning",
    code: "LOCK_REBUILT",
    summary: `${LOCK_FILE} is missing; its content was read back from ` +
      `${live.networks.length} networks and ${live.nics.length} machines of this host`,
    detail:
      `they carry the project_name \`${infra.projectName}\`, so they are taken for this infra's`,
    remedy: "if they belong to another workspace, choose another `project_name` before you apply",
  };
}

function ambiguous(infra: Infra, ids: readonly string[]): Diagnostic {
  return {
    severity: "error",
    code: "LOCK_AMBIGUOUS",
    summary: `${LOCK_FILE} is missing, and ${ids.length} infras named \`${infra.projectName}\` ` +
      "live on this host",
    detail: `anklume cannot know which of them is this one: ${ids.join(", ")}`,
    remedy: `restore ${LOCK_FILE}, from version control for example`,
  };
}
