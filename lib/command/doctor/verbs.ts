import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

export function addDoctor(program: Command, choose: Choose, session: Session): void {
  program.command("doctor")
    .summary("what this host lacks, and how to mend it")
    .description(
      "Looks for what would break or walk around the isolation, or the internet of the domains: other " +
        "firewalls, forwarding, routes, the uplink, foreign ports on a bridge, rules that would not come " +
        "back at boot. Exit 1 where something is bad.",
    )
    .option("--fix", "mend what anklume can mend, each after asking")
    .option("-y, --yes", "with --fix: do not ask")
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(["anklume doctor", ""], ["anklume doctor --fix", "shows each command, then asks"]),
    )
    .action((options) =>
      choose(async () => (await import("./doctor.ts")).doctor(options, session))
    );
}
