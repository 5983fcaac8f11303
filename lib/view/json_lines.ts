import type { Diagnostic } from "../diag/diagnostic.ts";

// The lines that `apply --json`, `destroy --json` and the snapshot verbs print, one JSON object
// each. docs/json.md documents them, and docs/schema/events.schema.json is their schema.

/** One line of the stream, to be serialised as it is. */
export type JsonLine = Readonly<Record<string, unknown>> & { readonly type: string };

export function diagnosticsLine(diagnostics: readonly Diagnostic[]): JsonLine {
  return { type: "diagnostics", format: 1, diagnostics };
}

/** Returns the last line, which is always printed. */
export function endLine(exit: number): JsonLine {
  return { type: "end", exit };
}
