import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type AddVerb, type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

function addRoles(program: Command, choose: Choose, session: Session): void {
  const roles = program.command("roles")
    .summary("Ansible roles at hand")
    .description(
      "Roles that machines may name: those embedded in this binary, and those in the workspace's " +
        "roles/, which win over an embedded one of the same name.",
    )
    .addHelpText(
      "after",
      examples(
        ["anklume roles", "which there are, and whose is used"],
        ["anklume roles show base_system", "what it does, and its variables"],
        ["anklume roles copy base_system", "into roles/, to be changed"],
      ),
    );
  roles.command("list", { isDefault: true })
    .summary("which roles there are, and whose is used")
    .description(
      "Lists the embedded roles and those in roles/, says which of two is used, and by how many machines.",
    )
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText("after", examples(["anklume roles list --json", ""]))
    .action((options) => choose(async () => (await import("./list.ts")).roles(options, session)));
  roles.command("show")
    .summary("what a role does, and its variables")
    .description(
      "Says where a role comes from and which machines use it, then its variables with their " +
        "defaults. Of one that stands instead of an embedded one, which files differ.",
    )
    .argument("<role>", "name of a role")
    .addHelpText(
      "after",
      examples(["anklume roles show web_server", ""], ["anklume roles show web_server | less", ""]),
    )
    .option(JSON_FLAG, JSON_TEXT)
    .action((role, options) =>
      choose(async () => (await import("./show.ts")).rolesShow(role, options, session))
    );
  roles.command("copy")
    .summary("put an embedded role into roles/, to be changed")
    .description(
      "Writes an embedded role to roles/, where it is yours: from then on it is used instead of the " +
        "embedded one, and no new anklume changes it. Never overwrites a role that is there.",
    )
    .argument("<role>", "name of an embedded role")
    .addHelpText("after", examples(["anklume roles copy base_system", "to roles/base_system"]))
    .action((role) => choose(async () => (await import("./copy.ts")).rolesCopy(role, session)));
  roles.command("install")
    .summary("get what requirements.yml lists")
    .description(
      "Installs the collections and roles of requirements.yml into collections/ and roles/ of the " +
        "workspace with ansible-galaxy, which needs a network unless all of it is there already. " +
        "apply never does this by itself.",
    )
    .option("--force", "also those that are installed already")
    .addHelpText("after", examples(["anklume roles install", ""]))
    .action((options) =>
      choose(async () => (await import("./install.ts")).rolesInstall(options, session))
    );
}

/** The verb `roles`, for `program.ts`. */
export const rolesVerbs: ReadonlyMap<string, AddVerb> = new Map([["roles", addRoles]]);
