import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { RootCommand } from "@bomb.sh/tab";
import { BASH_COMPLETION } from "./bash_completion.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { domainNames, machineNames } from "../../live/find_machines.ts";
import type { Session } from "../../session/session.ts";

/** Prints the completion script of a shell, which calls `anklume complete --` at each TAB. */
export function completions(
  shell: "bash" | "zsh" | "fish",
  { terminal }: Session,
): ExitStatus {
  if (shell === "bash") terminal.out(BASH_COMPLETION);
  else terminal.out(scriptOf(shell));
  return EXIT.done;
}

/**
 * Returns the library's script. The library prints it with `console.log`, which treats a full disk
 * as a bug.
 */
function scriptOf(shell: "zsh" | "fish"): string {
  const { log } = console;
  let script = "";
  console.log = (text: string) => script += `${text}\n`;
  try {
    new RootCommand().setup("anklume", "anklume", shell);
  } finally {
    console.log = log;
  }
  return script;
}

/** Names of the workspace that a command line may contain. */
interface KnownNames {
  readonly domains: readonly string[];
  readonly machines: readonly string[];
  /** Sets of snapshots. */
  readonly sets: readonly string[];
}

const NO_NAMES: KnownNames = { domains: [], machines: [], sets: [] };
/** Verbs that take a set's name: only for them, a TAB asks Incus. */
const OF_SETS: readonly (string | undefined)[] = ["snapshot", "reset"];

/**
 * Answers a TAB: `words` are those after `anklume`, the last one unfinished. Never reports an
 * error.
 */
export async function complete(
  words: readonly string[],
  program: CommandUnknownOpts,
): Promise<ExitStatus> {
  const names = words.length > 1 ? await knownNames(OF_SETS.includes(words[0])) : NO_NAMES;
  completer(program, names).parse([...words]);
  return EXIT.done;
}

/** Returns the command line as the completion library describes it. */
function completer(program: CommandUnknownOpts, names: KnownNames): RootCommand {
  const root = new RootCommand();
  describe(root, program, "", names);
  return root;
}

/** Describes every command below `parent`, each with its whole name: `roles`, `roles show`. */
function describe(
  root: RootCommand,
  parent: CommandUnknownOpts,
  prefix: string,
  names: KnownNames,
): void {
  for (const verb of parent.createHelp().visibleCommands(parent)) {
    // Every command with subcommands has `help`, which needs no completion.
    if (prefix !== "" && verb.name() === "help") continue;
    const name = prefix + verb.name();
    const command = root.command(name, verb.summary() || verb.description());
    for (const option of verb.options.filter((option) => !option.hidden)) {
      const name = option.long?.slice(2);
      if (name === undefined) continue;
      const alias = option.short?.slice(1);
      const values = valuesOf(option, names);
      if (values === undefined) command.option(name, option.description, alias);
      else {
        command.option(name, option.description, (each) => {
          for (const value of values) each(value, "");
        }, alias);
      }
    }
    for (const argument of verb.registeredArguments) {
      const values = argument.argChoices ?? argumentValues(argument.name(), names);
      command.argument(argument.name(), (each) => {
        for (const value of values) each(value, "");
      }, argument.variadic);
    }
    describe(root, verb, `${name} `, names);
  }
}

/** Returns the values of an option; undefined if it takes none. */
function valuesOf(option: Option, names: KnownNames): readonly string[] | undefined {
  if (!option.required && !option.optional) return undefined;
  switch (option.long) {
    case "--domain":
      return names.domains;
    case "--adopt":
      return [...names.machines, ...names.domains];
    case "--machine":
      return names.machines;
    case "--to":
      return names.sets;
    default:
      return option.argChoices ?? [];
  }
}

/** Returns the values of an argument, by its name in the verbs. */
function argumentValues(
  argument: string,
  { domains, machines, sets }: KnownNames,
): readonly string[] {
  switch (argument) {
    case "set":
      return sets;
    case "names":
      return [...machines, ...domains];
    case "machine":
    case "words":
      return machines;
    case "from":
    case "to":
      return machines.map((machine) => `${machine}:`);
    default:
      return [];
  }
}

/**
 * Returns the names of the workspace and, with `withSets`, of this host; none if they cannot be
 * read.
 */
async function knownNames(withSets: boolean): Promise<KnownNames> {
  try {
    const { readInfra } = await import("../../workspace/read_infra.ts");
    const { infra } = readInfra();
    if (infra === undefined) return NO_NAMES;
    const sets = withSets ? await setNames() : [];
    return { domains: domainNames(infra), machines: machineNames(infra), sets };
  } catch {
    return NO_NAMES;
  }
}

async function setNames(): Promise<readonly string[]> {
  try {
    return await (await import("./known_sets.ts")).knownSets();
  } catch {
    return [];
  }
}
