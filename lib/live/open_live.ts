import type { Addressing, Lock } from "../addressing/addressing.ts";
import type { DomainRoutes } from "../addressing/domain_route.ts";
import {
  domainRoutes,
  findHostConflicts,
  type HostConflict,
} from "../addressing/host_conflicts.ts";
import type { PreparedSync } from "../ansible/sync.ts";
import { type Diagnostic, hasErrors } from "../diag/diagnostic.ts";
import { envVar, workingDirectory } from "../host/terminal.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { interfaceWarnings } from "../nftables/interface_warning.ts";
import { findPublishConflicts } from "../nftables/publish_conflict.ts";
import { policyWarnings } from "../nftables/policy_warning.ts";
import { renderRuleset } from "../nftables/render_ruleset.ts";
import type { Ruleset } from "../nftables/ruleset.ts";
import type { ActualState, IncusState } from "../plan/actual_state.ts";
import { idTaken, type LivingInfra, nameTaken } from "../plan/ownership.ts";
import { wishesOf } from "../plan/read_actual_state.ts";
import type { Owner } from "../resource/mark.ts";
import { actualNetwork } from "../resource/network.ts";
import { type Admin, readAdmin } from "./admin_container.ts";
import type { HostBridges } from "../apply/step_context.ts";
import { plugsOf, withLinks } from "./host_bridges.ts";
import { bridgeOwners, type SeenNetworks, surfaceOf } from "./host_networks.ts";
import { askNetworks, EarlyRequests } from "./early_requests.ts";
import { HostReading } from "./host_reading.ts";
import { type HostSide, hostSide, isAdminContainer } from "./host_side.ts";
import { seeSources } from "./host_sources.ts";
import { sourceWarnings } from "../view/host_sources.ts";
import { type HostSources, hostSources } from "../resource/host_sources.ts";
import {
  resolveAddressing,
  type Resolved,
  type TakeOver,
} from "../workspace/resolve_addressing.ts";
import type { Session } from "../session/session.ts";
import { printDiagnostics, showDiagnostics } from "../session/show_diagnostics.ts";
import { prepareTree } from "../workspace/ansible_tree.ts";
import type { Workspace } from "../workspace/load_workspace.ts";

/**
 * The live host, and the parts of the desired state that depend on it: addresses and the ruleset.
 */
export interface Live extends AsyncDisposable {
  readonly incus: IncusClient;
  readonly host: HostSide;
  readonly admin: Admin;
  readonly owner: Owner;
  readonly addressing: Addressing;
  readonly lock: Lock;
  readonly actual: ActualState;
  readonly ruleset: Ruleset;
  /** The host disks that machines use: their real paths, and the machines that share them. */
  readonly sources: HostSources;
  /** Resolves once nft is known to accept the ruleset. @throws FirewallError if it does not */
  accepted(): Promise<void>;
  /** Returns what `sync` would write, from the current files. */
  tree(): PreparedSync;
  /**
   * Returns the ruleset after these bridges are deleted. Their domains are no longer declared;
   * until now they stayed in it so that they remained walled off.
   */
  rulesetWithout(bridges: ReadonlySet<string>): Ruleset;
  /** Returns the ruleset of another infra.yml with the same addresses. */
  rulesetOf(infra: Infra): Ruleset;
  readonly warnings: readonly Diagnostic[];
  /**
   * Domains that cannot work on this host as it is. They can still be read, stopped, deleted and
   * closed off, and the other domains go on.
   */
  readonly conflicts: readonly HostConflict[];
  /**
   * Returns the routes of packets to the domains, by IP version; empty if they could not be read.
   */
  ways(): ReadonlyMap<4 | 6, DomainRoutes>;
  /** The bridges of the host, for their repair; undefined: out of reach. */
  readonly bridges: HostBridges | undefined;
  /**
   * Published ports that another program uses: errors if the rules do not send them to machines
   * yet, otherwise warnings.
   */
  readonly ports: readonly Diagnostic[];
}

export interface LiveOptions extends TakeOver {
  /**
   * Called if the lock is lost and an infra of this name is on this host: resolves to true if it is
   * this one.
   */
  readonly isThisOne?: (namesake: LivingInfra) => Promise<boolean>;
  /** Mistakes are printed as JSON. */
  readonly json?: true | undefined;
  /** A reading that began before the workspace was read. */
  readonly reading?: HostReading;
}

/**
 * Reads the live host, for `check`, `apply` and `status` alike. undefined: the addresses cannot be
 * assigned on this host. The reason has been shown, and nothing was changed.
 */
export async function openLive(
  workspace: Workspace,
  session: Session,
  options: LiveOptions = {},
): Promise<Live | undefined> {
  const { infra, sources } = workspace;
  const { signal } = session;
  const reading = options.reading ?? new HostReading(new EarlyRequests(askNetworks, signal));
  reading.wish(wishesOf(infra));
  const incus = await reading.takeIncus();
  const asked: Promise<unknown>[] = [];
  const close = async (): Promise<void> => {
    // No program that anklume started may outlive this process, even if its answer is not needed.
    await Promise.all(asked);
    await incus.close();
  };
  try {
    const seeing = seeSources(infra, isAdminContainer(incus), signal);
    asked.push(Promise.allSettled([seeing]));
    const surroundings = await reading.surroundings;
    // Incus is slow to list machines and networks: only a lost lock needs them for the addresses.
    const known = workspace.lock === undefined ? await reading.state : undefined;
    const { addressing, lock, diagnostics } = await resolve(workspace, known, options);
    const host = hostSide(incus);
    const published = machinesOf(infra).some(({ publish }) => publish.length > 0);
    const taken = published ? host.ports(infra.projectName, signal) : undefined;
    if (taken !== undefined) asked.push(Promise.allSettled([taken]));
    let unclaimed: ReadonlySet<string> = new Set();
    const render = (
      addressing: Addressing,
      orphanBridges: readonly string[],
      { of = infra, interfaces = surroundings.interfaces } = {},
    ) => {
      const { localUplinks } = surroundings;
      const seen = { orphanBridges, localUplinks, interfaces, unclaimed };
      return renderRuleset(of, addressing, seen, reading.templates);
    };
    const compare = (ruleset: Ruleset) => {
      const compared = host.firewall(ruleset, signal);
      asked.push(Promise.allSettled([compared, host.accepts(ruleset, signal)]));
      return compared;
    };
    // An orphan bridge is rare: without waiting for Incus's networks, the work goes on as if there
    // were none.
    const likely = addressing === undefined ? undefined : render(addressing, []);
    const compared = likely && compare(likely);
    compared?.catch(() => {});
    const early = options.reading && addressing && likely
      ? prepareTree(workspace, addressing, false, likely.text)
      : undefined;
    const found = [...diagnostics];
    const bridges = (await reading.networks).map(actualNetwork);
    const refuse = async (): Promise<undefined> => {
      const all = [...workspace.warnings, ...found];
      if (options.json) printDiagnostics(all, session);
      showDiagnostics(all, sources, session);
      await close();
    };
    if (addressing === undefined || lock === undefined) return await refuse();
    const owner = { project: infra.projectName, infraId: addressing.infraId };
    if (hasErrors(found)) {
      // The owner of the resources explains more than the addresses do; the plan would report it
      // too.
      found.unshift(...idTaken(owner, bridges), ...nameTaken(owner, bridges));
      return await refuse();
    }
    const { ownedBridges, otherInfras } = bridgeOwners(addressing.infraId, bridges);
    const seen = { ...surroundings, ownedBridges, otherInfras };
    const { conflicts, warnings } = findHostConflicts(infra, addressing, seen);
    const declared = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
    const orphanBridges = [...ownedBridges].filter((bridge) => !declared.has(bridge)).sort();
    unclaimed = unclaimedBy(conflicts, addressing, surroundings);
    const same = likely !== undefined && orphanBridges.length === 0 && unclaimed.size === 0;
    const ruleset = same ? likely : render(addressing, orphanBridges);
    const [state, firewall, limits, admin, seenSources] = await Promise.all([
      reading.state,
      same && compared ? compared : compare(ruleset),
      reading.limits,
      reading.state.then((state) => readAdmin(incus, infra, state)),
      seeing,
    ]);
    found.push(...idTaken(owner, state.resources));
    if (hasErrors(found)) return await refuse();
    const lent = hostSources(infra, seenSources, admin.mounts?.workspace ?? workingDirectory());
    const plugs = plugsOf(infra, addressing, owner, state);
    const linked = withLinks(state, ownedBridges, surroundings, plugs);
    // An admin container has other interfaces than the host.
    const missing = isAdminContainer(incus) ? [] : interfaceWarnings(
      infra,
      addressing,
      new Set(surroundings.interfaces.map(({ name }) => name)),
    );
    return {
      incus,
      host,
      admin,
      owner,
      addressing,
      lock,
      actual: { ...linked, firewall, limits },
      ruleset,
      sources: lent,
      accepted: () => host.accepts(ruleset, signal),
      tree: () =>
        (same ? early : undefined) ?? prepareTree(workspace, addressing, false, ruleset.text),
      rulesetWithout: (bridges) =>
        render(addressing, orphanBridges.filter((bridge) => !bridges.has(bridge)), {
          // They were read before these bridges were deleted: the bridges would count as another's
          // interfaces in the domain's subnet.
          interfaces: surroundings.interfaces.filter(({ name }) => !bridges.has(name)),
        }),
      rulesetOf: (other) => render(addressing, orphanBridges, { of: other }),
      warnings: [
        ...found,
        ...warnings,
        ...policyWarnings(infra, addressing),
        ...sourceWarnings(lent),
        ...missing,
      ],
      conflicts,
      ways: () => domainRoutes(infra, addressing, surroundings),
      bridges: host.bridges?.(plugs),
      ports: taken === undefined
        ? []
        : findPublishConflicts(infra, addressing, await taken, surfaceOf(surroundings, infra)),
      [Symbol.asyncDispose]: async () => {
        if (envVar("ANKLUME_DEBUG")) {
          session.terminal.err(`anklume: ${incus.requestCount} requests to Incus\n`);
        }
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function resolve(
  workspace: Workspace,
  state: IncusState | undefined,
  { takeOver, isThisOne }: LiveOptions,
): Promise<Resolved> {
  const resolved = resolveAddressing(workspace, state, { takeOver });
  const { namesake } = resolved;
  if (namesake === undefined || isThisOne === undefined || !await isThisOne(namesake)) {
    return resolved;
  }
  return resolveAddressing(workspace, state, { takeOver: namesake.infraId });
}

/**
 * Returns the domains in conflict whose bridge does not exist: the host may still use their
 * addresses.
 */
function unclaimedBy(
  conflicts: readonly HostConflict[],
  { domains }: Addressing,
  { interfaces }: SeenNetworks,
): ReadonlySet<string> {
  const names = new Set(interfaces.map(({ name }) => name));
  return new Set(
    conflicts.map(({ domain }) => domain)
      .filter((domain) => !names.has(domains.get(domain)?.bridge ?? "")),
  );
}
