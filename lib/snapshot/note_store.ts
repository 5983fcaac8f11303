import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { Tagged } from "../incus/transport.ts";
import type { Project } from "../incus/wire/project.ts";
import { readSetNotes, RESTORE_KEY, type RestoreNote, setKey, type SetNote } from "./set_note.ts";

const ATTEMPTS = 5;
const CHANGED_MEANWHILE = 412;
/** For as long after its end a set's note stays: Incus removes what expired when it gets to it. */
const GRACE_MS = 24 * 3600_000;

/** A set's note where it has its home. */
export class SetNoteWriter {
  readonly #incus: IncusClient;
  readonly #home: string;
  readonly #key: string;
  #asked: Promise<Tagged<Project>> | undefined;

  constructor(incus: IncusClient, home: string, set: string) {
    this.#incus = incus;
    this.#home = home;
    this.#key = setKey(set);
  }

  /** Asks for what will be written over, while something else goes on. */
  prepare(): void {
    this.#asked = this.#incus.projects.get(this.#home);
    // Who writes is told.
    this.#asked.catch(() => {});
  }

  /** undefined takes the note away. */
  async write(note: SetNote | undefined): Promise<void> {
    const asked = this.#asked;
    this.#asked = undefined;
    await writeKey(this.#incus, this.#home, this.#key, note, asked);
  }
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

/** A project takes no PATCH: it is read, changed and written back, again where somebody else was quicker. */
async function writeKey(
  { projects }: IncusClient,
  project: string,
  key: string,
  value: unknown,
  asked?: Promise<Tagged<Project>>,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const reading = attempt === 1 && asked !== undefined ? asked : projects.get(project);
    const { value: { description, config }, etag } = await reading;
    const { [key]: _, ...rest } = withoutExpired(config, new Date());
    const written = value === undefined ? rest : { ...rest, [key]: JSON.stringify(value) };
    try {
      return await projects.update(project, { description, config: written }, { etag });
    } catch (error) {
      const again = error instanceof IncusError && error.status === CHANGED_MEANWHILE;
      if (!again || attempt === ATTEMPTS) throw error;
    }
  }
}
