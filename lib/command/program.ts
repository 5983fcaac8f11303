import { Command, CommanderError } from "@commander-js/extra-typings";
import { dailyVerbs } from "./machine/verbs.ts";
import { hostVerbs } from "./host/verbs.ts";
import { networkVerbs } from "./network/verbs.ts";
import { rolesVerbs } from "./roles/verbs.ts";
import type { Session } from "../session/session.ts";
import { snapshotVerbs } from "./snapshot/verbs.ts";
import { type AddVerb, type Choose, examples } from "./verb.ts";
import { VERSION } from "./version.ts";
import { addInit, addSchema, addSync, addValidate } from "./workspace/verbs.ts";
import { addApply, addCheck, addDestroy } from "./apply/verbs.ts";
import { addDoctor } from "./doctor/verbs.ts";
import { addStatus } from "./status/verbs.ts";
import { addComplete, addCompletions } from "./completion/verbs.ts";

export { CommanderError };

/**
 * Creates the command line. A verb's code is loaded when it runs. If the first word is a verb, the
 * others are not even described: that takes longer than most verbs need to run.
 */
export function createProgram(
  session: Session,
  choose: Choose,
  firstWord: string | undefined,
): Command {
  const program = new Command("anklume")
    .description(
      "Isolated domains on this host, described in one file: infra.yml becomes subnets, Incus " +
        "projects, machines and a firewall between them. The workspace is the current directory or the " +
        "nearest one above with an infra.yml.",
    )
    // Read before the verb is known: see workspace_directory.ts.
    .option("-C <directory>", "work in the workspace in this directory")
    .version(VERSION, "-V, --version", "show version and commit")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    // `exec` passes its words on, options included.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.terminal.out(text),
      writeErr: (text) => session.terminal.err(text),
      outputError: (text, write) => write(withHint(text)),
      getOutHelpWidth: () => Math.min(session.out.width, 80),
      getErrHelpWidth: () => Math.min(session.err.width, 80),
      getOutHasColors: () => session.out.colors.isColorSupported,
      getErrHasColors: () => session.err.colors.isColorSupported,
    })
    .configureHelp({
      styleTitle: (title) => session.out.colors.bold(title),
    })
    .addHelpText(
      "after",
      examples(
        ["anklume init", "write a commented infra.yml here"],
        ["anklume check", "show what apply would change"],
        ["anklume apply", "make these changes"],
        ["anklume status", "show the firewall, domains and machines"],
      ),
    );

  const asked = firstWord === undefined ? undefined : VERBS.get(firstWord);
  const verbs = asked === undefined || firstWord === "complete" || firstWord === "completions"
    ? new Set(VERBS.values())
    : [asked];
  for (const add of verbs) add(program, choose, session);
  return program;
}

const VERBS: ReadonlyMap<string, AddVerb> = new Map([
  ["init", addInit],
  ["validate", addValidate],
  ["sync", addSync],
  ["check", addCheck],
  ["plan", addCheck],
  ["apply", addApply],
  ["status", addStatus],
  ["destroy", addDestroy],
  ...dailyVerbs,
  ...hostVerbs,
  ...snapshotVerbs,
  ...networkVerbs,
  ["doctor", addDoctor],
  ...rolesVerbs,
  ["schema", addSchema],
  ["completions", addCompletions],
  ["complete", addComplete],
]);

/** Returns commander's `error: …` and suggestion, and where to read more. */
function withHint(text: string): string {
  return `${text.replace(/^error: (.)/, (_, first: string) => `anklume: ${first}`).trimEnd()}\n` +
    "Try `anklume --help`, or `anklume help COMMAND`.\n";
}
