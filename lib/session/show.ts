import type { View } from "../view/view.ts";
import type { Session } from "./session.ts";

/** Writes the result of a verb to standard output: as JSON with `--json`, otherwise as text. */
export function show<Result>(
  view: View<Result>,
  result: Result,
  { json }: { readonly json?: boolean | undefined },
  { terminal, out }: Session,
): void {
  terminal.out(json ? view.json(result) : view.text(result, out));
}
