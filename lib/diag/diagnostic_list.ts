import type { Diagnostic, Severity, SourceRange } from "./diagnostic.ts";

/** One diagnostic as it is reported. The severity is `error` by default. */
export interface Report {
  readonly code: string;
  readonly summary: string;
  readonly detail?: string;
  readonly remedy?: string;
  readonly range?: SourceRange;
  readonly severity?: Severity;
}

/**
 * Collects diagnostics. A mistake that is repeated at the same place (a domain's copies do that) is
 * kept once.
 */
export class DiagnosticList {
  readonly #byPlace = new Map<string, Diagnostic>();

  add(report: Report): void {
    const { severity = "error", ...rest } = report;
    const start = rest.range?.start;
    const place = start === undefined
      ? `${rest.code} ${rest.summary}`
      : `${rest.code} ${rest.range?.file}:${start.line}:${start.column}`;
    if (!this.#byPlace.has(place)) this.#byPlace.set(place, { severity, ...rest });
  }

  get hasErrors(): boolean {
    for (const diagnostic of this.#byPlace.values()) {
      if (diagnostic.severity === "error") return true;
    }
    return false;
  }

  /**
   * Returns the diagnostics sorted by file (in the order of `files`) and position. Diagnostics
   * without a place come first.
   */
  sorted(files: readonly string[]): Diagnostic[] {
    const rank = new Map(files.map((file, index) => [file, index]));
    const rankOf = (range: SourceRange | undefined) =>
      range === undefined ? -1 : rank.get(range.file) ?? files.length;
    return [...this.#byPlace.values()].sort((a, b) =>
      rankOf(a.range) - rankOf(b.range) ||
      (a.range?.start.line ?? 0) - (b.range?.start.line ?? 0) ||
      (a.range?.start.column ?? 0) - (b.range?.start.column ?? 0) ||
      (a.code < b.code ? -1 : a.code > b.code ? 1 : 0)
    );
  }
}
