import type { Change } from "../plan/plan.ts";
import { formatAddr, type ResourceKind } from "../resource/address.ts";

/** The parameters for running the changes of a plan. */
interface Schedule {
  readonly changes: readonly Change[];
  /** Number of machines at the same time. */
  readonly concurrency: number;
  /** On abort, nothing new starts; running changes are awaited. */
  readonly signal: AbortSignal | undefined;
  /**
   * Runs one change. Returns false if it failed; changes that depend on it are then skipped. Never
   * throws.
   */
  readonly run: (change: Change) => Promise<boolean>;
  /** `because` is `formatAddr` of the failed change, or `interrupted`. */
  readonly skip: (change: Change, because: string) => void;
}

export const INTERRUPTED = "interrupted";

/**
 * Groups of kinds that do not block each other. Incus creates bridges one after another, so a
 * second parallel bridge would only take a place that a machine can use. Changes that take
 * milliseconds must not wait behind machines.
 */
type Lane = "network" | "instance" | "quick";

function laneOf(kind: ResourceKind): Lane {
  return kind === "network" || kind === "instance" ? kind : "quick";
}

interface ScheduleNode {
  readonly change: Change;
  readonly dependents: ScheduleNode[];
  /** Number of dependencies that are not done yet. */
  waitsFor: number;
  /** The reason why it must not run. The first reason counts. */
  blocked?: string;
}

/**
 * Runs each change as soon as its dependencies are done. Kinds and domains do not wait for each
 * other. Resolves when all changes have ended.
 */
export async function runSchedule(schedule: Schedule): Promise<void> {
  const nodes = buildGraph(schedule.changes);
  const room: Record<Lane, number> = {
    network: 1,
    instance: schedule.concurrency,
    quick: schedule.concurrency,
  };
  const ready: Record<Lane, ScheduleNode[]> = { network: [], instance: [], quick: [] };
  let left = nodes.length;
  await new Promise<void>((resolve) => {
    const release = (node: ScheduleNode): void => {
      left--;
      for (const dependent of node.dependents) {
        dependent.waitsFor--;
        if (node.blocked !== undefined) dependent.blocked ??= node.blocked;
        if (dependent.waitsFor === 0) admit(dependent);
      }
    };
    const admit = (node: ScheduleNode): void => {
      if (node.blocked === undefined) ready[laneOf(node.change.addr.kind)].push(node);
      else {
        schedule.skip(node.change, node.blocked);
        release(node);
      }
    };
    const start = async (lane: Lane, node: ScheduleNode): Promise<void> => {
      room[lane]--;
      if (!await schedule.run(node.change)) node.blocked = formatAddr(node.change.addr);
      room[lane]++;
      release(node);
      pump();
    };
    const pump = (): void => {
      for (const lane of ["quick", "network", "instance"] as const) {
        while (ready[lane].length > 0) {
          if (schedule.signal?.aborted) {
            const node = ready[lane].shift() as ScheduleNode;
            node.blocked = INTERRUPTED;
            admit(node);
          } else if (room[lane] > 0) void start(lane, ready[lane].shift() as ScheduleNode);
          else break;
        }
      }
      if (left === 0) resolve();
    };
    for (const node of nodes.filter((candidate) => candidate.waitsFor === 0)) admit(node);
    pump();
  });
}

function buildGraph(changes: readonly Change[]): ScheduleNode[] {
  const nodes = changes.map((change): ScheduleNode => ({ change, dependents: [], waitsFor: 0 }));
  const byName = new Map(nodes.map((node) => [formatAddr(node.change.addr), node]));
  for (const node of nodes) {
    for (const name of node.change.dependsOn) {
      const needed = byName.get(name);
      if (needed === undefined) continue;
      needed.dependents.push(node);
      node.waitsFor++;
    }
  }
  return nodes;
}
