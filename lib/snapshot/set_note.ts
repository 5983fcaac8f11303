import { MARK_PREFIX } from "../resource/mark.ts";

/**
 * What anklume notes about a set, as JSON on the Incus project of each of its domains. A snapshot itself takes no note: Incus
 * drops its `user.*`, and one on the machine would be copied into every later snapshot and rolled back by a restore. On
 * the project it also outlives a machine that is deleted.
 */
export interface SetNote {
  /**
   * `taking`, on one of the set's projects: the set is not finished; when nobody is at it, it was interrupted. That note is the first
   * to come and the last to go.
   */
  readonly state: "taking" | "whole";
  readonly kind: SetKind;
  /** ISO 8601. */
  readonly at: string;
  /** ISO 8601; absent: never. */
  readonly expires?: string;
  readonly description?: string;
  /** Of this project: machine -> its volumes, as `pool/volume`. */
  readonly machines: Readonly<Record<string, readonly string[]>>;
  /** Every project of the set, so that one that is gone can be named. */
  readonly projects: readonly string[];
  /** Machines that may be frozen by the taking; thawed by the next run if it was killed. */
  readonly frozen?: readonly string[];
}

/** `safety`: taken by a restore; `apply`: by `apply --snapshot`; `baseline`: by `apply --baseline`. */
export const SET_KINDS = ["manual", "safety", "apply", "baseline"] as const;
export type SetKind = typeof SET_KINDS[number];

/**
 * What a restore notes on each project before it stops anything: the machines that are not done yet. So an interrupted one can
 * be repeated, and ends as if it had never been interrupted.
 */
export type RestoreNote = Readonly<Record<string, PendingRestore>>;

export interface PendingRestore {
  /** The set it goes back to. */
  readonly set: string;
  /** Whether it ran before. */
  readonly ran: boolean;
  /** The set that holds what there was before; absent: none was taken. */
  readonly safety?: string;
}

const SET_PREFIX = `${MARK_PREFIX}snapshot.`;
export const RESTORE_KEY = `${MARK_PREFIX}restoring`;

export function setKey(name: string): string {
  return `${SET_PREFIX}${name}`;
}

/** Notes about sets in a project's config, by the set's name. A damaged one is left out: its snapshots are listed as strangers. */
export function readSetNotes(config: Readonly<Record<string, string>>): Map<string, SetNote> {
  const notes = new Map<string, SetNote>();
  for (const [key, text] of Object.entries(config)) {
    const note = key.startsWith(SET_PREFIX) ? parseSetNote(text) : undefined;
    if (note !== undefined) notes.set(key.slice(SET_PREFIX.length), note);
  }
  return notes;
}

/** Empty where no restore is under way, or was interrupted. */
export function readRestoreNote(config: Readonly<Record<string, string>>): RestoreNote {
  const value = parseObject(config[RESTORE_KEY]) ?? {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([machine, entry]) => {
      if (!isObject(entry) || typeof entry.set !== "string") return [];
      const safety = typeof entry.safety === "string" ? { safety: entry.safety } : {};
      const pending: PendingRestore = { set: entry.set, ran: entry.ran === true, ...safety };
      return [[machine, pending]];
    }),
  );
}

function parseSetNote(text: string): SetNote | undefined {
  const value = parseObject(text);
  if (value === undefined || !isObject(value.machines) || typeof value.at !== "string") {
    return undefined;
  }
  const machines = Object.entries(value.machines).map(([name, volumes]) =>
    [name, strings(volumes)] as const
  );
  return {
    state: value.state === "whole" ? "whole" : "taking",
    kind: SET_KINDS.find((kind) => kind === value.kind) ?? "manual",
    at: value.at,
    ...(typeof value.expires === "string" ? { expires: value.expires } : {}),
    ...(typeof value.description === "string" ? { description: value.description } : {}),
    machines: Object.fromEntries(machines),
    projects: strings(value.projects),
    ...(value.frozen === undefined ? {} : { frozen: strings(value.frozen) }),
  };
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
