import type { Diagnostic } from "../diag/diagnostic.ts";
import { excerpt } from "../diag/excerpt.ts";
import { SourceFile, type SourceText } from "../diag/source.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";
import { count } from "./number_text.ts";

/** Below this width an excerpt shows nothing useful. */
const SMALLEST_WIDTH = 40;

/**
 * Returns diagnostics for people, each with its line of the file, and a last line that counts them:
 *
 *     error[UNKNOWN_KEY]: Unknown key `roels` in `pro-dev`
 *       --> infra.yml:12:9
 *        |
 *     12 |         roels: [web]
 *        |         ^^^^^
 *        = help: did you mean `roles`?
 *
 * @param closing last sentence after errors: something may have been changed by then
 */
export function diagnosticsText(
  diagnostics: readonly Diagnostic[],
  sources: readonly SourceText[],
  style: Style,
  closing = "Nothing was changed.",
): string {
  if (diagnostics.length === 0) return "";
  const files = new Map<string, SourceFile>();
  const fileOf = (name: string) => {
    const source = sources.find((candidate) => candidate.file === name);
    if (source !== undefined && !files.has(name)) files.set(name, new SourceFile(source));
    return files.get(name);
  };
  const blocks = diagnostics.map((diagnostic) => diagnosticText(diagnostic, fileOf, style));
  return `${blocks.join("\n")}\n${total(diagnostics, closing)}\n`;
}

function diagnosticText(
  diagnostic: Diagnostic,
  fileOf: (name: string) => SourceFile | undefined,
  { colors, width: screen }: Style,
): string {
  const { severity, code, summary, detail, remedy, range } = diagnostic;
  const width = Math.max(screen, SMALLEST_WIDTH);
  const paint = severity === "error" ? colors.red : colors.yellow;
  const head = `${severity}[${code}]: `;
  // Wrapped without colours, which have no width.
  const title = hang(head, printable(summary), width).slice(head.length);
  const lines = [`${paint(colors.bold(head.slice(0, -2)))}${colors.bold(`: ${title}`)}`];
  const number = range === undefined ? "" : String(range.start.line);
  const margin = " ".repeat(number.length);
  const bar = colors.cyan("|");
  if (range !== undefined) {
    const { line, column } = range.start;
    lines.push(`${margin}${colors.cyan("-->")} ${printable(range.file)}:${line}:${column}`);
    const file = fileOf(range.file);
    if (file !== undefined) {
      const shown = excerpt(file, range, width - number.length - 3);
      const caret = `${" ".repeat(shown.caretStart)}${paint("^".repeat(shown.caretWidth))}`;
      const text = shown.text === "" ? "" : ` ${shown.text}`;
      lines.push(`${margin} ${bar}`, `${colors.cyan(number)} ${bar}${text}`);
      lines.push(`${margin} ${bar} ${caret}`);
    }
  }
  for (const [label, text] of [["why", detail], ["help", remedy]] as const) {
    if (text === undefined) continue;
    const prefix = `${margin} = ${label}: `;
    const body = hang(prefix, printable(text), width).slice(prefix.length);
    lines.push(`${margin} ${colors.cyan("=")} ${colors.bold(`${label}:`)} ${body}`);
  }
  return `${lines.join("\n")}\n`;
}

function total(diagnostics: readonly Diagnostic[], closing: string): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  const parts = [
    ...(errors > 0 ? [count(errors, "error")] : []),
    ...(warnings > 0 ? [count(warnings, "warning")] : []),
  ];
  return `${parts.join(", ")}.${errors > 0 ? ` ${closing}` : ""}`;
}
