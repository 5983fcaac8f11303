import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type AddVerb, type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

function addRoles(program: Command, choose: Choose, session: Session): void {
  const roles = program.command("roles")
    .summary("list, show and copy Ansible roles")
    .description(
      "The roles that machines can use: those embedded in this binary, and those in the " +
        "workspace's roles/, which replace an embedded role of the same name.",
    )
    .addHelpText(
      "after",
      examples(
        ["anklume roles", "list roles and where each comes from"],
        ["anklume roles show base_system", "show what it does and its variables"],
        ["anklume roles copy base_system", "copy it to roles/, to change it"],
      ),
    );
  roles.command("list", { isDefault: true })
    .summary("list roles and where each comes from")
    .description(
      "Lists the embedded roles and those in roles/, which one is used, and by how many machines.",
    )
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText("after", examples(["anklume roles list --json", ""]))
    .action((options) => choose(async () => (await import("./list.ts")).roles(options, session)));
  roles.command("show")
    .summary("show what a role does and its variables")
    .description(
      "Shows where a role comes from and which machines use it, then its variables with their " +
        "defaults. If your role replaces an embedded one, also shows which files differ.",
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
    .summary("copy an embedded role to roles/, to change it")
    .description(
      "Copies an embedded role to roles/. It is yours then: anklume uses it instead of the " +
        "embedded one, and an upgrade does not change it. Never overwrites a role that exists.",
    )
    .argument("<role>", "name of an embedded role")
    .addHelpText("after", examples(["anklume roles copy base_system", "to roles/base_system"]))
    .action((role) => choose(async () => (await import("./copy.ts")).rolesCopy(role, session)));
  roles.command("install")
    .summary("install what requirements.yml lists")
    .description(
      "Installs the collections and roles of requirements.yml into collections/ and roles/ of " +
        "the workspace with ansible-galaxy. Needs a network unless everything is installed " +
        "already. apply never does this by itself.",
    )
    .option("--force", "also install again what is already there")
    .addHelpText("after", examples(["anklume roles install", ""]))
    .action((options) =>
      choose(async () => (await import("./install.ts")).rolesInstall(options, session))
    );
}

/** The verb `roles`, for `program.ts`. */
export const rolesVerbs: ReadonlyMap<string, AddVerb> = new Map([["roles", addRoles]]);
