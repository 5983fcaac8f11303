import { Argument, Command, CommanderError, Option } from "@commander-js/extra-typings";
import { dailyVerbs } from "./machine/verbs.ts";
import { hostVerbs } from "./host/verbs.ts";
import { networkVerbs } from "./network/verbs.ts";
import { rolesVerbs } from "./roles/verbs.ts";
import type { Session } from "../session/session.ts";
import { snapshotVerbs } from "./snapshot/verbs.ts";
import {
  type AddVerb,
  type Choose,
  domainOption,
  EVENTS_TEXT,
  examples,
  JSON_FLAG,
  JSON_TEXT,
  withNetworks,
} from "./verb.ts";
import { VERSION } from "./version.ts";

export { CommanderError };

/**
 * The command line. A verb's code is loaded when it runs. Where the first word is a verb, the others are not even described:
 * that takes longer than most of them need to run.
 */
export function createProgram(
  session: Session,
  choose: Choose,
  firstWord: string | undefined,
): Command {
  const program = new Command("anklume")
    .description(
      "Isolated domains on this host, from one file: infra.yml becomes subnets, Incus projects, " +
        "machines and a firewall between them. The workspace is the current directory.",
    )
    .version(VERSION, "-V, --version", "show version and commit")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    // `exec` hands its words on, options included.
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
        ["anklume check", "what apply would change"],
        ["anklume apply", "make it so"],
        ["anklume status", "firewall, domains, machines"],
      ),
    );

  const asked = firstWord === undefined ? undefined : VERBS.get(firstWord);
  const verbs = asked === undefined || firstWord === "complete" || firstWord === "completions"
    ? new Set(VERBS.values())
    : [asked];
  for (const add of verbs) add(program, choose, session);
  return program;
}

function addInit(program: Command, choose: Choose, session: Session): void {
  program.command("init")
    .summary("start a workspace here, or in a directory below")
    .description(
      "Writes a commented infra.yml, a .gitignore and the JSON Schema for editors. Never overwrites " +
        "a file. With a directory, makes the workspace there: it must lie below the current one.",
    )
    .argument("[dir]", "directory below the current one (default: here)")
    .addOption(
      new Option("-t, --template <name>", "what to start from")
        .choices(["minimal", "workstation", "classroom"] as const)
        .default("minimal" as const),
    )
    .option("--image <ref>", "default image, such as images:debian/13 or local:NAME")
    .addHelpText(
      "after",
      examples(
        ["anklume init", "one domain, one machine"],
        ["anklume init lab --template workstation", "three domains, in ./lab"],
        ["anklume init --image local:debian-13", "an image Incus already has"],
      ),
    )
    .action((dir, options) =>
      choose(async () => (await import("./workspace/init.ts")).init({ ...options, dir }, session))
    );
}

function addValidate(program: Command, choose: Choose, session: Session): void {
  program.command("validate")
    .summary("read and check infra.yml, touch nothing")
    .description(
      "Reads infra.yml (or infra/) and reports every mistake at once, each with its place and how " +
        "to mend it. Asks neither Incus nor the network, and writes nothing.",
    )
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume validate", ""],
        ["anklume validate --json", "diagnostics for an editor or a CI job"],
      ),
    )
    .action((options) =>
      choose(async () => (await import("./workspace/validate.ts")).validate(options, session))
    );
}

/** The one way to say from a script that what lives here is this infra; `--yes` does not. */
function takeOverOption(): Option<"--take-over <uuid>", undefined, undefined, undefined, false> {
  return new Option("--take-over <uuid>", "infra.lock.yml is lost: that living infra is this one");
}

function addSync(program: Command, choose: Choose, session: Session): void {
  program.command("sync")
    .summary("write the Ansible tree")
    .description(
      "Writes inventory, variables, site.yml and the rest of the workspace from infra.yml. Only what " +
        "stands between anklume's markers is replaced; your own text survives.",
    )
    .option("--dry-run", "show what would change as a diff, write nothing")
    .option("--clean-orphans", "remove the files of machines and domains that are gone")
    .addOption(takeOverOption())
    .addHelpText(
      "after",
      examples(
        ["anklume sync --dry-run", "the diff"],
        ["anklume sync", ""],
      ),
    )
    .action((options) =>
      choose(async () => (await import("./workspace/sync.ts")).sync(options, session))
    );
}

function addCheck(program: Command, choose: Choose, session: Session): void {
  program.command("check").alias("plan")
    .summary("what apply would change, and why")
    .description(
      "Compares infra.yml with the live state, resource by resource and field by field. Changes " +
        "nothing. It is the plan that apply runs. With --adopt it does the opposite of apply: it " +
        "writes what a machine or domain is now into infra.yml, after showing the diff.",
    )
    .addOption(domainOption())
    .option(JSON_FLAG, JSON_TEXT)
    .option("--exit-code", "exit 3 when something would change")
    .option("--fields", "show every field of what would be created, too")
    .addOption(
      new Option("--adopt <name>", "take over what this machine or domain is now")
        .conflicts(["domain", "json", "exitCode", "fields"]),
    )
    .option("-y, --yes", "with --adopt: do not ask")
    .addOption(takeOverOption())
    .addHelpText(
      "after",
      examples(
        ["anklume check", ""],
        ["anklume check --domain pro --domain lab", "two domains only"],
        ["anklume check --exit-code || echo drift", "in a script"],
        ["anklume check --adopt pro-dev", "keep what was changed by hand"],
      ),
    )
    .action(({ adopt: name, ...options }) =>
      choose(async () => {
        if (name !== undefined) {
          return (await import("./apply/adopt.ts")).adopt(name, options, session);
        }
        return await withNetworks(session, {}, async (start) => {
          const { check } = await import("./apply/check.ts");
          return await check(options, session, start);
        });
      })
    );
}

function addApply(program: Command, choose: Choose, session: Session): void {
  program.command("apply")
    .summary("make the host what infra.yml says")
    .description(
      "Syncs, then converges Incus and the firewall, then provisions what needs it with Ansible. " +
        "Asks before anything is restarted, rebuilt or lost.",
    )
    .addOption(domainOption())
    .addOption(
      new Option("--infra", "converge Incus and the firewall, provision nothing")
        .conflicts("provision"),
    )
    .addOption(
      new Option("--provision", "provision every machine again, converge nothing")
        .conflicts("infra"),
    )
    .option("-y, --yes", "do not ask")
    .option("--force", "also rebuild or delete protected machines")
    .option("--prune", "also remove what infra.yml no longer declares")
    .addOption(takeOverOption())
    .option(JSON_FLAG, EVENTS_TEXT)
    .option("--snapshot", "first take a set of what is changed, replaced or provisioned")
    .option("--baseline", "at the end, take the set that reset goes back to")
    .addOption(new Option("--tags <tags>", "Ansible: only these tags").conflicts("infra"))
    .addOption(new Option("--skip-tags <tags>", "Ansible: without these tags").conflicts("infra"))
    .addOption(
      new Option("--vault-password-file <file>", "Ansible: where the vault's password is")
        .conflicts("infra"),
    )
    .option("--verify", "prove the isolation afterwards, as `network verify` does")
    .option("-v, --verbose", "Ansible: say more; repeat for more", (_, more: number) => more + 1, 0)
    .addHelpText(
      "after",
      examples(
        ["anklume apply", ""],
        ["anklume apply --domain lab --yes", "one domain, from a script"],
        ["anklume apply --infra", "without Ansible"],
        ["anklume apply --yes --json | jq -c .", "events, one a line"],
        ["anklume apply --verify", "and prove the isolation with real packets"],
        ["anklume apply --snapshot", "with a way back"],
        ["anklume apply --provision --tags web", "run one role again"],
      ),
    )
    .action((options) => {
      const verbose = Number(options.verbose);
      choose(async () => {
        if (options.verify) await (await import("../live/host_side.ts")).assertOnHost();
        const status = await withNetworks(session, { locks: true }, async (start) => {
          const { apply } = await import("./apply/apply.ts");
          return await apply({ ...options, verbose }, session, start);
        });
        if (!options.verify || status !== 0) return status;
        // Read anew: what stands now is to be proven, not what stood before.
        const { networkVerify } = await import("./network/verify.ts");
        if (!options.json) session.terminal.out("\n");
        return await networkVerify({ domain: options.domain, json: options.json }, session);
      });
    });
}

function addStatus(program: Command, choose: Choose, session: Session): void {
  program.command("status")
    .summary("firewall, domains, machines")
    .description(
      "What stands on this host: the firewall first, then each domain and its machines with " +
        "address, state and drift. Changes nothing.",
    )
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(["anklume status", ""], ["anklume status --json | jq .firewall", ""]),
    )
    .action((options) =>
      choose(() =>
        withNetworks(session, {}, async (start) => {
          const { status } = await import("./status/status.ts");
          return await status(options, session, start);
        })
      )
    );
}

function addDestroy(program: Command, choose: Choose, session: Session): void {
  program.command("destroy")
    .summary("remove what anklume made")
    .description(
      "Shows what would go, asks, and removes what carries this infra's mark, nothing else. " +
        "Protected machines (ephemeral: false) stay unless --force is given. Files of the workspace stay.",
    )
    .addOption(domainOption())
    .option("--force", "protected machines and their volumes too")
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume destroy --domain lab", "one domain"],
        ["anklume destroy --force --yes", "everything, from a script"],
      ),
    )
    .action((options) =>
      choose(async () => (await import("./apply/destroy.ts")).destroy(options, session))
    );
}

function addSchema(program: Command, choose: Choose, session: Session): void {
  program.command("schema")
    .summary("JSON Schema of infra.yml")
    .description("Prints the JSON Schema of infra.yml, for editors and other tools.")
    .addHelpText("after", examples(["anklume schema > infra.schema.json", ""]))
    .action(() => choose(async () => (await import("./workspace/schema.ts")).schema(session)));
}

function addCompletions(program: Command, choose: Choose, session: Session): void {
  program.command("completions")
    .summary("shell completion for bash, zsh or fish")
    .description("Prints a completion script, which asks anklume itself for domains and verbs.")
    .addArgument(new Argument("<shell>", "your shell").choices(["bash", "zsh", "fish"] as const))
    .addHelpText(
      "after",
      examples(
        ["source <(anklume completions bash)", "for this shell"],
        ["anklume completions fish > ~/.config/fish/completions/anklume.fish", ""],
      ),
    )
    .action((shell) =>
      choose(async () => (await import("./completion/completions.ts")).completions(shell, session))
    );
}

/** What the completion scripts call: `anklume complete -- apply --domain pr`. */
function addComplete(program: Command, choose: Choose): void {
  program.command("complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .helpOption(false)
    .action((words) =>
      choose(async () => (await import("./completion/completions.ts")).complete(words, program))
    );
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
  ...rolesVerbs,
  ["schema", addSchema],
  ["completions", addCompletions],
  ["complete", addComplete],
]);

/** commander's `error: …` and suggestion, followed by where to read on. */
function withHint(text: string): string {
  return `${text.replace(/^error: (.)/, (_, first: string) => `anklume: ${first}`).trimEnd()}\n` +
    "Try `anklume --help`, or `anklume help COMMAND`.\n";
}
