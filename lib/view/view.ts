import type { Diagnostic } from "../diag/diagnostic.ts";
import type { SourceText } from "../diag/source.ts";
import type { JsonLine } from "./json_lines.ts";
import type { Style } from "./style.ts";

/** Diagnostics, and the texts that their excerpts are taken from. */
export interface Findings {
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: readonly SourceText[];
}

/**
 * The output of a verb's result: as text for people, and as JSON for programs (docs/json.md). Pure.
 */
export interface View<Result> {
  text(result: Result, style: Style): string;
  json(result: Result): string;
  /** What people see before the text, on standard error. Programs find it in the JSON. */
  above?(result: Result): Findings;
  /** The same after the text. */
  below?(result: Result): Findings;
}

/** A result of a verb whose JSON is a stream: as text for people, and as one line of it. Pure. */
export interface LineView<Result> {
  text(result: Result, style: Style): string;
  line(result: Result): JsonLine;
}

/** Shows events as they come: as lines, as a picture or as JSON. */
export interface EventView<Event> {
  take(event: Event): void;
  /** Called once, even after an error. */
  end(): void;
}
