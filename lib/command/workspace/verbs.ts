import { type Command, Option } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { takeOverOption } from "../verb.ts";
import { type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

export function addInit(program: Command, choose: Choose, session: Session): void {
  program.command("init")
    .summary("create a workspace here or in a subdirectory")
    .description(
      "Writes a commented infra.yml, a .gitignore and the JSON Schema for editors. Never " +
        "overwrites a file. With a directory, creates the workspace there; it must be below the " +
        "current directory.",
    )
    .argument("[dir]", "subdirectory of the current directory (default: here)")
    .addOption(
      new Option("-t, --template <name>", "example to start from")
        .choices(["minimal", "workstation", "classroom"] as const)
        .default("minimal" as const),
    )
    .option("--image <ref>", "default image, such as images:debian/13 or local:NAME")
    .addHelpText(
      "after",
      examples(
        ["anklume init", "one domain, one machine"],
        ["anklume init lab --template workstation", "three domains, in ./lab"],
        ["anklume init --image local:debian-13", "an image that Incus already has"],
      ),
    )
    .action((dir, options) =>
      choose(async () => (await import("./init.ts")).init({ ...options, dir }, session))
    );
}

export function addValidate(program: Command, choose: Choose, session: Session): void {
  program.command("validate")
    .summary("read and check infra.yml, change nothing")
    .description(
      "Reads infra.yml (or infra/) and reports every mistake at once, each with its place and " +
        "how to fix it. Contacts neither Incus nor the network, and writes nothing.",
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
      "Writes inventory, variables, site.yml and the rest of the workspace from infra.yml. " +
        "Replaces only the text between anklume's markers; your own text is kept.",
    )
    .option("--dry-run", "show the changes as a diff, write nothing")
    .option("--clean-orphans", "remove files of machines and domains that no longer exist")
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
