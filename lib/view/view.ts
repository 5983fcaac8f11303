import type { Style } from "./style.ts";

/**
 * The output of a verb's result: as text for people, and as JSON for programs (docs/json.md). Pure.
 */
export interface View<Result> {
  text(result: Result, style: Style): string;
  json(result: Result): string;
}
