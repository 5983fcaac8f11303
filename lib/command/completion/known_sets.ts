import { LOCK_FILE } from "../../addressing/addressing.ts";
import { parseLock } from "../../addressing/lock.ts";
import { readTextFileIfAny } from "../../host/workspace_file.ts";
import { connectIncus } from "../../incus/incus_client.ts";
import { MARK } from "../../resource/mark.ts";
import { readSetNotes } from "../../snapshot/set_note.ts";

/**
 * Returns the names of the sets that anklume took for this workspace, from two requests: fast
 * enough for a TAB.
 */
export async function knownSets(): Promise<string[]> {
  const text = readTextFileIfAny(LOCK_FILE);
  const lock = text === undefined ? undefined : parseLock(text, { filename: LOCK_FILE }).lock;
  if (lock === undefined) return [];
  await using incus = await connectIncus();
  const projects = await incus.projects.list();
  const ours = projects.filter(({ config }) =>
    config[MARK.infra] === lock.infra && config[MARK.project] === lock.project
  );
  return [...new Set(ours.flatMap(({ config }) => [...readSetNotes(config).keys()]))].toSorted();
}
