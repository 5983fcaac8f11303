import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Session } from "../../session/session.ts";
import {
  type AddVerb,
  type Choose,
  domainOption,
  EVENTS_TEXT,
  examples,
  JSON_FLAG,
  JSON_TEXT,
  withSnapshots,
} from "../verb.ts";

function addSnapshot(program: Command, choose: Choose, session: Session): void {
  const snapshot = program.command("snapshot")
    .summary("sets of snapshots of machines and their volumes")
    .description(
      "A set carries one name across machines and their storage volumes. Incus holds it, and " +
        "`incus snapshot list` shows its parts.",
    )
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot create before-upgrade", "everything"],
        ["anklume snapshot list", ""],
        ["anklume snapshot restore before-upgrade", ""],
      ),
    );
  addCreate(snapshot, choose, session);
  addList(snapshot, choose, session);
  addRestore(snapshot, choose, session);
  addDelete(snapshot, choose, session);
  addPrune(snapshot, choose, session);
}

function addCreate(snapshot: Command, choose: Choose, session: Session): void {
  snapshot.command("create")
    .summary("take a set")
    .description(
      "Takes machines and their volumes side by side, all of them or nothing. Without --machine " +
        "or --domain: everything. The name is by time unless given. It stays until it is deleted, " +
        "whatever snapshots_expiry says, unless --expiry is given.",
    )
    .argument("[name]", "letters, digits, `.`, `_`, `-`")
    .addOption(machineOption())
    .addOption(domainOption())
    .addOption(allOption())
    .option("--expiry <span>", "delete it after 7d, 2w, 1m …")
    .option("--description <text>", "what it is for")
    .option(
      "--consistent",
      "freeze each machine while its disks are taken: root and volumes are of one moment",
    )
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot create", "everything, named by time"],
        ["anklume snapshot create before-upgrade --machine pro-db --consistent", ""],
        ["anklume snapshot create monday --domain tp --expiry 2w", "a class, for two weeks"],
      ),
    )
    .action((name, options) =>
      choose(() =>
        withSnapshots(
          session,
          { snapshots: "names", locks: true, json: options.json },
          async (start, shown) => {
            const { snapshotCreate } = await import("./create.ts");
            return await snapshotCreate(name, options, shown, start);
          },
        )
      )
    );
}

function addList(snapshot: Command, choose: Choose, session: Session): void {
  snapshot.command("list")
    .summary("the sets, oldest first")
    .description(
      "Shows what can be gone back to: sets that you took, those of restore, apply and the " +
        "schedules, and snapshots made with incus itself. Changes nothing.",
    )
    .addOption(machineOption())
    .addOption(domainOption())
    .addOption(allOption())
    .option(JSON_FLAG, JSON_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot list", ""],
        ["anklume snapshot list --machine pro-db", "of one machine"],
        ["anklume snapshot list --json | jq '.sets[].name'", ""],
      ),
    )
    .action((options) =>
      choose(() =>
        withSnapshots(session, { snapshots: "all" }, async (start) => {
          const { snapshotList } = await import("./list.ts");
          return await snapshotList(options, session, start);
        })
      )
    );
}

function addRestore(snapshot: Command, choose: Choose, session: Session): void {
  snapshot.command("restore")
    .summary("go back to a set")
    .description(
      "Shows what goes back and what is lost, asks, keeps what there is now as a set of its own " +
        "for 7 days, then puts machines and volumes back. What ran runs again, with the address " +
        "and the isolation of infra.yml. An interrupted restore is simply repeated.",
    )
    .argument("<set>", "its name")
    .addOption(machineOption())
    .addOption(domainOption())
    .addOption(allOption())
    .option("--no-safety", "do not keep what there is now")
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot restore before-upgrade", "all of the set"],
        ["anklume snapshot restore before-upgrade --machine pro-db", "one machine of it"],
        ["anklume snapshot restore monday --domain tp-07 --yes", "from a script"],
      ),
    )
    .action((name, options) =>
      choose(async () => (await import("./restore.ts")).snapshotRestore(name, options, session))
    );
}

function addDelete(snapshot: Command, choose: Choose, session: Session): void {
  snapshot.command("delete")
    .summary("delete sets")
    .description("Deletes sets, or with --machine or --domain some machines' parts of them.")
    .argument("<set...>", "their names")
    .addOption(machineOption())
    .addOption(domainOption())
    .addOption(allOption())
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot delete before-upgrade", ""],
        ["anklume snapshot delete monday tuesday --yes", "from a script"],
      ),
    )
    .action((names, options) =>
      choose(() =>
        withSnapshots(
          session,
          { snapshots: "noted", locks: true, json: options.json },
          async (start, shown) => {
            const { snapshotDelete } = await import("./delete.ts");
            return await snapshotDelete(names, options, shown, start);
          },
        )
      )
    );
}

function addPrune(snapshot: Command, choose: Choose, session: Session): void {
  snapshot.command("prune")
    .summary("delete old sets")
    .description(
      "Deletes the sets that anklume took beyond the newest so many, older than so long, or both. " +
        "The baseline, incomplete sets and what an interrupted restore needs stay, and are named. " +
        "Scheduled snapshots go by snapshots_expiry, those made by hand are left alone.",
    )
    .addOption(
      new Option("--keep <number>", "the newest so many stay").argParser(parseCount),
    )
    .option("--older-than <span>", "only what is older than 7d, 2w, 1m …")
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot prune --keep 5", "all but the newest five"],
        ["anklume snapshot prune --older-than 30d --yes", "from a timer"],
        ["anklume snapshot prune --keep 3 --older-than 2w", "old ones, but never the last three"],
      ),
    )
    .action((options) =>
      choose(() =>
        withSnapshots(
          session,
          { snapshots: "all", locks: true, json: options.json },
          async (start, shown) => {
            const { snapshotPrune } = await import("./prune.ts");
            return await snapshotPrune(options, shown, start);
          },
        )
      )
    );
}

function parseCount(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text)) throw new InvalidArgumentError("Give a number, such as 5.");
  return Number(text);
}

function addReset(program: Command, choose: Choose, session: Session): void {
  program.command("reset")
    .summary("back to the baseline: the classroom's button")
    .description(
      "Puts machines and their volumes back to the set that `apply --baseline` took, or to another. " +
        "Ephemeral machines go back without a question and without a safety set; for the others " +
        "it asks, and keeps what there is now for 7 days.",
    )
    .addOption(domainOption())
    .option("--to <name>", "another set than baseline")
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume reset", "the whole class"],
        ["anklume reset --domain tp-07", "one pupil's machines"],
        ["anklume reset --to after-lesson-2", ""],
      ),
    )
    .action((options) => choose(async () => (await import("./reset.ts")).reset(options, session)));
}

/** `--machine`: a name, or the hostname that it has in every copy. */
function machineOption(): Option<"-m, --machine <name>", undefined, string[], string[]> {
  return new Option("-m, --machine <name>", "only this machine (or every copy's); repeatable")
    .argParser((value: string, previous: string[]) => [...previous, value])
    .default([] as string[], "all");
}

function allOption(): Option<"--all", undefined, undefined> {
  return new Option("--all", "everything, as without --machine and --domain")
    .conflicts(["machine", "domain"]);
}

/** The verbs of snapshots, for `program.ts`. */
export const snapshotVerbs: ReadonlyMap<string, AddVerb> = new Map([
  ["snapshot", addSnapshot],
  ["reset", addReset],
]);
