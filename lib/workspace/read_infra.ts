import { listUserRoles } from "../ansible/user_roles.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import { listEmbeddedNames } from "../host/embedded_file.ts";
import type { Infra } from "../infra/infra.ts";
import { parseInfra } from "../infra/parse_infra.ts";
import { readSources } from "./read_sources.ts";

/** The infra as far as it can be read, with all its errors and warnings. */
export interface ReadInfra {
  readonly infra?: Infra;
  readonly sources: readonly SourceText[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads infra.yml or infra/. With `roles`, warns of roles that do not exist; sync does so by
 * itself.
 */
export function readInfra(options: { readonly roles?: true } = {}): ReadInfra {
  const sources = readSources();
  const known = options.roles ? { knownRoles: knownRoles() } : {};
  return { ...parseInfra(sources, known), sources };
}

/** Returns the names of the workspace's and the embedded roles. */
function knownRoles(): Set<string> {
  return new Set([...listUserRoles(), ...listEmbeddedNames("ansible/roles")]);
}
