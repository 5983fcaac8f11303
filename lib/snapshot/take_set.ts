import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import { NEVER } from "../incus/wire/snapshot.ts";
import { allSettled, eachMachine, wordsOf } from "./each_machine.ts";
import type { LiveMachine } from "./inventory.ts";
import { writeSetNote } from "./note_store.ts";
import type { SetKind, SetNote } from "./set_note.ts";
import type { WorkOptions, WorkResult } from "./snapshot_event.ts";

/** What is to be taken. That the name is free has been seen to. */
export interface SetRequest {
  readonly name: string;
  readonly kind: SetKind;
  readonly at: Date;
  readonly expires?: Date;
  readonly description?: string;
  /** Freezes each running machine while its disks are taken. */
  readonly consistent?: boolean;
  readonly machines: readonly LiveMachine[];
  /** Notes of the set these machines join, by project; absent: the set is new. */
  readonly joins?: ReadonlyMap<string, SetNote>;
}

export interface TakeResult extends WorkResult {
  /** `taken`: all of it. `undone`: nothing of it is left. `incomplete`: what could not be removed is marked. */
  readonly outcome: "taken" | "undone" | "incomplete";
  /** Why it is incomplete. */
  readonly leftBecause?: string;
  /** Longest time that one machine stood still, in milliseconds. */
  readonly frozenMs: number;
}

/**
 * Takes a set: all of it or nothing. The note that comes first makes an interrupted one recognisable, and each project's tells the
 * next run, before anything is done there, which machines it may have left frozen; they are thawed here whatever fails.
 */
export async function takeSet(
  incus: IncusClient,
  request: SetRequest,
  options: WorkOptions,
): Promise<TakeResult> {
  const notes = notesOf(request);
  const begun = beginNotes(incus, request, notes);
  const taken: LiveMachine[] = [];
  let frozenMs = 0;
  const result = await eachMachine(request.machines, options, async (machine, say) => {
    await begun.get(machine.project)?.written;
    taken.push(machine);
    say("taking its snapshot");
    if (!request.consistent || machine.status !== "Running") {
      return await takeMachine(incus, machine, request);
    }
    frozenMs = Math.max(
      frozenMs,
      await whileFrozen(incus, machine, () => takeMachine(incus, machine, request)),
    );
  });
  try {
    await allSettled([...begun.values()].map(({ written }) => written));
  } catch (error) {
    await undo(incus, request, taken);
    throw error;
  }
  if (result.failed.length + result.skipped.length > 0) {
    return { ...result, ...await undo(incus, request, taken), frozenMs };
  }
  await allSettled([...notes].map(async ([project, note]) => {
    if (begun.get(project)?.isFinal) return;
    await writeSetNote(incus, project, request.name, note);
  }));
  return { ...result, outcome: "taken", frozenMs };
}

/** What a project is told before the first snapshot there. */
interface BegunNote {
  readonly written: Promise<void>;
  /** It holds once all is taken, too. */
  readonly isFinal: boolean;
}

/**
 * Begins to write the notes, by project. The first one marks the set as unfinished, and no other comes before it. Who waits for
 * the note of one project only can begin there: the daemon writes them one after another, and takes its time.
 */
function beginNotes(
  incus: IncusClient,
  request: SetRequest,
  notes: ReadonlyMap<string, SetNote>,
): Map<string, BegunNote> {
  const [first] = notes.keys();
  let marked: Promise<void> | undefined;
  return new Map([...notes].map(([project, note]): [string, BegunNote] => {
    const frozen = frozenBy(request, project);
    const isFinal = project !== first && frozen === undefined;
    const write = () =>
      writeSetNote(incus, project, request.name, {
        ...note,
        ...(project === first ? { state: "taking" } : {}),
        ...(frozen === undefined ? {} : { frozen }),
      });
    const written = marked === undefined ? marked = write() : marked.then(write);
    // Who waits for it is told.
    written.catch(() => {});
    return [project, { written, isFinal }];
  }));
}

/** The notes once all is taken, by project. */
function notesOf(request: SetRequest): Map<string, SetNote> {
  const { kind, at, expires, description, joins } = request;
  const ofProjects = Map.groupBy(request.machines, ({ project }) => project);
  const projects = [...new Set([...joins?.keys() ?? [], ...ofProjects.keys()])].toSorted();
  // A set that is joined names its new projects on the old ones too.
  return new Map(projects.map((project): [string, SetNote] => {
    const before = joins?.get(project);
    const machines = ofProjects.get(project) ?? [];
    return [project, {
      state: "whole",
      kind,
      at: before?.at ?? at.toISOString(),
      ...(expires === undefined ? {} : { expires: expires.toISOString() }),
      ...(description === undefined ? {} : { description }),
      machines: { ...before?.machines, ...Object.fromEntries(machines.map(volumesNote)) },
      projects,
    }];
  }));
}

function volumesNote({ name, volumes }: LiveMachine): [string, string[]] {
  return [name, volumes.map(({ pool, volume }) => `${pool}/${volume}`)];
}

function frozenBy(request: SetRequest, project: string): string[] | undefined {
  if (!request.consistent) return undefined;
  return request.machines.filter((machine) =>
    machine.project === project && machine.status === "Running"
  ).map(({ name }) => name);
}

/** Root disk and volumes side by side. */
async function takeMachine(
  { instanceSnapshots, volumeSnapshots }: IncusClient,
  { project, name, volumes }: LiveMachine,
  request: SetRequest,
): Promise<void> {
  const body = { name: request.name, expires_at: request.expires?.toISOString() ?? NEVER };
  await allSettled([
    instanceSnapshots.create(project, name, body),
    ...volumes.map((volume) => volumeSnapshots.create(volume, body)),
  ]);
}

/** @returns for how long it stood still, in milliseconds */
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
    // It may not even be frozen: what failed first is what counts.
    await thaw(incus, machine).catch(() => {});
    throw error;
  }
  await thaw(incus, machine);
  return performance.now() - began;
}

const THAW_ATTEMPTS = 3;

async function thaw(incus: IncusClient, { project, name }: LiveMachine): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await incus.instances.setState(project, name, { action: "unfreeze" });
    } catch (cause) {
      if (attempt < THAW_ATTEMPTS) continue;
      const by = `incus resume --project ${project} ${name}`;
      throw new Error(`it stays frozen, thaw it with \`${by}\`: ${wordsOf(cause)}`, { cause });
    }
  }
}

/**
 * Removes what there is of a set that failed, the note that marks it at the very last. Where that fails its notes stay, and
 * mark it.
 */
async function undo(
  incus: IncusClient,
  request: SetRequest,
  taken: readonly LiveMachine[],
): Promise<Pick<TakeResult, "outcome" | "leftBecause">> {
  const { name, joins } = request;
  const [first, ...others] = notesOf(request).keys();
  const takeBack = (project: string) => writeSetNote(incus, project, name, joins?.get(project));
  try {
    await allSettled(taken.map((machine) => removeTaken(incus, machine, name)));
    await allSettled(others.map(takeBack));
    if (first !== undefined) await takeBack(first);
    return { outcome: "undone" };
  } catch (error) {
    return { outcome: "incomplete", leftBecause: wordsOf(error) };
  }
}

async function removeTaken(
  { instanceSnapshots, volumeSnapshots }: IncusClient,
  { project, name, volumes }: LiveMachine,
  snapshot: string,
): Promise<void> {
  await allSettled([
    unlessMissing(instanceSnapshots.delete(project, name, snapshot)),
    ...volumes.map((volume) => unlessMissing(volumeSnapshots.delete(volume, snapshot))),
  ]);
}

/** What is not there needs no deleting. */
export async function unlessMissing(deleting: Promise<void>): Promise<void> {
  try {
    await deleting;
  } catch (error) {
    if (!(error instanceof IncusError) || error.status !== 404) throw error;
  }
}
