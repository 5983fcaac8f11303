/**
 * A real Incus for the tests of this folder, which run inside a testbed:
 * `scripts/testbed run -- deno test --allow-all tests/apply`. The infra of each test has its own
 * name and UUID, and is destroyed with force when the test ends.
 */
import { applyPlan } from "../../lib/apply/apply_plan.ts";
import type { ApplyEvent, ApplyReport } from "../../lib/apply/event.ts";
import type { FirewallPort } from "../../lib/apply/firewall_gate.ts";
import { summarize } from "../../lib/apply/summarize.ts";
import { connectIncus, type IncusClient } from "../../lib/incus/incus_client.ts";
import type { Infra } from "../../lib/infra/infra.ts";
import type { ActualFirewall, ActualState } from "../../lib/plan/actual_state.ts";
import { createPlan } from "../../lib/plan/create_plan.ts";
import type { DesiredState } from "../../lib/plan/desired_state.ts";
import { createDestroyPlan } from "../../lib/plan/destroy_plan.ts";
import type { Plan } from "../../lib/plan/plan.ts";
import { desiredOf, withMachines } from "../../lib/plan/_plan_fixture.ts";
import { readActualState } from "../../lib/plan/read_actual_state.ts";

/** The image that `scripts/testbed start --image` imports. */
export const IMAGE = { kind: "local", alias: "anklume-test", text: "local:anklume-test" } as const;

/** Returns the infra with each machine made from the testbed's image and free to be deleted. */
export function onTestImage(infra: Infra): Infra {
  const names = infra.domains.flatMap((domain) => domain.machines.map(({ name }) => name));
  const patch = { image: IMAGE, ephemeral: true };
  return withMachines(infra, Object.fromEntries(names.map((name) => [name, patch])));
}

/** A firewall that only records calls: `lib/nftables` has the tests of nft. */
export class RememberedFirewall implements FirewallPort {
  loaded = false;
  /** Thrown by `load` and `verify`. */
  fault: Error | undefined;

  load(): Promise<void> {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    this.loaded = true;
    return Promise.resolve();
  }

  verify(): Promise<void> {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    return this.loaded ? Promise.resolve() : Promise.reject(new Error("not loaded"));
  }

  settleBridge(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    this.loaded = false;
    return Promise.resolve();
  }

  get state(): ActualFirewall {
    return { state: this.loaded ? "in-place" : "missing", differences: [] };
  }
}

/** The options of `applyPlan`. */
export interface RunOptions {
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  readonly settleMs?: number;
  readonly onEvent?: (event: ApplyEvent) => void;
}

/** An infra on the testbed's Incus. */
export class Host implements AsyncDisposable {
  readonly firewall: RememberedFirewall = new RememberedFirewall();
  readonly infraId: string = crypto.randomUUID();
  events: ApplyEvent[] = [];

  private constructor(readonly incus: IncusClient, readonly project: string) {}

  static async connect(project: string): Promise<Host> {
    return new Host(await connectIncus(), project);
  }

  async actual(): Promise<ActualState> {
    const state = await readActualState(this.incus, { images: true, poolSpace: true });
    return { ...state, firewall: this.firewall.state };
  }

  desired(infra: Infra): DesiredState {
    return desiredOf(infra, { infraId: this.infraId });
  }

  async plan(infra: Infra): Promise<Plan> {
    return createPlan(this.desired(infra), await this.actual());
  }

  /** Plans, applies and keeps the events. */
  async apply(
    infra: Infra,
    options: RunOptions = {},
  ): Promise<ApplyReport> {
    const desired = this.desired(infra);
    const plan = createPlan(desired, await this.actual());
    return await this.run(plan, desired, options);
  }

  async run(
    plan: Plan,
    desired: DesiredState | undefined,
    { onEvent, ...options }: RunOptions = {},
  ): Promise<ApplyReport> {
    this.events = [];
    const { incus, firewall } = this;
    for await (const event of applyPlan(plan, desired, { incus, firewall, ...options })) {
      this.events.push(event);
      onEvent?.(event);
    }
    return summarize(this.events);
  }

  async destroy(options: { force?: boolean } = {}): Promise<ApplyReport> {
    const owner = { project: this.project, infraId: this.infraId };
    const plan = createDestroyPlan(owner, await this.actual(), options);
    return await this.run(plan, undefined, options);
  }

  async status(project: string, name: string): Promise<string> {
    return (await this.incus.instances.get(project, name)).value.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.firewall.fault = undefined;
    await this.destroy({ force: true });
    await this.incus.close();
  }
}
