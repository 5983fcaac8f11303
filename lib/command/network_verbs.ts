import type { Command } from "@commander-js/extra-typings";
import type { Session } from "./session.ts";
import { type AddVerb, type Choose, domainOption, examples, JSON_FLAG, JSON_TEXT } from "./verb.ts";

function addNetwork(program: Command, choose: Choose, session: Session): void {
  const network = program.command("network")
    .summary("the ruleset, and live proof of isolation")
    .description("The firewall between the domains: what it says, and whether it holds.")
    .addHelpText(
      "after",
      examples(
        ["anklume network verify", "prove the isolation with real packets"],
      ),
    );
  network.command("verify")
    .summary("prove the isolation with real packets")
    .description(
      "Sends probes (TCP, UDP, ICMP) between machines of each ordered pair of domains, from and to " +
        "the host, to other gateways and to the outside, and compares what gets through with what " +
        "infra.yml says. Needs no tool in the machines and leaves nothing in them. Exit 1 on any " +
        "difference.",
    )
    .addOption(domainOption())
    .option("--full", "every machine and every port of the policies, not one for all")
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume network verify", "the matrix, and each difference"],
        ["anklume network verify --domain pro --full", "one domain, thoroughly"],
        ["anklume network verify --json | jq .differences", "for a script"],
      ),
    )
    .action((options) =>
      choose(async () => (await import("./network_verify.ts")).networkVerify(options, session))
    );
}

/** The firewall's verbs, for `program.ts`. */
export const networkVerbs: ReadonlyMap<string, AddVerb> = new Map([["network", addNetwork]]);
