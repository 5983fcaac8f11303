import type { Findings, LineView, TextView, View } from "../view/view.ts";
import type { Session } from "./session.ts";
import { showDiagnostics } from "./show_diagnostics.ts";

/**
 * Writes the result of a verb to standard output: as JSON with `--json`, otherwise as text. In a
 * stream of JSON lines it is one line.
 */
export function show<Result>(
  view: View<Result> & Partial<LineView<Result>>,
  result: Result,
  { json }: { readonly json?: boolean | undefined },
  session: Session,
): void {
  const { line } = view;
  if (session.emit !== undefined && line !== undefined) tell({ ...view, line }, result, session);
  else if (json) session.terminal.out(view.json(result));
  else showText(view, result, session);
}

/** Writes a result as text and, if the verb's output is a stream of JSON lines, as one of them. */
export function tell<Result>(view: LineView<Result>, result: Result, session: Session): void {
  session.emit?.(view.line(result));
  showText(view, result, session);
}

function showText<Result>(view: TextView<Result>, result: Result, session: Session): void {
  const { terminal, out } = session;
  showFindings(view.above?.(result), session);
  terminal.out(view.text(result, out));
  showFindings(view.below?.(result), session);
}

function showFindings(findings: Findings | undefined, session: Session): void {
  if (findings === undefined) return;
  showDiagnostics(findings.diagnostics, findings.sources, session);
}
