/**
 * A place in a text. Lines and columns start at 1; a column counts UTF-16 code units, as editors
 * do.
 */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A stretch of one file; `end` is exclusive. */
export interface SourceRange {
  /** Relative to the workspace, as the user would type it: `infra.yml`, `infra/domains/pro.yml`. */
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
}

export type Severity = "error" | "warning";

/** A mistake in the user's input: data that is gathered and shown together, never thrown. */
export interface Diagnostic {
  readonly severity: Severity;
  /** Stable name in upper snake case. Each code has one line in `docs/diagnostics.md`. */
  readonly code: string;
  /** The mistake, in one sentence without a final period. */
  readonly summary: string;
  /** The reason, where the summary does not give it. */
  readonly detail?: string;
  /** The correct text, or the action to take. */
  readonly remedy?: string;
  readonly range?: SourceRange;
}

/** True if at least one diagnostic is an error, so that the command cannot continue. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}
