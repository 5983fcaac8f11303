import { harmless } from "../diag/terminal_text.ts";
import { complaint } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import type { Session } from "./session.ts";

// The prompts are drawn in colour whatever NO_COLOR says: without colours Deno's own plain questions stand in.

/** `no-one`: there is no terminal to ask at. */
export type Reply = "yes" | "no" | "no-one" | "interrupted";

/** Asks yes or no; the answer to an empty line is no. Without a terminal nobody is asked. */
export async function confirm(question: string, { terminal, out }: Session): Promise<Reply> {
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
  const message = harmless(`${question} Type ${word} to go on:`);
  if (!out.colors.isColorSupported) return globalThis.prompt(message) === word ? "yes" : "no";
  const prompts = await import("@clack/prompts");
  const answer = await prompts.text({ message });
  if (prompts.isCancel(answer)) return "interrupted";
  return answer === word ? "yes" : "no";
}

/**
 * Asks, unless `--yes` was given, and says what came of a no. undefined: go on. `untouched` is a sentence such as
 * `Nothing was restored.`
 */
export async function agree(
  question: string,
  untouched: string,
  options: { readonly yes?: true },
  session: Session,
): Promise<ExitStatus | undefined> {
  if (options.yes) return undefined;
  switch (await confirm(question, session)) {
    case "yes":
      return undefined;
    case "no":
      session.terminal.out(`${untouched}\n`);
      return EXIT.failed;
    case "interrupted":
      session.terminal.out(`${untouched}\n`);
      return EXIT.interrupted;
    case "no-one":
      return sayNobodyAgreed(untouched, session);
  }
}

/** @param untouched `Nothing was touched.` */
export function sayNobodyAgreed(untouched: string, { terminal, err }: Session): ExitStatus {
  const why = `${untouched} This needs somebody's consent, and there is no terminal to ask at.`;
  const remedy = "Look at what is said above, then run the same command with --yes.";
  terminal.err(complaint(why, remedy, err.width));
  return EXIT.failed;
}
