import { type Lock, LOCK_FILE } from "../addressing/addressing.ts";
import { parseLock } from "../addressing/lock.ts";
import { listUserRoles } from "../ansible/existing_files.ts";
import { type Diagnostic, hasErrors } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import { listEmbedded } from "../host/embedded_file.ts";
import { readTextFileIfAny } from "../host/workspace_file.ts";
import type { Infra } from "../infra/infra.ts";
import { parseInfra } from "../infra/parse_infra.ts";
import { diagnosticsJson } from "../view/json.ts";
import { readSources } from "./read_sources.ts";
import type { Session } from "./session.ts";
import { showDiagnostics } from "./show_diagnostics.ts";

/** What the files of the current directory say, without a mistake among them. */
export interface Workspace {
  readonly infra: Infra;
  /** undefined: there is no `infra.lock.yml`. */
  readonly lock: Lock | undefined;
  /** For excerpts of later diagnostics. */
  readonly sources: readonly SourceText[];
  readonly warnings: readonly Diagnostic[];
}

/** The infra as far as it can be read, with everything that is wrong with it. */
export interface ReadInfra {
  readonly infra?: Infra;
  readonly sources: readonly SourceText[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads infra.yml or infra/. With `roles`, roles that are nowhere are warned of; sync warns of them by itself. */
export async function readInfra(options: { readonly roles?: true } = {}): Promise<ReadInfra> {
  const sources = await readSources();
  const known = options.roles ? { knownRoles: await knownRoles() } : {};
  return { ...parseInfra(sources, known), sources };
}

/**
 * Reads and checks the workspace. undefined: something is wrong in it, and all of it has been shown, as JSON where the
 * verb prints JSON; the verb then ends with `EXIT.wrongInput` and has touched nothing.
 */
export async function loadWorkspace(
  session: Session,
  options: { readonly json?: true | undefined } = {},
): Promise<Workspace | undefined> {
  const { infra, sources, diagnostics } = await readInfra();
  const lockText = await readTextFileIfAny(LOCK_FILE);
  const lock = lockText === undefined ? undefined : parseLock(lockText, { filename: LOCK_FILE });
  const all = [...diagnostics, ...lock?.diagnostics ?? []];
  const shown = lockText === undefined
    ? sources
    : [...sources, { file: LOCK_FILE, text: lockText }];
  if (infra === undefined || hasErrors(all)) {
    if (options.json) session.terminal.out(diagnosticsJson(all));
    showDiagnostics(all, shown, session);
    return undefined;
  }
  return { infra, lock: lock?.lock, sources: shown, warnings: all };
}

/** Names of the roles at hand, the workspace's and the embedded ones. */
async function knownRoles(): Promise<Set<string>> {
  const [own, embedded] = await Promise.all([listUserRoles(), listEmbedded("ansible/roles")]);
  return new Set([...own, ...embedded.map((path) => path.split("/")[2] ?? "")]);
}
