import type { Diagnostic } from "../diag/diagnostic.ts";

// The shapes that `--json` prints. docs/json.md documents them; `format` grows only if a key
// changes its meaning or is removed.

/** Returns a value as indented JSON that ends with a newline. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Returns the output of `validate --json`; each reading verb prints it for faulty input. */
export function diagnosticsJson(diagnostics: readonly Diagnostic[]): string {
  return jsonText({ format: 1, diagnostics });
}
