import { harmless } from "../diag/terminal_text.ts";
import { complaint } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import type { Session } from "./session.ts";

// The prompts are drawn in colour whatever NO_COLOR says: without colours Deno's own plain questions stand in.

/** `no-one`: there is no terminal to ask at. */
type Reply = "yes" | "no" | "no-one" | "interrupted";

/** Asks yes or no; the answer to an empty line is no. Without a terminal nobody is asked. */
async function confirm(question: string, { terminal, out }: Session): Promise<Reply> {
  if (!terminal.interactive) return "no-one";
  // The prompts write to the terminal themselves.
  const message = harmless(question);
  if (!out.colors.isColorSupported) return globalThis.confirm(message) ? "yes" : "no";
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({ message, initialValue: false });
  if (prompts.isCancel(answer)) return "interrupted";
  return answer ? "yes" : "no";
}

/** Asks for a word to be typed: for what cannot be undone. */
export async function confirmByTyping(
  question: string,
  word: string,
  { terminal, out }: Session,
): Promise<Reply> {
  if (!terminal.interactive) return "no-one";
  const message = harmless(`${question} Type ${word} to continue:`);
  if (!out.colors.isColorSupported) return globalThis.prompt(message) === word ? "yes" : "no";
  const prompts = await import("@clack/prompts");
  const answer = await prompts.text({ message });
  if (prompts.isCancel(answer)) return "interrupted";
  return answer === word ? "yes" : "no";
}

/** What somebody has to agree to. */
interface Consent {
  readonly question: string;
  /** A word that has to be typed instead of yes: for what cannot be undone. */
  readonly typed?: string;
  /** What a no leads to, as a sentence: `Nothing was restored.` */
  readonly untouched: string;
  /** What to do where there is no terminal. */
  readonly remedy?: string;
}

/** Asks, unless `--yes` was given, and says what came of a no. undefined: go on. */
export async function agree(
  { question, typed, untouched, remedy }: Consent,
  options: { readonly yes?: true },
  session: Session,
): Promise<ExitStatus | undefined> {
  if (options.yes) return undefined;
  const reply = typed === undefined
    ? await confirm(question, session)
    : await confirmByTyping(question, typed, session);
  const { terminal, err } = session;
  switch (reply) {
    case "yes":
      return undefined;
    case "no":
      terminal.out(`${untouched}\n`);
      return EXIT.failed;
    case "interrupted":
      terminal.out(`${untouched}\n`);
      return EXIT.interrupted;
    case "no-one": {
      const why = `${untouched} This needs your consent, and there is no terminal to ask on.`;
      const instead = remedy ??
        "Read the text above, then run the same command with --yes.";
      terminal.err(complaint(why, instead, err.width));
      return EXIT.failed;
    }
  }
}
