import { allSettled } from "../incus/all_settled.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import { stopMachine } from "../incus/stop_machine.ts";
import { outlastRestart } from "../incus/retry.ts";
import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { DesiredInstance } from "../resource/instance.ts";
import type { Owner } from "../resource/mark.ts";
import type { ActualNetwork } from "../resource/network.ts";
import { convergedBody, isConverged } from "./converge_restored.ts";
import { eachMachine, isPoolFull, wordsOf } from "./each_machine.ts";
import { writeRestoreNote } from "./note_store.ts";
import type { LiveMachine } from "./live_machine.ts";
import { placeKey } from "./place.ts";
import type { RestoreMachine, RestorePlan } from "./plan_restore.ts";
import { notedVolumes, type RestoreNote } from "./set_note.ts";
import { StandIns } from "./stand_in.ts";
import type { WorkOptions, WorkResult } from "./snapshot_event.ts";
import { optional } from "../diag/optional.ts";

export interface RestoreOptions extends WorkOptions {
  /** The set with the state from before the restore. */
  readonly safety?: string;
  /** The instances that infra.yml declares, by `project/machine`. */
  readonly desired: ReadonlyMap<string, DesiredInstance>;
  readonly owner: Owner;
  /** The existing networks. */
  readonly networks: readonly ActualNetwork[];
  /** Awaited before a machine in status `Error` is stopped, since Incus alone cannot stop it. */
  readonly wake: (machine: LiveMachine, say: (text: string) => void) => Promise<void>;
  /**
   * Resolves when the firewall is loaded; throws otherwise. Awaited before a machine is stopped,
   * and before it is started.
   */
  readonly beforeStart: () => Promise<void>;
  /**
   * Awaited when a pool is full: a pool frees the room of discarded data only after a while.
   * Resolves to true if another attempt is worthwhile.
   */
  readonly room: () => Promise<boolean>;
  /** Unfinished restores, by project: their machines stay pending until they are restored. */
  readonly earlier: ReadonlyMap<string, RestoreNote>;
  /** Projects whose notes differ from `earlier`. */
  readonly outdated: readonly string[];
}

/**
 * Stops and starts keep the two cores of a small host busy; more of them at once would only wait.
 */
const AT_ONCE = 4;
/** Seconds a machine has to shut down before it is stopped by force. */
const STOP_GRACE_S = 10;

/**
 * Restores machines and their volumes. First notes on the projects which machines ran. An
 * interrupted or killed restore can so be repeated, and ends in the same state.
 */
export async function restoreSet(
  incus: IncusClient,
  plan: RestorePlan,
  options: RestoreOptions,
): Promise<WorkResult> {
  if (plan.machines.some(({ runs }) => runs)) await options.beforeStart();
  const safety = options.safety === undefined ? {} : { safety: options.safety };
  const pending = new Map(
    [...Map.groupBy(plan.machines, ({ live }) => live.project)].map(([project, machines]) => [
      project,
      {
        ...options.earlier.get(project),
        ...Object.fromEntries(
          machines.map(({ live, runs }) => {
            const uuid = live.instance.config["volatile.uuid"];
            const known = optional({ uuid });
            const volumes = notedVolumes(live.volumes);
            return [
              live.name,
              { set: plan.set.name, ran: runs, ...known, ...safety, volumes },
            ] as const;
          }),
        ),
      },
    ]),
  );
  await allSettled(
    [...pending].map(([project, note]) => writeRestoreNote(incus, project, note)),
  );
  await allSettled(
    options.outdated.filter((project) => !pending.has(project))
      .map((project) => writeRestoreNote(incus, project, options.earlier.get(project) ?? {})),
  );
  await using _standIns = await StandIns.make(
    incus,
    options.owner,
    plan.machines,
    options.networks,
  );
  const work = plan.machines.map((machine) => ({
    ...machine,
    project: machine.live.project,
    name: machine.live.name,
  }));
  const result = await eachMachine(
    work,
    options,
    (machine, say) => restoreMachine(incus, machine, options, say),
    AT_ONCE,
  );
  const done = new Set(result.done);
  await allSettled([...pending].map(([project, note]) => {
    const left = Object.entries(note).filter(([machine]) => !done.has(machine));
    return outlastRestart(() => writeRestoreNote(incus, project, Object.fromEntries(left)));
  }));
  return result;
}

async function restoreMachine(
  incus: IncusClient,
  machine: RestoreMachine,
  { desired, wake, room, beforeStart }: RestoreOptions,
  say: (text: string) => void,
): Promise<void> {
  const { live, runs } = machine;
  const { project, name } = live;
  const { instances } = incus;
  if (live.status !== "Stopped") {
    // A machine is stopped by force if all of its disks go back: the restore discards whatever it
    // would still write. If it has a volume more, it is asked to shut down first.
    const graceS = machine.newVolumes.length > 0 ? STOP_GRACE_S : "none";
    await stopMachine(incus, live, { graceS, wake: () => wake(live, say), say });
  }
  for (let full = true; full;) {
    say("restoring its disks");
    try {
      await putBack(incus, machine, desired.get(`${project}/${name}`));
      full = false;
    } catch (error) {
      if (!isPoolFull(wordsOf(error))) throw error;
      say("waiting for space in the pool");
      if (!await room()) throw error;
    }
  }
  if (!runs) return;
  await beforeStart();
  say("starting");
  const start = () => instances.setState(project, name, { action: "start" });
  try {
    await start();
  } catch (error) {
    // A start that a killed run had requested happened after all. The machine runs with its old
    // config, or a converged one.
    if (!(error instanceof IncusError) || !await isRunning(incus, machine)) throw error;
    await instances.setState(project, name, { action: "stop", force: true });
    await start();
  }
}

/**
 * Restores its disks, then writes what infra.yml declares, since Incus restores the old config with
 * the disks.
 */
async function putBack(
  { instances, instanceSnapshots, volumes, volumeSnapshots }: IncusClient,
  { live, member, limits }: RestoreMachine,
  desired: DesiredInstance | undefined,
): Promise<void> {
  const { project, name } = live;
  await allSettled([
    ...(member.snapshot === undefined
      ? []
      : [instanceSnapshots.restore(project, name, member.snapshot)]),
    ...member.volumes.map(async ({ pool, volume, snapshot }) => {
      if (snapshot === undefined) return;
      const place = { pool, project, volume };
      await volumeSnapshots.restore(place, snapshot);
      const key = placeKey(place);
      if (limits.has(key)) await limitAsNow(volumes, place, limits.get(key));
    }),
  ]);
  const { value, etag } = await instances.get(project, name);
  const body = convergedBody(value, live.instance, desired, live.volumes);
  if (!isConverged(value, body)) await instances.update(project, name, body, { etag });
}

/**
 * Changes the size and changes it back: Incus sets a btrfs limit only when the config changes.
 * @param then the size at the time of the snapshot
 */
async function limitAsNow(
  volumes: IncusClient["volumes"],
  { pool, project, volume }: VolumePlace,
  then: string | undefined,
): Promise<void> {
  const { value: { description, config } } = await volumes.get(pool, project, volume);
  const { size, ...unlimited } = config;
  if (size === then) return;
  const other = size === undefined ? { ...config, size: then! } : unlimited;
  await volumes.update(pool, project, volume, { description, config: other });
  await volumes.update(pool, project, volume, { description, config });
}

async function isRunning({ instances }: IncusClient, { live }: RestoreMachine): Promise<boolean> {
  return (await instances.get(live.project, live.name)).value.status === "Running";
}
