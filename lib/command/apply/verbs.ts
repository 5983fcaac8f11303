import type { ExitStatus } from "../../session/exit_status.ts";
import { type Command, Option } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import { takeOverOption } from "../verb.ts";
import {
  type Choose,
  domainOption,
  EVENTS_TEXT,
  examples,
  JSON_FLAG,
  JSON_TEXT,
  withNetworks,
} from "../verb.ts";

export function addCheck(program: Command, choose: Choose, session: Session): void {
  program.command("check").alias("plan")
    .summary("show what apply would change, and why")
    .description(
      "Compares infra.yml with the live state, resource by resource and field by field. Changes " +
        "nothing. This is the plan that apply runs. With --adopt it does the opposite of apply: " +
        "it writes the live settings of a machine or domain into infra.yml, after showing the " +
        "diff.",
    )
    .addOption(domainOption())
    .option(JSON_FLAG, JSON_TEXT)
    .option("--exit-code", "exit with 3 if something would change")
    .option("--fields", "also show every field of new resources")
    .addOption(
      new Option("--adopt <name>", "write this machine's or domain's live settings to infra.yml")
        .conflicts(["domain", "json", "exitCode", "fields"]),
    )
    .option("-y, --yes", "with --adopt: do not ask")
    .addOption(takeOverOption())
    .addHelpText(
      "after",
      examples(
        ["anklume check", ""],
        ["anklume check --domain pro --domain lab", "two domains only"],
        ["anklume check --exit-code || echo drift", "in a script"],
        ["anklume check --adopt pro-dev", "keep changes made by hand"],
      ),
    )
    .action(({ adopt: name, ...options }) =>
      choose(async () => {
        if (name !== undefined) {
          return (await import("./adopt.ts")).adopt(name, options, session);
        }
        return await withNetworks(session, {}, async (start) => {
          const { check } = await import("./check.ts");
          return await check(options, session, start);
        });
      })
    );
}

export function addApply(program: Command, choose: Choose, session: Session): void {
  program.command("apply")
    .summary("make the host match infra.yml")
    .description(
      "Syncs the workspace, changes Incus and the firewall, then provisions with Ansible what " +
        "needs it. Asks before it restarts, rebuilds or deletes anything.",
    )
    .addOption(domainOption())
    .addOption(
      new Option("--infra", "change Incus and the firewall, provision nothing")
        .conflicts("provision"),
    )
    .addOption(
      new Option("--provision", "provision every machine again, change nothing else")
        .conflicts("infra"),
    )
    .option("-y, --yes", "do not ask")
    .option("--force", "also rebuild or delete protected machines")
    .option("--prune", "also remove what infra.yml no longer declares")
    .addOption(takeOverOption())
    .option(JSON_FLAG, EVENTS_TEXT)
    .option("--snapshot", "first take a snapshot set of what will be changed or provisioned")
    .option("--baseline", "at the end, take the snapshot set that reset restores")
    .addOption(new Option("--tags <tags>", "Ansible: run only these tags").conflicts("infra"))
    .addOption(new Option("--skip-tags <tags>", "Ansible: skip these tags").conflicts("infra"))
    .addOption(
      new Option("--vault-password-file <file>", "Ansible: file with the vault password")
        .conflicts("infra"),
    )
    .option("--verify", "test the isolation afterwards, as `network verify` does")
    .option(
      "-v, --verbose",
      "Ansible: more output; repeat for even more",
      (_, more: number) => more + 1,
      0,
    )
    .addHelpText(
      "after",
      examples(
        ["anklume apply", ""],
        ["anklume apply --domain lab --yes", "one domain, from a script"],
        ["anklume apply --infra", "without Ansible"],
        ["anklume apply --yes --json | jq -c .", "events, one per line"],
        ["anklume apply --verify", "then test the isolation with real packets"],
        ["anklume apply --snapshot", "take a snapshot first"],
        ["anklume apply --provision --tags web", "run one role again"],
      ),
    )
    .action((options) => {
      const verbose = Number(options.verbose);
      const run = async (shown: Session): Promise<ExitStatus> => {
        if (options.verify) await (await import("../../live/host_side.ts")).assertOnHost();
        const status = await withNetworks(shown, { locks: true }, async (start) => {
          const { apply } = await import("./apply.ts");
          return await apply({ ...options, verbose }, shown, start);
        });
        if (!options.verify || status !== 0) return status;
        // The host is read again: its state after the apply is to be proven.
        const { networkVerify } = await import("../network/verify.ts");
        shown.terminal.out("\n");
        return await networkVerify({ domain: options.domain, json: options.json }, shown);
      };
      choose(async () => {
        // Without --json nothing comes before the first request to Incus.
        if (!options.json) return await run(session);
        const { withJsonLines } = await import("../../session/json_session.ts");
        return await withJsonLines(options.json, session, run);
      });
    });
}

export function addDestroy(program: Command, choose: Choose, session: Session): void {
  program.command("destroy")
    .summary("remove what anklume made")
    .description(
      "Shows what would be removed, asks, then removes only what carries this infra's mark. " +
        "Protected machines (ephemeral: false) stay unless --force is given. Workspace files stay.",
    )
    .addOption(domainOption())
    .option("--force", "also protected machines and their volumes")
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume destroy --domain lab", "one domain"],
        ["anklume destroy --force --yes", "everything, from a script"],
      ),
    )
    .action((options) =>
      choose(async () => (await import("./destroy.ts")).destroy(options, session))
    );
}
