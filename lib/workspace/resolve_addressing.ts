import { optional } from "../diag/optional.ts";
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
import { infrasNamed, type LivingInfra, livingText } from "../plan/ownership.ts";
import { MARK } from "../resource/mark.ts";
import type { Workspace } from "./load_workspace.ts";

/** The addresses, and the lock to record. Both are undefined if `diagnostics` holds an error. */
export interface Resolved {
  readonly addressing?: Addressing;
  readonly lock?: Lock;
  readonly diagnostics: readonly Diagnostic[];
  /**
   * The only infra of this name on the host while the lock is missing: the user may confirm that it
   * is this one.
   */
  readonly namesake?: LivingInfra;
}

/** The UUID that the user gave for this infra (`--take-over`). */
export interface TakeOver {
  readonly takeOver?: string | undefined;
}

/**
 * Assigns addresses from the lock. If the lock is lost, it assigns them from the live resources,
 * but only once the user has named this infra by its UUID: two infras may have the same name, and a
 * clone without its lock cannot be told from a stranger. Writes nothing: `check` computes in memory
 * what `sync` and `apply` record. `state` undefined: there is no Incus, so no resources.
 */
export function resolveAddressing(
  { infra, lock }: Workspace,
  state: IncusState | undefined,
  { takeOver }: TakeOver = {},
): Resolved {
  if (lock !== undefined) {
    const other = takeOver !== undefined && takeOver !== lock.infra;
    return other ? { diagnostics: [lockedAlready(lock, takeOver)] } : assign(infra, lock);
  }
  const living = state === undefined ? [] : infrasNamed(infra.projectName, state.resources);
  if (state === undefined || (living.length === 0 && takeOver === undefined)) {
    return assign(infra, undefined);
  }
  const chosen = living.find(({ infraId }) => infraId === takeOver);
  if (chosen === undefined) {
    const [namesake] = living.length === 1 && takeOver === undefined ? living : [];
    const diagnostics = [lockMissing(infra, living, takeOver)];
    return namesake === undefined ? { diagnostics } : { diagnostics, namesake };
  }
  const live = liveAddresses(chosen.infraId, state);
  const { diagnostics, ...rest } = assign(infra, rebuildLock(infra, live));
  return { ...rest, diagnostics: [rebuilt(infra, live), ...diagnostics] };
}

/** Writes the lock if its content changed; returns true if it did. */
export async function writeLock(lock: Lock): Promise<boolean> {
  const text = formatLock(lock);
  if (readTextFileIfAny(LOCK_FILE) === text) return false;
  await writeFileAtomic(LOCK_FILE, text);
  return true;
}

function assign(infra: Infra, lock: Lock | undefined): Resolved {
  return assignAddresses(infra, lock, { newUuid: crypto.randomUUID() });
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
      `you confirmed that \`${infra.projectName}\` with the UUID ${live.infraId} is this infra`,
    remedy: "check the plan before you continue, and commit the lock afterwards",
  };
}

/**
 * The error for a missing lock: the infra of this name on the host may be another one, so nothing
 * is changed.
 */
function lockMissing(
  infra: Infra,
  living: readonly LivingInfra[],
  takeOver: string | undefined,
): Diagnostic {
  const here = living.map(livingText).join("; ");
  if (takeOver !== undefined) {
    return {
      severity: "error",
      code: "TAKE_OVER_UNKNOWN",
      summary:
        `no infra named \`${infra.projectName}\` with the UUID ${takeOver} exists on this host`,
      ...optional({ detail: living.length === 0 ? undefined : `there is ${here}` }),
      remedy: living.length === 0
        ? "without `--take-over` this infra is a new one"
        : "give the UUID of the infra that is this one",
    };
  }
  return {
    severity: "error",
    code: "NAME_TAKEN",
    summary: `an infra named \`${infra.projectName}\` exists on this host, and without ` +
      `${LOCK_FILE} nothing says that it is this one`,
    detail: here,
    remedy: "if it is another one, choose another `project_name`. If it is this one, restore " +
      `${LOCK_FILE}, or say so: \`anklume check --take-over ${
        living.length === 1 ? living[0]!.infraId : "UUID"
      }\`, then \`apply\` with the same`,
  };
}

function lockedAlready(lock: Lock, takeOver: string): Diagnostic {
  return {
    severity: "error",
    code: "TAKE_OVER_UNKNOWN",
    summary: `${LOCK_FILE} says that this infra is ${lock.infra}, not ${takeOver}`,
    remedy: `leave out \`--take-over\`; or restore the right ${LOCK_FILE}`,
  };
}
