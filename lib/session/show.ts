import type { Findings, LineView, View } from "../view/view.ts";
import type { Session } from "./session.ts";

/**
 * Writes the result of a verb to standard output: as JSON with `--json`, otherwise as text. In a
 * stream of JSON lines it is one line.
 */
export async function show<Result>(
  view: View<Result> & Partial<LineView<Result>>,
  result: Result,
  { json }: { readonly json?: boolean | undefined },
  session: Session,
): Promise<void> {
  const { terminal, out, emit } = session;
  const { text, line } = view;
  if (emit !== undefined && line !== undefined) return tell({ text, line }, result, session);
  if (json) return terminal.out(view.json(result));
  await showFindings(view.above?.(result), session);
  terminal.out(text(result, out));
  await showFindings(view.below?.(result), session);
}

/** Writes a result as text and, if the verb's output is a stream of JSON lines, as one of them. */
export function tell<Result>(
  { text, line }: LineView<Result>,
  result: Result,
  { terminal, out, emit }: Session,
): void {
  emit?.(line(result));
  terminal.out(text(result, out));
}

async function showFindings(findings: Findings | undefined, session: Session): Promise<void> {
  if (findings === undefined || findings.diagnostics.length === 0) return;
  // Not loaded in the usual run, which has none.
  const { showDiagnostics } = await import("./show_diagnostics.ts");
  showDiagnostics(findings.diagnostics, findings.sources, session);
}
