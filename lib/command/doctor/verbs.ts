import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type Choose, examples, JSON_FLAG, JSON_TEXT } from "../verb.ts";

export function addDoctor(program: Command, choose: Choose, session: Session): void {
  program.command("doctor")
    .summary("find problems of this host, and how to fix them")
    .description(
      "Looks for what would break or bypass the isolation, or the internet access of the " +
        "domains: other firewalls, forwarding, routes, the uplink, foreign ports on a bridge, " +
        "rules that would not be loaded at boot. Exits with 1 if it finds a problem.",
    )
    .option("--fix", "fix what anklume can fix; ask before each fix")
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
