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
    .summary("snapshot sets of machines and their volumes")
    .description(
      "A snapshot set is one name for the snapshots of machines and their storage volumes. " +
        "Incus stores the snapshots, and `incus snapshot list` shows them.",
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
      "Takes snapshots of machines and their volumes together, all of them or none. Without " +
        "--machine or --domain: everything. The default name is the time. The set stays until " +
        "it is deleted, whatever snapshots_expiry says, unless --expiry is given.",
    )
    .argument("[name]", "letters, digits, `.`, `_`, `-`")
    .addOption(machineOption())
    .addOption(domainOption())
    .addOption(allOption())
    .option("--expiry <span>", "delete it after 7d, 2w, 1m …")
    .option("--description <text>", "what the set is for")
    .option(
      "--consistent",
      "freeze each machine during its snapshots, so that root and volumes show the same moment",
    )
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot create", "everything, named after the time"],
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
    .summary("list the sets, oldest first")
    .description(
      "Shows what can be restored: sets that you, apply or a restore took, scheduled " +
        "snapshots, and snapshots made with incus itself. Changes nothing.",
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
    .summary("restore a set")
    .description(
      "Shows what will be restored and what is lost, and asks. Keeps the present state as " +
        "another set for 7 days, then restores machines and volumes. Machines that were running " +
        "are restarted, with the address and the isolation of infra.yml. If a restore is " +
        "interrupted, run it again.",
    )
    .argument("<set>", "name of the set")
    .addOption(machineOption())
    .addOption(domainOption())
    .addOption(allOption())
    .option("--no-safety", "do not keep the present state")
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot restore before-upgrade", "the whole set"],
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
    .description(
      "Deletes sets. With --machine or --domain, deletes only the snapshots of these machines.",
    )
    .argument("<set...>", "names of the sets")
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
      "Deletes the oldest sets that anklume took: by number (--keep), by age (--older-than), or " +
        "both. Automatic sets are counted separately from those that you took. Keeps the " +
        "baseline, incomplete sets and what an interrupted restore needs, and lists them. " +
        "Scheduled snapshots expire by snapshots_expiry. Snapshots made by hand are left " +
        "alone.",
    )
    .addOption(
      new Option("--keep <number>", "keep this many of the newest sets of each kind").argParser(
        parseCount,
      ),
    )
    .option("--older-than <span>", "delete only sets older than 7d, 2w, 1m …")
    .option("-y, --yes", "do not ask")
    .option(JSON_FLAG, EVENTS_TEXT)
    .addHelpText(
      "after",
      examples(
        ["anklume snapshot prune --keep 5", "keep the newest five"],
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
    .summary("restore the baseline, for classrooms")
    .description(
      "Restores machines and their volumes to the set that `apply --baseline` took, or to " +
        "another. Ephemeral machines are restored without a question and without a safety set. " +
        "For the others it asks, and keeps the present state for 7 days.",
    )
    .addOption(domainOption())
    .option("--to <name>", "restore this set instead of the baseline")
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

/** Returns the option `--machine`: a name, or the hostname that it has in every copy. */
function machineOption(): Option<"-m, --machine <name>", undefined, string[], string[]> {
  return new Option(
    "-m, --machine <name>",
    "only this machine (or this machine in every copy); repeatable",
  )
    .argParser((value: string, previous: string[]) => [...previous, value])
    .default([] as string[], "all");
}

function allOption(): Option<"--all", undefined, undefined> {
  return new Option("--all", "everything, the default without --machine and --domain")
    .conflicts(["machine", "domain"]);
}

/** The snapshot verbs, for `program.ts`. */
export const snapshotVerbs: ReadonlyMap<string, AddVerb> = new Map([
  ["snapshot", addSnapshot],
  ["reset", addReset],
]);
