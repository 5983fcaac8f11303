import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type AddVerb, type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

function addHost(program: Command, choose: Choose, session: Session): void {
  const host = program.command("host")
    .summary("what an admin container needs on the host")
    .description(
      "A machine with the role admin runs anklume from inside; the firewall stays the host's. A small " +
        "systemd unit takes the ruleset over, checks that it is this infra's and that anklume could " +
        "have written it, loads it, reads it back and answers. Without an answer nothing starts.",
    )
    .addHelpText(
      "after",
      examples(
        ["sudo anklume host install", "on the host, in the workspace"],
        ["anklume host status", "is the host listening"],
        ["sudo anklume host uninstall", ""],
      ),
    );
  host.command("install")
    .summary("take rulesets from this workspace's admin container")
    .description("Places, enables and starts the unit, as root. Running it again mends it.")
    .addHelpText("after", examples(["sudo anklume host install", ""]))
    .action(() => choose(async () => (await import("./handover.ts")).hostInstall(session)));
  host.command("status")
    .summary("is the host listening")
    .description("Exit status 1 when the host would not answer an admin container.")
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText("after", examples(["anklume host status", ""]))
    .action((options) =>
      choose(async () => (await import("./handover.ts")).hostStatus(options, session))
    );
  host.command("uninstall")
    .summary("take nothing more from it")
    .description("Removes the unit. The firewall that stands stays.")
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
