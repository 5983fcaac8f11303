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
    .summary("show, load and test the firewall")
    .description("The firewall between the domains: shows its rules, loads them and tests them.")
    .addHelpText(
      "after",
      examples(
        ["anklume network verify", "test the isolation with real packets"],
        ["anklume network why pro-dev perso-print 631", "which rule decides this"],
        ["anklume network rules --diff", "what was changed by hand"],
      ),
    );
  addRules(network, choose, session);
  addDeploy(network, choose, session);
  addVerify(network, choose, session);
  addWhy(network, choose, session);
}

function addRules(network: Command, choose: Choose, session: Session): void {
  network.command("rules")
    .summary("show the live ruleset")
    .description(
      "Prints the live tables with their counters, and what the names in them mean. Exits with " +
        "1 if they differ from what infra.yml asks for.",
    )
    .option("--diff", "show how they differ from the expected ruleset")
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume network rules | less -R", ""],
        ["anklume network rules --diff", "what was changed by hand"],
      ),
    )
    .action((options) =>
      choose(async () => (await import("./rules.ts")).networkRules(options, session))
    );
}

function addDeploy(network: Command, choose: Choose, session: Session): void {
  network.command("deploy")
    .summary("load the ruleset, change nothing else")
    .description(
      "Renders the firewall of the whole infra, loads it in one transaction, reads it back and " +
        "sets it to load at boot. Changes no machine. Use it on a host whose machines are " +
        "managed elsewhere, or to close the domains immediately.",
    )
    .addHelpText("after", examples(["anklume network deploy", ""]))
    .action(() => choose(async () => (await import("./deploy.ts")).networkDeploy(session)));
}

function addVerify(network: Command, choose: Choose, session: Session): void {
  network.command("verify")
    .summary("test the isolation with real packets")
    .description(
      "Sends probes (TCP, UDP, ICMP) between machines of each pair of domains in both " +
        "directions, from and to the host, to other gateways and to the outside. Compares what " +
        "gets through with what infra.yml says. Needs no tool in the machines and leaves " +
        "nothing in them. Exits with 1 on any difference.",
    )
    .addOption(domainOption())
    .option("--full", "probe every machine and every port of the policies, not a sample")
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume network verify", "show the matrix and each difference"],
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
    .summary("show which rule decides a flow, and why")
    .description(
      "Sends the flow's first packet through a copy of the live rules in an empty network " +
        "namespace. Shows which rule decides, where in infra.yml it comes from, and what to " +
        "write to change that. Each end is a machine, a domain, host, outside or an address. " +
        "Exits with 1 if the live rules and infra.yml disagree.",
    )
    .argument("<from>", "source of the connection")
    .argument("<to>", "destination of the connection")
    .argument(
      "[port]",
      "631, 53/udp, icmp (default: the ports of policies, one other port, and icmp)",
    )
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume network why pro-dev perso-print 631", ""],
        ["anklume network why sandbox host 22", "from a domain to the host's ssh"],
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
