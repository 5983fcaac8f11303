import config from "../../deno.json" with { type: "json" };
import type { Addressing, Lock } from "../addressing/addressing.ts";
import { readEmbeddedAnsible } from "../ansible/embedded_files.ts";
import { type PreparedSync, prepareSync } from "../ansible/sync.ts";
import { writeSync } from "../ansible/write_sync.ts";
import { schemaText } from "../infra/shape/json_schema.ts";
import { writeLock } from "./resolve_addressing.ts";
import type { Workspace } from "./load_workspace.ts";

/** What sync would write; `ruleset` where it is known, which takes the live host. */
export function prepareTree(
  { infra }: Workspace,
  addressing: Addressing,
  cleanOrphans: boolean,
  ruleset?: string,
): PreparedSync {
  // Whose roles these are; a sync by another anklume writes its own.
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

/** The lock first: an address must not be in use before it is recorded. */
export async function writeTree(prepared: PreparedSync, lock: Lock): Promise<void> {
  await writeLock(lock);
  await writeSync(prepared.plan);
}
