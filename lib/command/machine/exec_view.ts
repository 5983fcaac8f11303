import type { FoundMachine } from "../../live/find_machines.ts";
import type { Session } from "../../session/session.ts";
import { jsonText } from "../../view/json.ts";
import { trustColor } from "../../view/style.ts";
import { count } from "../../view/number_text.ts";
import { type PrefixedLines, prefixLines } from "./prefix_lines.ts";

/** How a program in one machine ended, with the output that was kept. */
export interface ExecOutcome {
  readonly machine: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The output of a program in one machine. */
interface ExecOutput {
  readonly stdout: PrefixedLines;
  readonly stderr: PrefixedLines;
  /** Returns the output that was kept so far. */
  kept(): Pick<ExecOutcome, "stdout" | "stderr">;
}

/** Shows a program that runs in many machines. */
export interface ExecView {
  /** Most bytes that one program may write; undefined: as many as are usually kept. */
  readonly mostBytes: number | undefined;
  open(place: FoundMachine): ExecOutput;
  /** Called once all have ended. */
  end(outcomes: readonly ExecOutcome[]): void;
}

/** Each line as it comes, after the name of its machine. Nothing is kept. */
export function execLines(
  places: readonly FoundMachine[],
  { terminal, out, err }: Session,
): ExecView {
  const width = Math.max(...places.map(({ machine }) => machine.name.length));
  return {
    mostBytes: Infinity,
    open: ({ machine, domain }) => {
      const prefix = `${trustColor(out, domain.trustLevel)(machine.name.padEnd(width))} | `;
      return {
        stdout: prefixLines(prefix, (text) => terminal.out(text)),
        stderr: prefixLines(prefix, (text) => terminal.err(text)),
        kept: () => ({ stdout: "", stderr: "" }),
      };
    },
    end: (outcomes) => {
      const failed = outcomes.filter(({ status }) => status !== 0);
      if (failed.length === 0) return;
      const list = failed.map(({ machine, status }) => `${machine} (${status})`).join(", ");
      const title = `Failed in ${failed.length} of ${count(outcomes.length, "machine")}`;
      terminal.err(`${err.colors.red(title)}: ${list}\n`);
    },
  };
}

/** One document at the end. */
export function execJson({ terminal }: Session): ExecView {
  return {
    mostBytes: undefined,
    open: () => {
      const text = { stdout: "", stderr: "" };
      return {
        stdout: prefixLines("", (part) => text.stdout += part),
        stderr: prefixLines("", (part) => text.stderr += part),
        kept: () => text,
      };
    },
    end: (outcomes) => terminal.out(jsonText({ format: 1, results: outcomes })),
  };
}
