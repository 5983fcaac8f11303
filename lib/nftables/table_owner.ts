import { readTextFileIfAny } from "../host/workspace_file.ts";
import { FirewallError } from "./firewall_error.ts";
import { FAMILIES, RULES_DIRECTORY, type Ruleset, TABLE_FORMAT } from "./ruleset.ts";
import { listTable, type NftOptions } from "./run_nft.ts";

/** The owner of a live table. */
type TableOwner =
  | { readonly kind: "infra"; readonly infraId: string; readonly format: number }
  /** It has no mark of anklume. */
  | { readonly kind: "unknown" };

/** Reads the mark in the table's comment; undefined if there is no such table. */
export async function readTableOwner(
  family: string,
  table: string,
  options: NftOptions = {},
): Promise<TableOwner | undefined> {
  const text = await listTable(family, table, { ...options, terse: true });
  return text === undefined ? undefined : tableOwnerOf(text);
}

/** Reads the mark in a listing. */
export function tableOwnerOf(listing: string): TableOwner {
  const match = /^table [^\n]*\{\n\tcomment "anklume (\d{1,6}) ([0-9a-f-]{36})"\n/.exec(listing);
  if (match === null) return { kind: "unknown" };
  return { kind: "infra", format: Number(match[1]), infraId: match[2]! };
}

/**
 * Reads the owner of the rules that come back at boot under this name; undefined if there are none.
 */
function readFileOwner(project: string): TableOwner | undefined {
  const text = readTextFileIfAny(`${project}.nft`, { root: RULES_DIRECTORY });
  const match = /^\tcomment "anklume (\d{1,6}) ([0-9a-f-]{36})"$/m.exec(text ?? "");
  if (text === undefined) return undefined;
  if (match === null) return { kind: "unknown" };
  return { kind: "infra", format: Number(match[1]), infraId: match[2]! };
}

/**
 * True if the rules that come back at boot under this name are another infra's. A file without an
 * owner was cut off, and is ours.
 */
export function isForeignFile({ project, infraId }: Pick<Ruleset, "project" | "infraId">): boolean {
  const owner = readFileOwner(project);
  return owner?.kind === "infra" && owner.infraId !== infraId;
}

/**
 * Throws unless the tables of that name, live and in the file for the next boot, are this infra's
 * or missing.
 */
export async function refuseForeignTables(
  ruleset: Pick<Ruleset, "table" | "infraId" | "project">,
  options: NftOptions = {},
): Promise<void> {
  const owners = await Promise.all(
    FAMILIES.map((family) => readTableOwner(family, ruleset.table, options)),
  );
  for (const [i, owner] of owners.entries()) {
    if (owner !== undefined) refuseForeign(`${FAMILIES[i]} ${ruleset.table}`, owner, ruleset);
  }
  if (isForeignFile(ruleset)) {
    const file = `${RULES_DIRECTORY}/${ruleset.project}.nft`;
    throw new FirewallError(
      "foreign-table",
      `${file} holds the rules of another infra called "${ruleset.project}"`,
      `Choose another project_name: two infras with the same name cannot share a host. If the other one is gone: rm ${file}`,
    );
  }
}

function refuseForeign(
  name: string,
  owner: TableOwner,
  { infraId, project }: Pick<Ruleset, "infraId" | "project">,
): void {
  if (owner.kind === "unknown") {
    throw new FirewallError(
      "foreign-table",
      `The nftables table "${name}" exists and is not anklume's: anklume does not change it`,
      `Look at it (nft list table ${name}), then delete it or choose another project_name`,
    );
  }
  if (owner.infraId !== infraId) {
    throw new FirewallError(
      "foreign-table",
      `The nftables table "${name}" belongs to another infra called "${project}" (${owner.infraId})`,
      "Choose another project_name: two infras with the same name cannot share a host",
    );
  }
  if (owner.format > TABLE_FORMAT) {
    throw new FirewallError(
      "foreign-table",
      `The nftables table "${name}" was made by a newer anklume (format ${owner.format})`,
      "Use that version, or a later one",
    );
  }
}
