import type { Command } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import {
  type AddVerb,
  type Choose,
  domainOption,
  examples,
  JSON_FLAG,
  JSON_TEXT,
} from "../verb.ts";

function addNetwork(program: Command, choose: Choose, session: Session): void {
  const network = program.command("network")
    .summary("the ruleset, and live proof of isolation")
    .description("The firewall between the domains: what it says, and whether it holds.")
    .addHelpText(
      "after",
      examples(
        ["anklume network verify", "prove the isolation with real packets"],
        ["anklume network why pro-dev perso-print 631", "which rule decides that"],
        ["anklume network rules --diff", "what somebody changed by hand"],
      ),
    );
  addRules(network, choose, session);
  addDeploy(network, choose, session);
  addVerify(network, choose, session);
  addWhy(network, choose, session);
}

function addRules(network: Command, choose: Choose, session: Session): void {
  network.command("rules")
    .summary("the ruleset as it is live")
    .description(
      "Prints both live tables with their counters, and what the names in them stand for. Exit 1 where " +
        "they are not what infra.yml asks for.",
    )
    .option("--diff", "how they differ from what would be rendered")
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume network rules | less -R", ""],
        ["anklume network rules --diff", "what somebody changed by hand"],
      ),
    )
    .action((options) =>
      choose(async () => (await import("./rules.ts")).networkRules(options, session))
    );
}

function addDeploy(network: Command, choose: Choose, session: Session): void {
  network.command("deploy")
    .summary("load the ruleset, and nothing else")
    .description(
      "Renders the firewall of the whole infra, loads it in one transaction, reads it back and makes " +
        "it come back at boot. Touches no machine: for a host whose machines are managed elsewhere, " +
        "or to close the domains at once.",
    )
    .addHelpText("after", examples(["anklume network deploy", ""]))
    .action(() => choose(async () => (await import("./deploy.ts")).networkDeploy(session)));
}

function addVerify(network: Command, choose: Choose, session: Session): void {
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
      choose(async () => (await import("./verify.ts")).networkVerify(options, session))
    );
}

function addWhy(network: Command, choose: Choose, session: Session): void {
  network.command("why")
    .summary("which rule decides a flow, and where it comes from")
    .description(
      "Sends the flow's first packet through a copy of the live rules, in an empty network namespace, " +
        "and tells which rule decides, where in infra.yml it comes from, and what one would write to " +
        "change that. An end is a machine, a domain, host, outside or an address. Exit 1 where the live " +
        "rules and infra.yml disagree.",
    )
    .argument("<from>", "who begins")
    .argument("<to>", "whom they try to reach")
    .argument(
      "[port]",
      "631, 53/udp, icmp (default: those that policies name, one that none names, icmp)",
    )
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume network why pro-dev perso-print 631", ""],
        ["anklume network why sandbox host 22", "a domain, and the host's ssh"],
        ["anklume network why pro-dev 203.0.113.10 443", "an address outside"],
        ["anklume network why outside pro-dev 22", "from the outside"],
      ),
    )
    .action((from, to, port, options) =>
      choose(async () => (await import("./why.ts")).networkWhy(from, to, port, options, session))
    );
}

/** The firewall's verbs, for `program.ts`. */
export const networkVerbs: ReadonlyMap<string, AddVerb> = new Map([
  ["network", addNetwork],
]);
