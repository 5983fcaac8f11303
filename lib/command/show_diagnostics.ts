import type { Diagnostic } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import { diagnosticsText } from "../view/diagnostics.ts";
import type { Session } from "./session.ts";

/** Prints diagnostics with their excerpts on standard error; nothing where there are none. */
export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: readonly SourceText[],
  { terminal, err }: Session,
): void {
  if (diagnostics.length > 0) terminal.err(diagnosticsText(diagnostics, sources, err));
}
