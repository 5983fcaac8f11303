import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import { RESTORE_KEY, type RestoreNote, setKey, type SetNote } from "./set_note.ts";

const ATTEMPTS = 5;
const CHANGED_MEANWHILE = 412;

/** Writes what is noted of a set on a project; undefined takes the note away. */
export function writeSetNote(
  incus: IncusClient,
  project: string,
  name: string,
  note: SetNote | undefined,
): Promise<void> {
  return writeKey(incus, project, setKey(name), note);
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

/** A project takes no PATCH: it is read, changed and written back, again where somebody else was quicker. */
async function writeKey(
  { projects }: IncusClient,
  project: string,
  key: string,
  value: unknown,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const { value: { description, config }, etag } = await projects.get(project);
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
