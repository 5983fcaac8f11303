import { MARK_PREFIX } from "../resource/mark.ts";
import { optional } from "../diag/optional.ts";

/**
 * A set's note, as JSON on one Incus project, the set's home. A snapshot itself cannot hold it:
 * Incus drops its `user.*` keys. On the machine it would be copied into every later snapshot and
 * rolled back by a restore. On a project it also outlives the machines. Before anklume deletes a
 * home, it moves the notes to another one (move_set_notes.ts).
 */
export interface SetNote {
  /**
   * `taking`: the set is not finished; if no run works on it, it was interrupted. This note is
   * written first and removed last. `deleting`: `prune` chose the set, and the next `prune` carries
   * on.
   */
  readonly state: "taking" | "whole" | "deleting";
  readonly kind: SetKind;
  /** ISO 8601. */
  readonly at: string;
  /** ISO 8601; absent: never. */
  readonly expires?: string;
  readonly description?: string;
  readonly machines: readonly NotedMachine[];
  /** Machines that may be frozen by the taking, as `project/machine`; thawed by the next run if it was killed. */
  readonly frozen?: readonly string[];
}

/** A machine as it was when the set was taken. */
export interface NotedMachine {
  readonly project: string;
  readonly machine: string;
  /**
   * `volatile.uuid`, which stays the same under another name and in another project; a machine that
   * never ran has none.
   */
  readonly uuid?: string;
  /** When it joined an existing set, in ISO 8601: its volumes may be younger than the set. */
  readonly at?: string;
  /** Device -> `pool/volume`. */
  readonly volumes: Readonly<Record<string, string>>;
}

/**
 * `safety`: taken by `restore`; `apply`: by `apply --snapshot`; `baseline`: by `apply --baseline`.
 */
const SET_KINDS = ["manual", "safety", "apply", "baseline"] as const;
export type SetKind = typeof SET_KINDS[number];

/**
 * A restore's note on each project, written before anything is stopped: the machines that are not
 * restored yet. An interrupted restore can so be repeated, and ends as if it had not been
 * interrupted.
 */
export type RestoreNote = Readonly<Record<string, PendingRestore>>;

export interface PendingRestore {
  /** The set to restore. */
  readonly set: string;
  /** Whether the machine ran before the restore. */
  readonly ran: boolean;
  /** `volatile.uuid`: the machine may be renamed or moved before the restore is repeated. */
  readonly uuid?: string;
  /** The set with the state from before the restore; absent: none was taken. */
  readonly safety?: string;
  /**
   * Device -> `pool/volume`. Until the machine is converged it has the old devices, whose volumes
   * may have other names now.
   */
  readonly volumes?: Readonly<Record<string, string>>;
}

const SET_PREFIX = `${MARK_PREFIX}snapshot.`;
export const RESTORE_KEY = `${MARK_PREFIX}restoring`;

export function setKey(name: string): string {
  return `${SET_PREFIX}${name}`;
}

/**
 * Reads the notes of sets from a project's config, by the set's name. A damaged note is left out:
 * its snapshots are listed as not anklume's.
 */
export function readSetNotes(config: Readonly<Record<string, string>>): Map<string, SetNote> {
  const notes = new Map<string, SetNote>();
  for (const [key, text] of Object.entries(config)) {
    const note = key.startsWith(SET_PREFIX) ? parseSetNote(text) : undefined;
    if (note !== undefined) notes.set(key.slice(SET_PREFIX.length), note);
  }
  return notes;
}

/** Reads the restore note; empty if no restore is under way or was interrupted. */
export function readRestoreNote(config: Readonly<Record<string, string>>): RestoreNote {
  const value = parseObject(config[RESTORE_KEY]) ?? {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([machine, entry]) => {
      if (!isObject(entry) || typeof entry.set !== "string") return [];
      const pending: PendingRestore = {
        set: entry.set,
        ran: entry.ran === true,
        ...optional({
          uuid: textOf(entry.uuid),
          safety: textOf(entry.safety),
          volumes: isObject(entry.volumes) ? placesOf(entry.volumes) : undefined,
        }),
      };
      return [[machine, pending]];
    }),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function placesOf(volumes: Record<string, unknown>): Record<string, string> {
  const places = Object.entries(volumes)
    .filter((entry): entry is [string, string] => isPlace(entry[1]));
  return Object.fromEntries(places);
}

function parseSetNote(text: string): SetNote | undefined {
  const value = parseObject(text);
  if (value === undefined || !isTime(value.at)) return undefined;
  if (value.expires !== undefined && !isTime(value.expires)) return undefined;
  const machines = Array.isArray(value.machines) ? value.machines.map(parseMachine) : [];
  const known = machines.filter((machine) => machine !== undefined);
  // A part of a set would pass for the whole set.
  if (known.length === 0 || known.length < machines.length) return undefined;
  return {
    state: value.state === "whole" || value.state === "deleting" ? value.state : "taking",
    kind: SET_KINDS.find((kind) => kind === value.kind) ?? "manual",
    at: value.at,
    ...optional({ expires: value.expires, description: textOf(value.description) }),
    machines: known,
    ...optional({ frozen: value.frozen === undefined ? undefined : strings(value.frozen) }),
  };
}

function parseMachine(value: unknown): NotedMachine | undefined {
  if (!isObject(value)) return undefined;
  const { project, machine, uuid, at, volumes } = value;
  if (typeof project !== "string" || typeof machine !== "string" || !isObject(volumes)) {
    return undefined;
  }
  if (!Object.values(volumes).every(isPlace)) return undefined;
  return {
    project,
    machine,
    ...optional({ uuid: textOf(uuid), at: isTime(at) ? at : undefined }),
    volumes: placesOf(volumes),
  };
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}

function isPlace(value: unknown): value is string {
  return typeof value === "string" && /^[^/]+\/[^/]+$/.test(value);
}

/** Splits a place such as `default/pro-db-data`. */
export function splitPlace(text: string): { pool: string; volume: string } {
  const slash = text.indexOf("/");
  return { pool: text.slice(0, slash), volume: text.slice(slash + 1) };
}

/** Returns device -> `pool/volume`. */
export function notedVolumes(
  volumes: readonly { readonly device: string; readonly pool: string; readonly volume: string }[],
): Record<string, string> {
  return Object.fromEntries(
    volumes.map(({ device, pool, volume }) => [device, `${pool}/${volume}`]),
  );
}

function parseObject(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
