import { optional } from "../../diag/optional.ts";
import { allSettled } from "../../incus/all_settled.ts";
import type { Plan } from "../../plan/plan.ts";
import { type Inventory, readInventory } from "../../snapshot/inventory.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import { SetNoteWriter } from "../../snapshot/note_store.ts";
import { BASELINE } from "../../snapshot/set_name.ts";
import {
  type FoundNote,
  isWhole,
  memberKey,
  notedKey,
  notesOf,
} from "../../snapshot/snapshot_set.ts";
import { hang } from "../../view/text.ts";
import { count } from "../../view/number_text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Live } from "../../live/open_live.ts";
import type { RunForecast } from "../../live/run_forecast.ts";
import type { Session } from "../../session/session.ts";
import { finishInterrupted } from "../../live/open_snapshots.ts";
import { shortList } from "../../view/snapshot.ts";
import { deleteSet } from "../../snapshot/delete_set.ts";
import { freeTimeName, takeAndSay } from "../snapshot/take.ts";

/**
 * The result of `apply --snapshot`: the command that restores the set; undefined if there was
 * nothing to take.
 */
interface TakenBefore {
  readonly status: ExitStatus;
  readonly back?: string;
}

/**
 * Takes a set of what an apply is about to change, replace or provision, as far as it exists
 * already.
 */
export async function snapshotBefore(
  live: Live,
  { plan, needs }: RunForecast,
  options: { readonly force?: true; readonly infra?: true; readonly provision?: true },
  session: Session,
): Promise<TakenBefore> {
  const { terminal, out } = session;
  const inventory = await liveInventory(live, session);
  const { touched, lost } = options.provision
    ? { touched: new Set<string>(), lost: new Set<string>() }
    : touchedMachines(plan, inventory, options.force ?? false);
  if (!options.infra) {
    for (const { domain, machine } of needs) touched.add(`${domain}/${machine}`);
  }
  const machines = inventory.machines.filter(({ project, name }) =>
    touched.has(`${project}/${name}`) && !lost.has(`${project}/${name}`)
  );
  const gone = inventory.machines.filter(({ project, name }) => lost.has(`${project}/${name}`));
  if (gone.length > 0) {
    const names = shortList(gone.map(({ name }) => name));
    const text =
      `Not in the set: ${names}, which will be deleted or recreated together with its snapshots`;
    terminal.err(`${out.colors.yellow(hang("", text, out.width))}\n`);
  }
  if (machines.length === 0) {
    terminal.out("Nothing that exists will be changed: no snapshot is needed.\n");
    return { status: EXIT.done };
  }
  const at = new Date();
  const name = freeTimeName(inventory, at, "apply-");
  const status = await takeAndSay(
    live.incus,
    {
      name,
      kind: "apply",
      at,
      description: "before an apply",
      machines,
    },
    inventory.pools,
    session,
  );
  if (status !== EXIT.done) {
    terminal.err("Nothing was changed.\n");
    return { status };
  }
  return { status, back: `anklume snapshot restore ${name}` };
}

/**
 * Returns, as `project/machine`: the machines that a plan changes, also by a changed volume, and
 * those that lose their snapshots.
 */
function touchedMachines(
  plan: Plan,
  { machines }: Inventory,
  force: boolean,
): { touched: Set<string>; lost: Set<string> } {
  const touched = new Set<string>();
  const lost = new Set<string>();
  for (const { addr, action, effect, needsForce } of plan.changes) {
    if (action === "create" || (needsForce && !force)) continue;
    if (addr.kind === "instance") {
      const name = `${addr.project}/${addr.name}`;
      touched.add(name);
      if (action === "delete" || effect === "data-lost") lost.add(name);
    } else if (addr.kind === "volume") {
      const holder = machines.find(({ volumes }) =>
        volumes.some(({ project, volume }) => project === addr.project && volume === addr.name)
      );
      if (holder !== undefined) touched.add(`${holder.project}/${holder.name}`);
    }
  }
  return { touched, lost };
}

/**
 * Takes the set that `reset` restores, of the machines that were created again and of those without
 * one. The others keep theirs: a reset must discard their changes since then.
 */
export async function takeBaseline(
  live: Live,
  { plan }: RunForecast,
  domains: readonly string[] | undefined,
  session: Session,
): Promise<ExitStatus> {
  const inventory = await liveInventory(live, session);
  const anew = new Set(
    plan.changes.filter(({ addr, action }) =>
      addr.kind === "instance" && (action === "create" || action === "replace")
    ).map(({ addr }) => `${addr.project}/${addr.name}`),
  );
  const machines = inventory.machines.filter((machine) => {
    if (domains?.includes(machine.domain) === false) return false;
    return anew.has(`${machine.project}/${machine.name}`) || !hasBaseline(machine, inventory);
  });
  const { terminal } = session;
  if (machines.length === 0) {
    await finishBaseline(live, inventory);
    terminal.out("Every machine has its baseline; `anklume reset` restores it.\n");
    return EXIT.done;
  }
  const torn = machines.filter(({ project, name }) =>
    inventory.restores.get(project)?.[name] !== undefined
  );
  if (torn.length > 0) {
    const names = shortList(torn.map(({ name }) => name));
    const text = `No baseline was taken: a restore of ${names} was interrupted; ` +
      "`anklume snapshot list` shows the command that finishes it.";
    terminal.err(`${hang("anklume: ", text, session.err.width)}\n`);
    return EXIT.failed;
  }
  const stale = inventory.sets.find(({ name, origin }) =>
    name === BASELINE && origin !== "other" && origin !== "schedule"
  );
  const joins = await withoutStale(live, inventory, stale, machines, session);
  if (joins === undefined) return EXIT.failed;
  const status = await takeAndSay(
    live.incus,
    {
      name: BASELINE,
      kind: "baseline",
      at: new Date(),
      machines,
      ...optional({ joins: joins.length === 0 ? undefined : joins }),
    },
    inventory.pools,
    session,
  );
  if (status === EXIT.done) {
    terminal.out(
      `\`anklume reset\` restores it. New in it: ${count(machines.length, "machine")}.\n`,
    );
  }
  return status;
}

/**
 * Removes the parts of the baseline that these machines replace and returns the notes that are
 * left; undefined: a part could not be removed.
 */
async function withoutStale(
  { incus }: Live,
  inventory: Inventory,
  set: Inventory["sets"][number] | undefined,
  machines: readonly LiveMachine[],
  { signal, terminal }: Session,
): Promise<FoundNote[] | undefined> {
  const members =
    set?.members.filter(({ project, machine }) =>
      machines.some((each) => each.project === project && each.name === machine)
    ) ?? [];
  if (set !== undefined && members.length > 0) {
    const quiet = { signal, onEvent: () => {} };
    const { failed } = await deleteSet(
      incus,
      { set, notes: inventory.notes, members },
      quiet,
    );
    if (failed.length > 0) {
      terminal.err(`The old baseline of ${failed[0]?.machine} stays: ${failed[0]?.message}\n`);
      return undefined;
    }
  }
  const replaced = new Set(members.map(memberKey));
  return notesOf(BASELINE, inventory.notes).flatMap(({ project, note }) => {
    const left = note.machines.filter((noted) => !replaced.has(notedKey(noted)));
    return left.length === 0 ? [] : [{ project, note: { ...note, machines: left } }];
  });
}

function hasBaseline({ project, name }: LiveMachine, { sets }: Inventory): boolean {
  // A baseline of anklume's that expires does not count: it may be deleted before the class is
  // over.
  const members = sets.flatMap((set) =>
    set.name === BASELINE && (set.expires === undefined || set.origin === "other")
      ? set.members
      : []
  );
  return members.some((each) => each.project === project && each.machine === name && isWhole(each));
}

/** Marks a baseline as whole if a run was killed after its last snapshot, before this mark. */
async function finishBaseline({ incus }: Live, { notes }: Inventory): Promise<void> {
  const unfinished = notesOf(BASELINE, notes).filter(({ note }) => note.state === "taking");
  await allSettled(
    unfinished.map(({ project, note }) =>
      new SetNoteWriter(incus, project, BASELINE).write({ ...note, state: "whole" })
    ),
  );
}

/**
 * Thaws the machines that a killed `--consistent` left frozen, whatever state infra.yml gives them.
 */
export async function thawLeftFrozen(live: Live, session: Session): Promise<void> {
  await liveInventory(live, session);
}

/** Reads the inventory and thaws what a killed run left frozen. */
async function liveInventory(live: Live, session: Session): Promise<Inventory> {
  const options = { now: new Date(), signal: session.signal };
  const read = () => readInventory(live.incus, live.owner, options);
  return await finishInterrupted(live.incus, await read(), read, session);
}
