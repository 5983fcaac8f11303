import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { PowerAction } from "./choose_machines.ts";
import type { Session } from "../../session/session.ts";
import {
  type AddVerb,
  type Choose,
  domainOption,
  examples,
  JSON_FLAG,
  JSON_TEXT,
} from "../verb.ts";

const USER_TEXT = "user to run as (default: global.default_user of infra.yml)";

function addStart(program: Command, choose: Choose, session: Session): void {
  program.command("start")
    .summary("start machines")
    .description(
      "Starts machines by name, all machines of a domain, or all except those with `state: " +
        "stopped`. Reads the firewall back first. If it is not the expected one, nothing starts.",
    )
    .argument("[names...]", "machines or domains (default: all)")
    .addHelpText(
      "after",
      examples(["anklume start pro-dev", ""], ["anklume start lab", "every machine of a domain"]),
    )
    .action((names) => choosePower("start", names, {}, choose, session));
}

function addStop(program: Command, choose: Choose, session: Session): void {
  program.command("stop")
    .summary("shut machines down")
    .description("Asks machines to shut down: by name, all machines of a domain, or all.")
    .argument("[names...]", "machines or domains (default: all, after asking)")
    .addOption(timeoutOption())
    .option("--force", "power off without a shutdown")
    .option("-y, --yes", "do not ask before stopping all of them")
    .addHelpText(
      "after",
      examples(
        ["anklume stop pro-dev", ""],
        ["anklume stop lab --force", "power off a whole domain"],
        ["anklume stop --yes", "everything, from a script"],
      ),
    )
    .action((names, options) => choosePower("stop", names, options, choose, session));
}

function addRestart(program: Command, choose: Choose, session: Session): void {
  program.command("restart")
    .summary("stop machines and start them again")
    .description(
      "Shuts machines down and starts them. Stopped machines are started too. Reads the " +
        "firewall back before it stops anything, and again before it starts anything.",
    )
    .argument("[names...]", "machines or domains (default: all running machines, after asking)")
    .addOption(timeoutOption())
    .option("--force", "power off without a shutdown")
    .option("-y, --yes", "do not ask before restarting all of them")
    .addHelpText("after", examples(["anklume restart pro-dev", ""], ["anklume restart lab", ""]))
    .action((names, options) => choosePower("restart", names, options, choose, session));
}

function choosePower(
  action: PowerAction,
  names: string[],
  options: { readonly timeout?: number; readonly force?: true; readonly yes?: true },
  choose: Choose,
  session: Session,
): void {
  choose(async () => {
    const { power } = await import("./power.ts");
    return await power(action, names, { timeout: DEFAULT_TIMEOUT_S, ...options }, session);
  });
}

const DEFAULT_TIMEOUT_S = 30;

function timeoutOption() {
  return new Option("-t, --timeout <seconds>", "how long a machine may take to shut down")
    .default(DEFAULT_TIMEOUT_S)
    .argParser((text) => {
      if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("It is a number of seconds.");
      return Number(text);
    });
}

function addExec(program: Command, choose: Choose, session: Session): void {
  program.command("exec")
    .summary("run a command in one or many machines")
    .description(
      "Runs a command in a running machine. Standard input, terminal and exit status pass " +
        "through. With --domain or --all it runs in every running machine at the same time. " +
        "Each output line begins with the machine's name, and the exit status is 1 if any " +
        "failed.",
    )
    .usage(
      "[options] <machine> [--] <command...>\n       anklume exec [options] --domain <name>|--all -- <command...>",
    )
    .argument("[words...]", "machine and command")
    .addOption(domainOption().default([] as string[], "none").conflicts("all"))
    .option("--all", "in all running machines")
    .option("-u, --user <name>", USER_TEXT)
    .option("-t, --tty", "allocate a terminal (default: if there is one here)")
    .option("-T, --no-tty", "do not allocate a terminal")
    .option(JSON_FLAG, `collect the output, then ${JSON_TEXT}`)
    .passThroughOptions()
    .addHelpText(
      "after",
      examples(
        ["anklume exec pro-dev -- apt-get update", ""],
        ["anklume exec --domain lab -- uptime", "a whole domain"],
        ["anklume exec pro-db -- pg_dump app > app.sql", "save its unchanged output"],
        ["anklume exec --all --json -- cat /etc/debian_version", ""],
      ),
    )
    .action((words, options, command) => {
      // Commander treats `--no-tty` as a `tty` that is true by default.
      const told = command.getOptionValueSource("tty") === "cli";
      const { tty, ...rest } = options;
      const chosen = told ? { ...rest, tty: tty === true } : rest;
      choose(async () => (await import("./exec.ts")).exec(words, chosen, session));
    });
}

function addShell(program: Command, choose: Choose, session: Session): void {
  program.command("shell")
    .summary("a login shell in a machine")
    .description("Opens a login shell in a running machine. The exit status is the shell's.")
    .argument("<machine>", "name of the machine")
    .option("-u, --user <name>", USER_TEXT)
    .addHelpText(
      "after",
      examples(["anklume shell pro-dev", ""], ["anklume shell pro-dev --user root", ""]),
    )
    .action((machine, options) =>
      choose(async () => (await import("./shell.ts")).shell(machine, options, session))
    );
}

function addCopy(program: Command, choose: Choose, session: Session): void {
  program.command("copy")
    .summary("copy files between machines, or to and from the workspace")
    .description(
      "Copies a file or a directory. MACHINE:/path is a path in a machine (a container may be " +
        "stopped); any other path is in the workspace. As with cp, if <to> is a directory, the " +
        "copy goes into it. Copies belong to root unless --preserve is given. Symbolic links are " +
        "never copied to the workspace.",
    )
    .argument("<from>", "MACHINE:/path, or a path in the workspace")
    .argument("<to>", "likewise")
    .option("-r, --recursive", "copy a directory and everything in it")
    .option("-p, --preserve", "keep owner and group between machines")
    .addHelpText(
      "after",
      examples(
        ["anklume copy pro-dev:/etc/hosts lab-1:/root/", "between machines"],
        ["anklume copy -r www web:/srv", "from the workspace"],
        ["anklume copy db:/var/backups/app.sql .", "into the workspace"],
      ),
    )
    .action((from, to, options) =>
      choose(async () => (await import("./copy.ts")).copy(from, to, options, session))
    );
}

/** The verbs of daily life, for `program.ts`. */
export const dailyVerbs: ReadonlyMap<string, AddVerb> = new Map([
  ["start", addStart],
  ["stop", addStop],
  ["restart", addRestart],
  ["exec", addExec],
  ["shell", addShell],
  ["copy", addCopy],
]);
