import { type Lock, LOCK_FILE } from "../addressing/addressing.ts";
import { type Diagnostic, hasErrors } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import { readTextFileIfAny } from "../host/workspace_file.ts";
import type { WorkspaceHold } from "../host/workspace_lock.ts";
import type { Infra } from "../infra/infra.ts";
import type { Session } from "../session/session.ts";

/** The content of the current directory's files, free of errors. */
export interface Workspace {
  readonly infra: Infra;
  /** undefined: there is no `infra.lock.yml`. */
  readonly lock: Lock | undefined;
  /** For excerpts of later diagnostics. */
  readonly sources: readonly SourceText[];
  readonly warnings: readonly Diagnostic[];
}

interface LoadOptions {
  /** Mistakes are printed as JSON. */
  readonly json?: true | undefined;
  /** Taken once the files are free of errors. */
  readonly hold?: WorkspaceHold | undefined;
}

/**
 * Reads and checks the workspace. undefined: it has errors, and all of them have been shown, as
 * JSON if the verb prints JSON. The verb then ends with `EXIT.wrongInput` and has changed nothing.
 */
export async function loadWorkspace(
  session: Session,
  options: LoadOptions = {},
): Promise<Workspace | undefined> {
  // The parsers take as long to load as to run: meanwhile, early requests to the host are answered.
  const [{ readInfra }, { parseLock }] = await Promise.all([
    import("./read_infra.ts"),
    import("../addressing/lock.ts"),
  ]);
  const { infra, sources, diagnostics } = readInfra();
  const lockText = readTextFileIfAny(LOCK_FILE);
  const lock = lockText === undefined ? undefined : parseLock(lockText, { filename: LOCK_FILE });
  const all = [...diagnostics, ...lock?.diagnostics ?? []];
  const shown = lockText === undefined
    ? sources
    : [...sources, { file: LOCK_FILE, text: lockText }];
  if (infra === undefined || hasErrors(all)) {
    const { showMistakes } = await import("../session/show_diagnostics.ts");
    showMistakes(all, shown, options, session);
    return undefined;
  }
  await options.hold?.take();
  return { infra, lock: lock?.lock, sources: shown, warnings: all };
}
