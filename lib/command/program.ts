import { type Argument, Command, CommanderError } from "@commander-js/extra-typings";
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
    .addHelpCommand(helpCommand())
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
      // Nearly every verb has options: its own help shows them.
      subcommandTerm: (command) =>
        [
          [command.name(), ...command.aliases()].join("|"),
          ...command.registeredArguments.map((argument) => argumentTerm(argument)),
        ].join(" "),
    })
    .addHelpText(
      "after",
      examples(
        ["anklume init", "then check, apply, status"],
      ),
    );

  const asked = firstWord === undefined ? undefined : VERBS.get(firstWord);
  const verbs = asked === undefined || firstWord === "complete" || firstWord === "completions"
    ? new Set(VERBS.values())
    : [asked];
  for (const add of verbs) add(program, choose, session);
  for (const [title, names] of GROUPS) {
    for (const name of names) {
      program.commands.find((command) => command.name() === name)?.helpGroup(`${title}:`);
    }
  }
  return program;
}

function helpCommand(): Command {
  const help = new Command("help").argument("[command]").summary("show help for a command")
    .helpGroup("Set up:");
  // The program does not look at the arguments' types.
  return help as unknown as Command;
}

/** The groups of verbs in the help, in their order there. */
const GROUPS: readonly (readonly [title: string, verbs: readonly string[]])[] = [
  ["Make", ["init", "validate", "check", "apply", "sync", "roles", "destroy"]],
  ["Look", ["status", "doctor"]],
  ["Live in", ["start", "stop", "restart", "exec", "shell", "copy"]],
  ["Prove", ["network"]],
  ["Keep", ["snapshot", "reset"]],
  ["Set up", ["host", "schema", "completions", "help"]],
];

/** Returns an argument as the usage line shows it: `<machine>`, `[names...]`. */
function argumentTerm(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

const VERBS: ReadonlyMap<string, AddVerb> = new Map([
  // In the order of the help.
  ["init", addInit],
  ["validate", addValidate],
  ["check", addCheck],
  ["plan", addCheck],
  ["apply", addApply],
  ["sync", addSync],
  ...rolesVerbs,
  ["destroy", addDestroy],
  ["status", addStatus],
  ["doctor", addDoctor],
  ...dailyVerbs,
  ...networkVerbs,
  ...snapshotVerbs,
  ...hostVerbs,
  ["schema", addSchema],
  ["completions", addCompletions],
  ["complete", addComplete],
]);

/** Verbs of other programs, and what a user of anklume does instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...each("ls list ps", "`anklume status` shows the machines"),
  ...each("up deploy", "`anklume apply` makes the host match infra.yml"),
  ...each("create launch add", "add it to infra.yml, then `anklume apply`"),
  ...each("rm delete remove", "remove it from infra.yml, then `anklume apply --prune`"),
  ...each("down", "`anklume stop` shuts machines down, `anklume destroy` removes everything"),
  ...each("ssh login attach", "use `anklume shell MACHINE`"),
  ...each("run", "use `anklume exec MACHINE -- COMMAND`"),
  ...each("logs", "use `anklume exec MACHINE -- journalctl`"),
  ...each("cp push pull", "use `anklume copy`"),
  ...each("reboot", "use `anklume restart`"),
  ...each("diff", "use `anklume check`"),
  ...each("restore", "use `anklume snapshot restore`"),
  ...each("verify", "use `anklume network verify`"),
  ...each("why", "use `anklume network why`"),
};

function each(words: string, instead: string): Record<string, string> {
  return Object.fromEntries(words.split(" ").map((word) => [word, instead]));
}

/** Returns commander's `error: …` and suggestion, and where to read more. */
function withHint(text: string): string {
  const word = /^error: unknown command '([^']+)'/.exec(text)?.[1] ?? "";
  if (Object.hasOwn(ELSEWHERE, word)) {
    return `anklume: there is no \`anklume ${word}\`: ${ELSEWHERE[word]}.\n`;
  }
  return `${text.replace(/^error: (.)/, (_, first: string) => `anklume: ${first}`).trimEnd()}\n` +
    "Try `anklume --help`, or `anklume help COMMAND`.\n";
}
