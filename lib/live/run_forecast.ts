import { diagnosticsOf } from "../addressing/host_conflict.ts";
import type { PreparedSync } from "../ansible/sync.ts";
import { warnOfInjectedFacts } from "../ansible/injected_facts.ts";
import { readProvisionFiles } from "../ansible/provision_files.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { Infra } from "../infra/infra.ts";
import type { ActualState, IncusState } from "../plan/actual_state.ts";
import { createPlan } from "../plan/create_plan.ts";
import { type DesiredState, desiredState, limitTo } from "../plan/desired_state.ts";
import { domainOf, ownedResources } from "../plan/orphans.ts";
import { hasNvidia } from "../plan/actual_state.ts";
import { holdConflicts } from "../plan/hold_conflicts.ts";
import { holdSelf } from "../plan/hold_self.ts";
import type { Plan, PlanOptions } from "../plan/plan.ts";
import { readDetails, wantsDetails } from "../plan/read_details.ts";
import { formatAddr } from "../resource/address.ts";
import { pendingMachines } from "../snapshot/pending_restore.ts";
import type { Live } from "./open_live.ts";
import {
  type ProvisionNeed,
  provisionNeeds,
  type SeenMachine,
} from "../ansible/provision_needs.ts";
import type { Workspace } from "../workspace/load_workspace.ts";

/** Everything that apply would do: `check` shows it and `apply` runs it. */
export interface RunForecast {
  readonly desired: DesiredState;
  readonly plan: Plan;
  readonly tree: PreparedSync;
  readonly needs: readonly ProvisionNeed[];
  /** Warnings of infra.yml, the lock, the tree and interrupted restores; the plan has its own. */
  readonly warnings: readonly Diagnostic[];
  /** Why domains of this run cannot work on this host: the plan holds their changes back. */
  readonly conflicts: readonly Diagnostic[];
}

interface RunForecastOptions extends PlanOptions {
  /** Only these; undefined: everything. */
  readonly domains?: readonly string[] | undefined;
  /** `--provision`: machines are provisioned whether they need it or not. */
  readonly always?: boolean;
}

/** Computes what apply would do; changes nothing. */
export async function createRunForecast(
  workspace: Workspace,
  live: Live,
  options: RunForecastOptions,
): Promise<RunForecast> {
  const { infra } = workspace;
  const { domains } = options;
  const tree = await live.tree();
  const whole = desiredOn(live, infra);
  const desired = domains === undefined ? whole : limited(whole, domains, live);
  const { plan: planned, actual: seen } = await planInDetail(desired, live, options);
  const conflicts = live.conflicts.filter(({ domain }) => domains?.includes(domain) ?? true);
  const held = holdConflicts(holdSelf(planned, live.admin.self), conflicts);
  const plan = { ...held, diagnostics: [...held.diagnostics, ...live.ports] };
  const files = readProvisionFiles(tree.plan);
  const needed = provisionNeeds(infra, files, liveMachines(seen), {
    domains,
    always: options.always ?? false,
    anew: remadeMachines(plan, options.force ?? false),
  });
  const needs = needed.filter((need) => !conflicts.some(({ domain }) => domain === need.domain));
  return {
    desired,
    plan,
    tree,
    needs,
    warnings: [
      ...workspace.warnings,
      ...live.warnings,
      ...tree.plan.diagnostics,
      ...warnOfInjectedFacts(files),
      ...restoreWarnings(live),
    ],
    conflicts: diagnosticsOf(conflicts),
  };
}

/** Returns a warning for each interrupted restore: apply would start half-restored machines. */
function restoreWarnings({ actual, owner }: Live): Diagnostic[] {
  return [...pendingMachines(actual.resources, owner)].map(([set, machines]) => ({
    severity: "warning",
    code: "RESTORE_UNFINISHED",
    summary: `A restore of ${set} was interrupted, or is still running: ` +
      `${machines.length === 1 ? machines[0] : `${machines.length} machines`} still to be restored`,
    remedy: "`anklume snapshot list` shows the command that finishes it",
  }));
}

/** Returns the desired state of an infra on this host. */
export function desiredOn(
  { addressing, actual, ruleset, admin }: Live,
  infra: Infra,
): DesiredState {
  return desiredState(infra, addressing, {
    firewall: ruleset,
    nvidia: hasNvidia(actual),
    admin: admin.mounts,
  });
}

/** Creates the plan. Reads snapshots and sizes only if a first plan would delete something. */
async function planInDetail(
  desired: DesiredState,
  { incus, actual }: Live,
  options: PlanOptions,
): Promise<{ plan: Plan; actual: ActualState }> {
  const plan = createPlan(desired, actual, options);
  if (!wantsDetails(plan)) return { plan, actual };
  const detailed = await readDetails(incus, actual);
  return { plan: createPlan(desired, detailed, options), actual: detailed };
}

/** True if apply would change something on the host. */
export function isPending({ plan, needs }: RunForecast): boolean {
  return plan.changes.length + plan.held.length + needs.length > 0;
}

/** Returns the machines by `<project>/<name>`. */
export function liveMachines(state: IncusState): Map<string, SeenMachine> {
  return new Map(state.resources.flatMap((resource) =>
    resource.kind !== "instance" ? [] : [[
      `${resource.addr.project}/${resource.addr.name}`,
      { running: resource.status === "Running", config: resource.config },
    ]]
  ));
}

function remadeMachines(plan: Plan, force: boolean): Set<string> {
  const remade = plan.changes.filter(({ action, addr, needsForce }) =>
    addr.kind === "instance" && action === "replace" && (force || !needsForce)
  );
  return new Set(remade.map(({ addr }) => `${addr.project}/${addr.name}`));
}

/** Limits the state to `--domain`, orphans too: this run leaves those of other domains alone. */
function limited(whole: DesiredState, domains: readonly string[], { actual }: Live): DesiredState {
  const desired = limitTo(whole, domains);
  const elsewhere = ownedResources(desired.owner, actual).filter((resource) =>
    !domains.includes(domainOf(resource).domain ?? "")
  ).map((resource) => formatAddr(resource.addr));
  return { ...desired, frozen: new Set([...desired.frozen, ...elsewhere]) };
}
