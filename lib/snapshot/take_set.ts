import { allSettled } from "../incus/all_settled.ts";
import { orMissing } from "../incus/collection.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import { outlastRestart } from "../incus/retry.ts";
import { NEVER } from "../incus/wire/snapshot.ts";
import { eachMachine, wordsOf } from "./each_machine.ts";
import type { LiveMachine } from "./live_machine.ts";
import { NameTakenError, SetNoteWriter } from "./note_store.ts";
import { machineKey, placeKey } from "./place.ts";
import { type NotedMachine, notedVolumes, type SetKind, type SetNote } from "./set_note.ts";
import { type FoundNote, notedMachinesOf } from "./snapshot_set.ts";
import type { WorkOptions, WorkResult } from "./snapshot_event.ts";
import { optional } from "../diag/optional.ts";

/** A set to take. The caller has checked that the name is free. */
export interface SetRequest {
  readonly name: string;
  readonly kind: SetKind;
  readonly at: Date;
  readonly expires?: Date;
  readonly description?: string;
  /** Freezes each running machine while its disks are taken. */
  readonly consistent?: boolean;
  readonly machines: readonly LiveMachine[];
  /** Notes of the set these machines join; absent: the set is new. */
  readonly joins?: readonly FoundNote[];
}

export interface TakeResult extends WorkResult {
  /**
   * `taken`: the whole set. `undone`: nothing of it is left. `incomplete`: some parts could not be
   * removed, and are marked.
   */
  readonly outcome: "taken" | "undone" | "incomplete";
  /** Why it is incomplete. */
  readonly leftBecause?: string;
  /** Longest time that one machine stood still, in milliseconds. */
  readonly frozenMs: number;
}

/**
 * A frozen machine also waits for the snapshots of the others. Half as many at a time as without a
 * freeze, and the set takes no longer.
 */
const FREEZES_AT_ONCE = 4;

/**
 * Takes a set, the whole or nothing. The first note marks an interrupted set, and tells the next
 * run which machines may still be frozen. This run thaws them whatever fails.
 * @throws NameTakenError if a set of this name exists now; then nothing of this one is left
 */
export async function takeSet(
  incus: IncusClient,
  request: SetRequest,
  options: WorkOptions,
): Promise<TakeResult> {
  const note = noteOf(request);
  const writers = homesOf(request).map((home) => new SetNoteWriter(incus, home, request.name));
  const write = (note: SetNote) => allSettled(writers.map((writer) => writer.write(note)));
  const frozen = frozenBy(request);
  const first: SetNote = { ...note, state: "taking", ...(frozen.length === 0 ? {} : { frozen }) };
  await (request.joins === undefined
    ? allSettled(writers.map((writer) => writer.claim(first)))
    : write(first));
  for (const writer of writers) writer.prepare();
  if (request.joins === undefined) {
    await allSettled(writers.map((writer) => writer.confirm(first)));
  }
  const taken: Taken[] = [];
  const stillMs: number[] = [];
  const result = await eachMachine(request.machines, options, async (machine, say) => {
    const own: Taken = { ...machine, theirs: new Set() };
    taken.push(own);
    say("taking its snapshot");
    const take = () => takeMachine(incus, own, request);
    if (!request.consistent || machine.status !== "Running") return await take();
    stillMs.push(await whileFrozen(incus, machine, take));
  }, request.consistent ? FREEZES_AT_ONCE : undefined);
  const frozenMs = Math.max(0, ...stillMs);
  if (result.failed.length + result.skipped.length > 0) {
    return { ...result, ...await undo(incus, request, taken, { writers, first }), frozenMs };
  }
  await outlastRestart(() => write(note));
  return { ...result, outcome: "taken", frozenMs };
}

/**
 * Returns the homes of the set: those of the set it joins, or the first of a new set's projects.
 */
function homesOf({ machines, joins }: SetRequest): string[] {
  if (joins !== undefined) return joins.map(({ project }) => project);
  return machines.map(({ project }) => project).toSorted().slice(0, 1);
}

/** Returns the note for the finished set. */
function noteOf({ kind, at, expires, description, joins, machines }: SetRequest): SetNote {
  return {
    state: "whole",
    kind,
    at: joins?.[0]?.note.at ?? at.toISOString(),
    ...optional({ expires: expires?.toISOString(), description }),
    machines: [
      ...notedMachinesOf(joins ?? []),
      ...machines.map((machine) => notedMachine(machine, joins && at)),
    ],
  };
}

/** @param joined when, if the set existed already */
function notedMachine(
  { project, name, instance, volumes }: LiveMachine,
  joined: Date | undefined,
): NotedMachine {
  const uuid = instance.config["volatile.uuid"];
  return {
    project,
    machine: name,
    ...optional({ uuid, at: joined?.toISOString() }),
    volumes: notedVolumes(volumes),
  };
}

function frozenBy({ consistent, machines }: SetRequest): string[] {
  if (!consistent) return [];
  return machines.filter(({ status }) => status === "Running")
    .map(({ project, name }) => machineKey({ project, machine: name }));
}

/** A machine whose snapshots were requested. */
interface Taken extends LiveMachine {
  /**
   * Disks (`machineKey` and `placeKey`) that already had a snapshot of this name: it is not ours.
   */
  readonly theirs: Set<string>;
}

/** Takes the snapshots of root disk and volumes in parallel. */
async function takeMachine(
  { instanceSnapshots, volumeSnapshots }: IncusClient,
  { project, name, volumes, theirs }: Taken,
  request: SetRequest,
): Promise<void> {
  const body = { name: request.name, expires_at: request.expires?.toISOString() ?? NEVER };
  const unlessTheirs = async (disk: string, key: string, taking: Promise<void>) => {
    try {
      await taking;
    } catch (error) {
      if (!isThere(error)) throw error;
      theirs.add(key);
      throw new Error(`${disk} has a snapshot \`${body.name}\` already`, { cause: error });
    }
  };
  await allSettled([
    unlessTheirs(
      "its root disk",
      machineKey({ project, machine: name }),
      instanceSnapshots.create(project, name, body),
    ),
    ...volumes.map((volume) =>
      unlessTheirs(volume.volume, placeKey(volume), volumeSnapshots.create(volume, body))
    ),
  ]);
}

/** True if Incus refused a second snapshot of one name. */
function isThere(error: unknown): boolean {
  return error instanceof IncusError &&
    /UNIQUE constraint failed|already in use|already exists/.test(error.message);
}

/** @returns how long the machine was frozen, in milliseconds */
async function whileFrozen(
  incus: IncusClient,
  machine: LiveMachine,
  work: () => Promise<void>,
): Promise<number> {
  const { project, name } = machine;
  const began = performance.now();
  try {
    await incus.instances.setState(project, name, { action: "freeze" });
    await work();
  } catch (error) {
    // It may not even be frozen. The first error counts, unless the machine stays frozen.
    const stays = await thaw(incus, machine).then(() => undefined, wordsOf);
    throw stays === undefined ? error : new Error(`${wordsOf(error)}; ${stays}`, { cause: error });
  }
  if (!await thaw(incus, machine)) {
    throw new Error("it was thawed before its snapshot was taken");
  }
  return performance.now() - began;
}

const THAW_ATTEMPTS = 3;

/** @returns false: it was not frozen any more */
async function thaw(incus: IncusClient, machine: LiveMachine): Promise<boolean> {
  const { project, name } = machine;
  let asked = 0;
  const unfreeze = () => {
    asked++;
    return incus.instances.setState(project, name, { action: "unfreeze" });
  };
  for (let attempt = 1;; attempt++) {
    try {
      await outlastRestart(unfreeze);
      return true;
    } catch (cause) {
      // A repeated request may be refused because the first one was carried out after all.
      if (!await isFrozen(incus, machine)) return asked > 1;
      if (attempt < THAW_ATTEMPTS) continue;
      const by = `incus resume --project ${project} ${name}`;
      throw new Error(`it stays frozen, thaw it with \`${by}\`: ${wordsOf(cause)}`, { cause });
    }
  }
}

/** True also if the status cannot be read. */
async function isFrozen({ instances }: IncusClient, { project, name }: LiveMachine) {
  try {
    return (await instances.get(project, name)).value.status === "Frozen";
  } catch {
    return true;
  }
}

/**
 * Removes a set that failed. The note is removed last, and stays if a removal fails.
 * @throws NameTakenError if the note is another run's now
 */
async function undo(
  incus: IncusClient,
  { name, joins }: SetRequest,
  taken: readonly Taken[],
  { writers, first }: { readonly writers: readonly SetNoteWriter[]; readonly first: SetNote },
): Promise<Pick<TakeResult, "outcome" | "leftBecause">> {
  try {
    await outlastRestart(() =>
      allSettled(taken.map((machine) => removeTaken(incus, machine, name)))
    );
    await outlastRestart(() =>
      allSettled(writers.map((writer, index) => {
        const before = joins?.[index];
        return before === undefined ? writer.withdraw(first) : writer.write(before.note);
      }))
    );
    return { outcome: "undone" };
  } catch (error) {
    if (error instanceof NameTakenError) throw error;
    return { outcome: "incomplete", leftBecause: wordsOf(error) };
  }
}

async function removeTaken(
  { instanceSnapshots, volumeSnapshots }: IncusClient,
  { project, name, volumes, theirs }: Taken,
  snapshot: string,
): Promise<void> {
  const removing = volumes.filter((volume) => !theirs.has(placeKey(volume)))
    .map((volume) => orMissing(volumeSnapshots.delete(volume, snapshot)));
  if (!theirs.has(machineKey({ project, machine: name }))) {
    removing.push(orMissing(instanceSnapshots.delete(project, name, snapshot)));
  }
  await allSettled(removing);
}
