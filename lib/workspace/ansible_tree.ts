import config from "../../deno.json" with { type: "json" };
import type { Addressing, Lock } from "../addressing/addressing.ts";
import { readEmbeddedAnsible } from "../ansible/embedded_files.ts";
import { type PreparedSync, prepareSync } from "../ansible/sync.ts";
import { writeSync } from "../ansible/write_sync.ts";
import { schemaText } from "../infra/shape/json_schema.ts";
import { writeLock } from "./resolve_addressing.ts";
import type { Workspace } from "./load_workspace.ts";

/** Prepares what sync would write; `ruleset` if it is known, which takes the live host. */
export function prepareTree(
  { infra }: Workspace,
  addressing: Addressing,
  cleanOrphans: boolean,
  ruleset?: string,
): PreparedSync {
  // The anklume that wrote the roles; a sync by another version writes its own.
  const extra = new Map([["schema.json", schemaText()], [
    "version",
    `anklume ${config.version}\n`,
  ]]);
  if (ruleset !== undefined) extra.set(`nft/${infra.projectName}.nft`, ruleset);
  return prepareSync({
    infra,
    addressing,
    embedded: readEmbeddedAnsible(),
    extra,
    cleanOrphans,
  });
}

/** Writes the lock first: an address must be recorded before it is used. */
export async function writeTree(prepared: PreparedSync, lock: Lock): Promise<void> {
  await writeLock(lock);
  await writeSync(prepared.plan);
}
