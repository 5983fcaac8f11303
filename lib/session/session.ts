import pc from "picocolors";
import { envVar, type Terminal } from "../host/terminal.ts";
import { harmless, INK } from "../diag/terminal_text.ts";
import type { JsonLine } from "../view/json_lines.ts";
import type { Style } from "../view/style.ts";

/** The context of every verb: where to write, which style, when to stop. */
export interface Session {
  readonly terminal: Terminal;
  /** For standard output, which may be a pipe while standard error is a screen. */
  readonly out: Style;
  readonly err: Style;
  /** Aborted by the first Ctrl-C: nothing new is started. */
  readonly signal: AbortSignal;
  /**
   * The directory of the workspace in which the user called anklume, for paths that they give; empty
   * for the workspace itself.
   */
  readonly below: string;
  /** Writes one line of JSON to standard output; undefined: standard output carries text. */
  readonly emit?: (line: JsonLine) => void;
}

/** Returns a path that the user gave as a path of the workspace, where programs run. */
export function inWorkspace(path: string, { below }: Session): string {
  return path.startsWith("/") || below === "" ? path : `${below}/${path}`;
}

/** Wider lines than this are hard to read. */
const MAX_WIDTH = 120;
const MIN_WIDTH = 40;

export function createSession(terminal: Terminal, signal: AbortSignal): Session {
  const columns = terminal.columns;
  return {
    terminal,
    out: createStyle(terminal.outIsTerminal, columns),
    err: createStyle(terminal.errIsTerminal, columns),
    signal,
    below: "",
  };
}

function createStyle(isTerminal: boolean, columns: number): Style {
  return {
    colors: wantsColor(isTerminal, envVar) ? inkColors() : pc.createColors(false),
    width: isTerminal ? Math.min(Math.max(columns, MIN_WIDTH), MAX_WIDTH) : 80,
  };
}

const ESCAPE = "\u001b";

/** Colours that the terminal recognises as anklume's own; a painted text cannot add others. */
function inkColors(): Style["colors"] {
  const colors = pc.createColors(true);
  const ours = Object.entries(colors).map(([name, paint]) => [
    name,
    typeof paint === "function"
      // Picocolors looks for its own escapes in text that is already painted.
      ? (text: unknown) =>
        paint(harmless(String(text)).replaceAll(INK, ESCAPE)).replaceAll(ESCAPE, INK)
      : paint,
  ]);
  return Object.assign(colors, Object.fromEntries(ours));
}

/**
 * True if the output is coloured. Colours are only for a terminal; `FORCE_COLOR` (not `0`) forces
 * them, `NO_COLOR` wins over everything. Empty variables count as unset (https://no-color.org). Not
 * left to picocolors, which also colours if `CI` is set.
 */
export function wantsColor(
  isTerminal: boolean,
  env: (name: string) => string | undefined,
): boolean {
  if (env("NO_COLOR")) return false;
  const force = env("FORCE_COLOR");
  if (force) return force !== "0" && force !== "false";
  return isTerminal && env("TERM") !== "dumb";
}
