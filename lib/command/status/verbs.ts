import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { type Choose, examples, JSON_FLAG, JSON_TEXT, withNetworks } from "../verb.ts";

export function addStatus(program: Command, choose: Choose, session: Session): void {
  program.command("status")
    .summary("show the firewall, domains and machines")
    .description(
      "Shows the firewall of this host, then each domain and its machines with " +
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
          const { status } = await import("./status.ts");
          return await status(options, session, start);
        })
      )
    );
}
