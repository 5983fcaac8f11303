import { harmless } from "../diag/terminal_text.ts";
import { complaint } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import type { Session } from "./session.ts";

// The prompts use colours even with NO_COLOR: without colours, Deno's own plain prompts are used.

/** `no-one`: there is no terminal to ask at. */
type Reply = "yes" | "no" | "no-one" | "interrupted";

/** Asks yes or no; an empty line means no. Without a terminal it does not ask. */
async function confirm(question: string, { terminal, out }: Session): Promise<Reply> {
  if (!terminal.interactive) return "no-one";
  // The prompts write to the terminal directly.
  const message = harmless(question);
  if (!out.colors.isColorSupported) return globalThis.confirm(message) ? "yes" : "no";
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({ message, initialValue: false });
  if (prompts.isCancel(answer)) return "interrupted";
  return answer ? "yes" : "no";
}

/** Asks the user to type a word: for what cannot be undone. */
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

/** A question that the user has to agree to. */
interface Consent {
  readonly question: string;
  /** A word that must be typed instead of yes: for what cannot be undone. */
  readonly typed?: string;
  /** The result of a no, as a sentence: `Nothing was restored.` */
  readonly untouched: string;
  /** Advice for a run without a terminal. */
  readonly remedy?: string;
}

/** Asks, unless `--yes` was given, and reports the result of a no. undefined: go on. */
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
