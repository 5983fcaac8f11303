import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type AddVerb, type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

function addHost(program: Command, choose: Choose, session: Session): void {
  const host = program.command("host")
    .summary("load the firewall for an admin container")
    .description(
      "A machine with the role admin can run anklume, but the firewall belongs to the host. A " +
        "small systemd unit on the host receives the ruleset, checks that it is this infra's " +
        "and that anklume could have written it, loads it, reads it back and answers. Without " +
        "an answer no machine starts.",
    )
    .addHelpText(
      "after",
      examples(
        ["sudo anklume host install", "on the host, in the workspace"],
        ["anklume host status", "show whether the host is listening"],
        ["sudo anklume host uninstall", ""],
      ),
    );
  host.command("install")
    .summary("accept rulesets from this workspace's admin container")
    .description("Installs, enables and starts the unit. Needs root. Run it again to repair it.")
    .addHelpText("after", examples(["sudo anklume host install", ""]))
    .action(() => choose(async () => (await import("./handover.ts")).hostInstall(session)));
  host.command("status")
    .summary("show whether the host is listening")
    .description("Exits with 1 if the host would not answer an admin container.")
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText("after", examples(["anklume host status", ""]))
    .action((options) =>
      choose(async () => (await import("./handover.ts")).hostStatus(options, session))
    );
  host.command("uninstall")
    .summary("accept no more rulesets")
    .description("Removes the unit. The loaded firewall stays.")
    .addHelpText("after", examples(["sudo anklume host uninstall", ""]))
    .action(() => choose(async () => (await import("./handover.ts")).hostUninstall(session)));
  host.command("answer", { hidden: true })
    .requiredOption("--project <name>")
    .requiredOption("--infra <uuid>")
    .action((owner) =>
      choose(async () => (await import("./handover.ts")).hostAnswer(owner, session))
    );
}

export const hostVerbs: ReadonlyMap<string, AddVerb> = new Map([["host", addHost]]);
