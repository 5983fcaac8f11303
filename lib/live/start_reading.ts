import type { Addressing, Lock } from "../addressing/addressing.ts";
import type { PreparedSync } from "../ansible/sync.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import type { SeenSource } from "../infra/check/host_source.ts";
import { machinesOf } from "../infra/infra.ts";
import type { Ruleset } from "../nftables/ruleset.ts";
import type { TakenPorts } from "../nftables/taken_ports.ts";
import type { LivingInfra } from "../plan/ownership.ts";
import type { Owner } from "../resource/mark.ts";
import { prepareTree } from "../workspace/ansible_tree.ts";
import type { Workspace } from "../workspace/load_workspace.ts";
import {
  resolveAddressing,
  type Resolved,
  type TakeOver,
} from "../workspace/resolve_addressing.ts";
import type { SeenNetworks } from "./host_networks.ts";
import type { HostReading } from "./host_reading.ts";
import { type HostSide, hostSide, isAdminContainer } from "./host_side.ts";
import { seeSources } from "./host_sources.ts";
import { LiveRules } from "./live_rules.ts";
import type { StartedPrograms } from "./started_programs.ts";

/** What one reading of the host is made with. */
export interface ReadingMeans {
  readonly workspace: Workspace;
  readonly reading: HostReading;
  readonly incus: IncusClient;
  readonly programs: StartedPrograms;
  readonly signal: AbortSignal;
}

export interface ReadingOptions extends TakeOver {
  /**
   * Called if the lock is lost and an infra of this name is on this host: resolves to true if it is
   * this one.
   */
  readonly isThisOne?: (namesake: LivingInfra) => Promise<boolean>;
  /** There is time to prepare the tree before Incus answers. */
  readonly early: boolean;
}

/** The workspace cannot work on this host, and why. */
export interface Refusal {
  readonly refused: readonly Diagnostic[];
}

/** What is known before Incus has listed its networks, and the programs that run meanwhile. */
export interface StartedReading {
  readonly surroundings: SeenNetworks;
  readonly addressing: Addressing;
  readonly lock: Lock;
  /** Warnings about the addresses. */
  readonly diagnostics: readonly Diagnostic[];
  readonly owner: Owner;
  readonly host: HostSide;
  readonly rules: LiveRules;
  readonly sources: Promise<readonly SeenSource[]>;
  /** undefined: infra.yml publishes nothing. */
  readonly ports: Promise<TakenPorts> | undefined;
  /** The tree with the likely rules, if it was prepared. */
  readonly tree: PreparedSync | undefined;
}

/** Starts what needs no answer of Incus, so that it runs while Incus is waited for. */
export async function startReading(
  means: ReadingMeans,
  options: ReadingOptions,
): Promise<StartedReading | Refusal> {
  const { workspace, reading, incus, programs, signal } = means;
  const { infra } = workspace;
  const sources = programs.add(seeSources(infra, isAdminContainer(incus), signal));
  const surroundings = await reading.surroundings;
  const { addressing, lock, diagnostics } = await resolve(workspace, reading, options);
  if (addressing === undefined || lock === undefined) return { refused: diagnostics };
  const host = hostSide(incus);
  const isPublishing = machinesOf(infra).some(({ publish }) => publish.length > 0);
  const ports = isPublishing ? programs.add(host.ports(infra.projectName, signal)) : undefined;
  const compare = (ruleset: Ruleset) => {
    const compared = programs.add(host.firewall(ruleset, signal));
    programs.add(host.accepts(ruleset, signal));
    return compared;
  };
  const { templates } = reading;
  const rules = new LiveRules({ infra, addressing, surroundings, templates }, compare);
  return {
    surroundings,
    addressing,
    lock,
    diagnostics,
    owner: { project: infra.projectName, infraId: addressing.infraId },
    host,
    rules,
    sources,
    ports,
    tree: options.early ? prepareTree(workspace, addressing, false, rules.likely.text) : undefined,
  };
}

/** Assigns the addresses, and asks about a namesake if the lock is lost. */
async function resolve(
  workspace: Workspace,
  reading: HostReading,
  { takeOver, isThisOne }: ReadingOptions,
): Promise<Resolved> {
  // Incus is slow to list machines and networks: only a lost lock needs them for the addresses.
  const state = workspace.lock === undefined ? await reading.state : undefined;
  const resolved = resolveAddressing(workspace, state, { takeOver });
  const { namesake } = resolved;
  if (namesake === undefined || isThisOne === undefined || !await isThisOne(namesake)) {
    return resolved;
  }
  return resolveAddressing(workspace, state, { takeOver: namesake.infraId });
}
