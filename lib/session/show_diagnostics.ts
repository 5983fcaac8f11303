import { diagnosticsOf } from "../addressing/host_conflict.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import { diagnosticsJson } from "../view/json.ts";
import { diagnosticsLine } from "../view/json_lines.ts";
import { diagnosticsText } from "../view/diagnostics.ts";
import type { HostConflict } from "../addressing/host_conflict.ts";
import { maskSecrets } from "./mask_secrets.ts";
import type { Session } from "./session.ts";

/** Prints diagnostics with their excerpts on standard error; prints nothing if there are none. */
export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: readonly SourceText[],
  { terminal, err }: Session,
  closing?: string,
): void {
  if (diagnostics.length === 0) return;
  const files = new Set(diagnostics.map(({ range }) => range?.file));
  const masked = sources.filter(({ file }) => files.has(file)).map(maskSecrets);
  terminal.err(diagnosticsText(diagnostics, masked, err, closing));
}

/** Shows which domains cannot work on this host, for verbs that go on anyway. */
export function showConflicts(
  { conflicts }: { readonly conflicts: readonly HostConflict[] },
  { sources }: { readonly sources: readonly SourceText[] },
  session: Session,
  closing?: string,
): void {
  showDiagnostics(diagnosticsOf(conflicts), sources, session, closing);
}

/**
 * Reports mistakes after which the verb does not run: with `--json` for programs too, as a line of
 * the stream if the verb has one, otherwise as a JSON value of their own.
 */
export function showMistakes(
  diagnostics: readonly Diagnostic[],
  sources: readonly SourceText[],
  { json }: { readonly json?: true | undefined },
  session: Session,
): void {
  const { terminal, emit } = session;
  if (json && emit === undefined) terminal.out(diagnosticsJson(diagnostics));
  else if (json) emit?.(diagnosticsLine(diagnostics));
  showDiagnostics(diagnostics, sources, session);
}
