import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { Tagged } from "../incus/transport.ts";
import type { Project } from "../incus/wire/project.ts";
import { readSetNotes, RESTORE_KEY, type RestoreNote, setKey, type SetNote } from "./set_note.ts";

const ATTEMPTS = 5;
const CHANGED_MEANWHILE = 412;
/** A set's note is kept this long after the expiry: Incus may remove expired snapshots late. */
const GRACE_MS = 24 * 3600_000;

/**
 * Somebody took a set of this name since the names were read: for example from another clone of the
 * workspace, which has a lock of its own.
 */
export class NameTakenError extends Error {
  override readonly name = "NameTakenError";
}

/** Writes a set's note on the project that is the set's home. */
export class SetNoteWriter {
  readonly #incus: IncusClient;
  readonly #home: string;
  readonly #set: string;
  #asked: Promise<Tagged<Project>> | undefined;

  constructor(incus: IncusClient, home: string, set: string) {
    this.#incus = incus;
    this.#home = home;
    this.#set = set;
  }

  /** Starts to read the project that will be written, while other work goes on. */
  prepare(): void {
    this.#asked = this.#incus.projects.get(this.#home);
    // A later caller that awaits the promise gets the error.
    this.#asked.catch(() => {});
  }

  /**
   * Writes the first note of a new set.
   * @throws NameTakenError if a note of this name exists; then nothing is written
   */
  async claim(note: SetNote): Promise<void> {
    await writeKey(this.#incus, this.#home, setKey(this.#set), note, {
      check: (config) => {
        if (!readSetNotes(config).has(this.#set)) return;
        throw new NameTakenError("a set of this name exists by now");
      },
    });
  }

  /**
   * Confirms the claim with what `prepare` read. Incus compares the ETag and writes in two steps.
   * If two runs claim the name at once, both succeed, and the later one owns the name.
   * @throws NameTakenError if the note is another run's
   */
  async confirm(note: SetNote): Promise<void> {
    const { value: { config } } = await (this.#asked ?? this.#incus.projects.get(this.#home));
    assertOurs(config[setKey(this.#set)], note);
  }

  /**
   * Removes the first note of a set that was not taken.
   * @throws NameTakenError if another run has overwritten the note: that note stays
   */
  async withdraw(note: SetNote): Promise<void> {
    const key = setKey(this.#set);
    await writeKey(this.#incus, this.#home, key, undefined, {
      check: (config) => {
        // If the note is gone, there is nothing to remove.
        if (config[key] !== undefined) assertOurs(config[key], note);
      },
    });
  }

  /** Writes the note; undefined removes it. */
  async write(note: SetNote | undefined): Promise<void> {
    const asked = this.#asked;
    this.#asked = undefined;
    await writeKey(
      this.#incus,
      this.#home,
      setKey(this.#set),
      note,
      asked === undefined ? {} : { asked },
    );
  }
}

function assertOurs(found: string | undefined, note: SetNote): void {
  if (found === JSON.stringify(note)) return;
  throw new NameTakenError("somebody else took a set of this name at the same time");
}

/**
 * Writes the note of a restore under way. An empty note means that the restore is done: the key is
 * removed.
 */
export function writeRestoreNote(
  incus: IncusClient,
  project: string,
  note: RestoreNote,
): Promise<void> {
  const done = Object.keys(note).length === 0;
  return writeKey(incus, project, RESTORE_KEY, done ? undefined : note);
}

/**
 * Returns a project's config without the notes of sets that expired long ago. A daily restore would
 * otherwise leave hundreds of them. Pure.
 */
export function withoutExpired(
  config: Readonly<Record<string, string>>,
  now: Date,
): Record<string, string> {
  const expired = [...readSetNotes(config)].filter(([_, { expires }]) =>
    expires !== undefined && Date.parse(expires) + GRACE_MS < now.getTime()
  );
  const gone = new Set(expired.map(([name]) => setKey(name)));
  return Object.fromEntries(Object.entries(config).filter(([key]) => !gone.has(key)));
}

interface WriteKeyOptions {
  /** An earlier read of the project; it may be out of date. */
  readonly asked?: Promise<Tagged<Project>>;
  /** Throws if the present value must not be overwritten. */
  readonly check?: (config: Readonly<Record<string, string>>) => void;
}

/**
 * Reads the project, changes it and writes it back, since projects have no PATCH. Repeats this if
 * somebody else wrote in between.
 */
async function writeKey(
  { projects }: IncusClient,
  project: string,
  key: string,
  value: unknown,
  { asked, check }: WriteKeyOptions = {},
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const reading = attempt === 1 && asked !== undefined ? asked : projects.get(project);
    const { value: { description, config: found }, etag } = await reading;
    const config = withoutExpired(found, new Date());
    check?.(config);
    const { [key]: _, ...rest } = config;
    const written = value === undefined ? rest : { ...rest, [key]: JSON.stringify(value) };
    try {
      return await projects.update(project, { description, config: written }, { etag });
    } catch (error) {
      const again = error instanceof IncusError && error.status === CHANGED_MEANWHILE;
      if (!again || attempt === ATTEMPTS) throw error;
    }
  }
}
