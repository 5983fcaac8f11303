import { listUserRoles } from "../ansible/existing_files.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import { listEmbedded } from "../host/embedded_file.ts";
import type { Infra } from "../infra/infra.ts";
import { parseInfra } from "../infra/parse_infra.ts";
import { readSources } from "./read_sources.ts";

/** The infra as far as it can be read, with everything that is wrong with it. */
export interface ReadInfra {
  readonly infra?: Infra;
  readonly sources: readonly SourceText[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads infra.yml or infra/. With `roles`, roles that are nowhere are warned of; sync warns of them by itself. */
export function readInfra(options: { readonly roles?: true } = {}): ReadInfra {
  const sources = readSources();
  const known = options.roles ? { knownRoles: knownRoles() } : {};
  return { ...parseInfra(sources, known), sources };
}

/** Names of the roles at hand, the workspace's and the embedded ones. */
function knownRoles(): Set<string> {
  const embedded = listEmbedded("ansible/roles").map((path) => path.split("/")[2] ?? "");
  return new Set([...listUserRoles(), ...embedded]);
}
