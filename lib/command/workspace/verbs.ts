import { type Command, Option } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { takeOverOption } from "../verb.ts";
import { type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

export function addInit(program: Command, choose: Choose, session: Session): void {
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
      choose(async () => (await import("./init.ts")).init({ ...options, dir }, session))
    );
}

export function addValidate(program: Command, choose: Choose, session: Session): void {
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
      choose(async () => (await import("./validate.ts")).validate(options, session))
    );
}

export function addSync(program: Command, choose: Choose, session: Session): void {
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
    .action((options) => choose(async () => (await import("./sync.ts")).sync(options, session)));
}

export function addSchema(program: Command, choose: Choose, session: Session): void {
  program.command("schema")
    .summary("JSON Schema of infra.yml")
    .description("Prints the JSON Schema of infra.yml, for editors and other tools.")
    .addHelpText("after", examples(["anklume schema > infra.schema.json", ""]))
    .action(() => choose(async () => (await import("./schema.ts")).schema(session)));
}
