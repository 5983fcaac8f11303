import type { Style } from "./style.ts";

/** How the result of a verb is told: to people, and to programs (docs/json.md). Pure. */
export interface View<Result> {
  text(result: Result, style: Style): string;
  json(result: Result): string;
}
