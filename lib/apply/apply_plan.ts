import type { IncusClient } from "../incus/incus_client.ts";
import { IncusError } from "../incus/incus_error.ts";
import type { DesiredState } from "../plan/desired_state.ts";
import type { Change, Plan } from "../plan/plan.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import type { DesiredResource } from "../resource/resource.ts";
import { EventQueue } from "./event_queue.ts";
import type { ApplyEvent } from "./event.ts";
import { executeChange } from "./execute_change.ts";
import { FirewallGate, type FirewallPort } from "./firewall_gate.ts";
import { runSchedule } from "./schedule.ts";
import type { HostBridges, HostCleanup } from "./step_context.ts";
import { ChangedMeanwhileError, isChangedMeanwhile } from "./changed_meanwhile.ts";
import { findDead, SETTLE_MS } from "./started_machines.ts";

interface ApplyOptions {
  readonly incus: IncusClient;
  readonly firewall: FirewallPort;
  /**
   * On abort, nothing new starts, running changes finish, and the rest is `skipped: interrupted`.
   */
  readonly signal?: AbortSignal;
  /** Protected machines may be rebuilt and deleted. */
  readonly force?: boolean;
  /** Number of machines at the same time. More than 4 is not faster. */
  readonly concurrency?: number;
  /**
   * Milliseconds before started machines are checked again. Default: 2500 with `plan.watchStarts`,
   * else 0.
   */
  readonly settleMs?: number;
  readonly now?: () => number;
  /** Awaited before a project is deleted. */
  readonly beforeProjectGoes?: ((project: string) => Promise<void>) | undefined;
  /** Undefined: leftovers of a killed daemon on the host stay. */
  readonly cleanup?: HostCleanup | undefined;
  /** Undefined: only the parts of a bridge that Incus itself can repair are repaired. */
  readonly bridges?: HostBridges | undefined;
}

/** Number of machines at the same time. More of them would only wait for the daemon. */
export const CONCURRENCY = 4;

/**
 * Runs a plan: the firewall first, then each change as soon as its dependencies are done. Never
 * throws for a failed change: that is a `failed` event, changes that depend on it are `skipped`,
 * and the rest continues. `desired` is the state that the plan was made for; undefined for a plan
 * that only deletes.
 */
export function applyPlan(
  plan: Plan,
  desired: DesiredState | undefined,
  options: ApplyOptions,
): AsyncIterable<ApplyEvent> {
  const events = new EventQueue<ApplyEvent>();
  new ApplyRun(plan, desired, options, events).run().then(
    () => events.close(),
    (error) => events.fail(error),
  );
  return events;
}

class ApplyRun {
  readonly #plan: Plan;
  readonly #options: ApplyOptions;
  readonly #events: EventQueue<ApplyEvent>;
  readonly #desired: ReadonlyMap<string, DesiredResource>;
  readonly #gate: FirewallGate;
  readonly #started: ResourceAddr[] = [];
  readonly #now: () => number;

  constructor(
    plan: Plan,
    desired: DesiredState | undefined,
    options: ApplyOptions,
    events: EventQueue<ApplyEvent>,
  ) {
    this.#plan = plan;
    this.#options = options;
    this.#events = events;
    this.#desired = new Map(
      desired?.resources.map((resource) => [formatAddr(resource.addr), resource]),
    );
    this.#gate = new FirewallGate(
      options.firewall,
      plan.changes.some((change) => change.addr.kind === "firewall"),
    );
    this.#now = options.now ?? Date.now;
  }

  async run(): Promise<void> {
    for (const { addr, diagnostic } of this.#plan.held) {
      this.#skip(addr, "no-op", diagnostic.summary);
    }
    const allowed: Change[] = [];
    for (const change of this.#plan.changes) {
      if (!change.needsForce || this.#options.force) allowed.push(change);
      else this.#skip(change.addr, change.action, "protected: needs --force");
    }
    await runSchedule({
      changes: allowed,
      concurrency: this.#options.concurrency ?? CONCURRENCY,
      signal: this.#options.signal,
      run: (change) => this.#run(change),
      skip: (change, because) => this.#skip(change.addr, change.action, because),
    });
    await this.#lookAgain();
  }

  async #run(change: Change): Promise<boolean> {
    const { addr, action } = change;
    const began = this.#now();
    this.#events.push({ type: "started", at: began, addr, action });
    try {
      if (addr.kind === "firewall") await this.#changeFirewall(change);
      else if (await this.#changeResource(change)) this.#started.push(addr);
      // If this fails, the change has failed, and no machine is created on the bridge.
      if (addr.kind === "network" && action !== "delete") await this.#gate.settleBridge(addr.name);
    } catch (error) {
      const at = this.#now();
      const message = `Cannot ${action} ${formatAddr(addr)}: ${wordsOf(error)}`;
      const meanwhile = isChangedMeanwhile(error) ? { changedMeanwhile: true as const } : {};
      this.#events.push({
        type: "failed",
        at,
        addr,
        action,
        ms: at - began,
        message,
        ...meanwhile,
      });
      return false;
    }
    const at = this.#now();
    this.#events.push({ type: "done", at, addr, action, ms: at - began });
    return true;
  }

  async #changeFirewall(change: Change): Promise<void> {
    if (change.action === "delete") await this.#gate.remove();
    else await this.#gate.load();
  }

  #changeResource(change: Change): Promise<boolean> {
    const context = {
      incus: this.#options.incus,
      beforeStart: () => this.#gate.check(),
      desiredVolume: (addr: ResourceAddr) => {
        const resource = this.#desired.get(formatAddr(addr));
        return resource?.kind === "volume" ? resource : undefined;
      },
      beforeProjectGoes: this.#options.beforeProjectGoes,
      cleanup: this.#options.cleanup,
      bridges: this.#options.bridges,
      now: this.#now,
      progress: (text: string) =>
        this.#events.push({ type: "progress", at: this.#now(), addr: change.addr, text }),
    };
    return executeChange(context, change, this.#desired.get(formatAddr(change.addr)));
  }

  /**
   * Checks the started machines at the end. Only a machine that still runs counts as started, even
   * if Incus reported success.
   */
  async #lookAgain(): Promise<void> {
    if (this.#started.length === 0) return;
    const settle = this.#options.settleMs ?? (this.#plan.watchStarts ? SETTLE_MS : 0);
    const { incus, signal } = this.#options;
    for (const { addr, why } of await findDead(incus, this.#started, settle, signal)) {
      const message = `Cannot keep ${formatAddr(addr)} running: ${why}`;
      const action = "update";
      this.#events.push({ type: "failed", at: this.#now(), addr, action, ms: 0, message });
    }
  }

  #skip(addr: ResourceAddr, action: Change["action"], because: string): void {
    this.#events.push({ type: "skipped", at: this.#now(), addr, action, because });
  }
}

/**
 * Incus was interrupted while it took a snapshot. It writes nothing to the machine until that
 * snapshot is deleted.
 */
const HALF_A_SNAPSHOT = /snapshot record count doesn't match/;
const DELETE_IT =
  "One of its snapshots was cut off half-way: delete that snapshot to repair it (incus snapshot " +
  "list, incus snapshot delete)";

/** Incus's errors for a machine whose status is `Error`. */
const IN_ERROR = /^The instance is already stopped$|cannot be started as in Error status/;
const END_IT =
  "The host process that runs it does not answer Incus: end that process (`ps -ef | grep 'lxc " +
  "monitor'` shows it, then kill -KILL), restart Incus (`systemctl restart incus`), and apply " +
  "again";

function wordsOf(error: unknown): string {
  if (isChangedMeanwhile(error)) return new ChangedMeanwhileError().message;
  if (error instanceof IncusError) {
    const words = `Incus answered ${error.status}: ${error.message}`;
    if (HALF_A_SNAPSHOT.test(error.message)) return `${words}. ${DELETE_IT}`;
    return IN_ERROR.test(error.message) ? `${words}. ${END_IT}` : words;
  }
  return error instanceof Error ? error.message : String(error);
}
