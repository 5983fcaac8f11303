import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { Tagged } from "../incus/transport.ts";
import type { Project } from "../incus/wire/project.ts";
import { readSetNotes, RESTORE_KEY, type RestoreNote, setKey, type SetNote } from "./set_note.ts";

const ATTEMPTS = 5;
const CHANGED_MEANWHILE = 412;
/** For as long after its end a set's note stays: Incus removes what expired when it gets to it. */
const GRACE_MS = 24 * 3600_000;

/** Since it was looked at somebody else took a set of this name: another clone of the workspace, which has a lock of its own. */
export class NameTakenError extends Error {
  override readonly name = "NameTakenError";
}

/** A set's note where it has its home. */
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

  /** Asks for what will be written over, while something else goes on. */
  prepare(): void {
    this.#asked = this.#incus.projects.get(this.#home);
    // Who writes is told.
    this.#asked.catch(() => {});
  }

  /**
   * The first note of a new set.
   * @throws NameTakenError where there is one: nothing is written then
   */
  async claim(note: SetNote): Promise<void> {
    await writeKey(this.#incus, this.#home, setKey(this.#set), note, {
      check: (config) => {
        if (!readSetNotes(config).has(this.#set)) return;
        throw new NameTakenError("there is a set of this name by now");
      },
    });
  }

  /**
   * Whether the claim held, by what `prepare` asked for: Incus compares an ETag and writes in two steps, so of two who claim at once
   * both are told that they did, and the later one has it.
   * @throws NameTakenError where it is somebody else's
   */
  async confirm(note: SetNote): Promise<void> {
    const { value: { config } } = await (this.#asked ?? this.#incus.projects.get(this.#home));
    assertOurs(config[setKey(this.#set)], note);
  }

  /**
   * Takes the first note of a set away that came to nothing.
   * @throws NameTakenError where somebody else has written theirs over it: that one stays
   */
  async withdraw(note: SetNote): Promise<void> {
    const key = setKey(this.#set);
    await writeKey(this.#incus, this.#home, key, undefined, {
      check: (config) => {
        // Where it is gone there is nothing to take away.
        if (config[key] !== undefined) assertOurs(config[key], note);
      },
    });
  }

  /** undefined takes the note away. */
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

/** Writes what is noted of a restore under way; nothing pending: it came to its end. */
export function writeRestoreNote(
  incus: IncusClient,
  project: string,
  note: RestoreNote,
): Promise<void> {
  const done = Object.keys(note).length === 0;
  return writeKey(incus, project, RESTORE_KEY, done ? undefined : note);
}

/** A project's config without the notes of sets that expired long ago: who restores every day would have hundreds. Pure. */
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
  /** What was read before, and may be older than it is now. */
  readonly asked?: Promise<Tagged<Project>>;
  /** Throws where what stands there is not to be written over. */
  readonly check?: (config: Readonly<Record<string, string>>) => void;
}

/** A project takes no PATCH: it is read, changed and written back, again where somebody else was quicker. */
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
