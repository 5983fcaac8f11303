import type { Addressing, Lock } from "../addressing/addressing.ts";
import type { DomainRoutes } from "../addressing/domain_route.ts";
import { domainRoutes } from "../addressing/domain_networks.ts";
import { findHostConflicts } from "../addressing/host_conflicts.ts";
import type { HostConflict, HostFindings } from "../addressing/host_conflict.ts";
import type { PreparedSync } from "../ansible/sync.ts";
import type { HostBridges } from "../apply/step_context.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { envVar, workingDirectory } from "../host/terminal.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import type { Infra } from "../infra/infra.ts";
import { interfaceWarnings } from "../nftables/interface_warning.ts";
import { policyWarnings } from "../nftables/policy_warning.ts";
import { findPublishConflicts } from "../nftables/publish_conflict.ts";
import type { Ruleset } from "../nftables/ruleset.ts";
import type { ActualFirewall, ActualState, HostLimits, IncusState } from "../plan/actual_state.ts";
import { idTaken } from "../plan/ownership.ts";
import { wishesOf } from "../plan/read_actual_state.ts";
import { type HostSources, hostSources } from "../resource/host_sources.ts";
import type { Owner } from "../resource/mark.ts";
import { actualNetwork } from "../resource/network.ts";
import type { Session } from "../session/session.ts";
import { showMistakes } from "../session/show_diagnostics.ts";
import { sourceWarnings } from "../view/host_sources.ts";
import { prepareTree } from "../workspace/ansible_tree.ts";
import type { Workspace } from "../workspace/load_workspace.ts";
import { type Admin, readAdmin } from "./admin_container.ts";
import { askNetworks, EarlyRequests } from "./early_requests.ts";
import { plugsOf, withLinks } from "./host_bridges.ts";
import { bridgeOwners, type SeenNetworks, surfaceOf } from "./host_networks.ts";
import { HostReading } from "./host_reading.ts";
import { type HostSide, isAdminContainer } from "./host_side.ts";
import type { SettledRules } from "./live_rules.ts";
import {
  type ReadingMeans,
  type ReadingOptions,
  type Refusal,
  type StartedReading,
  startReading,
} from "./start_reading.ts";
import { StartedPrograms } from "./started_programs.ts";

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

export interface LiveOptions extends Omit<ReadingOptions, "early"> {
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
  const { signal } = session;
  const reading = options.reading ?? new HostReading(new EarlyRequests(askNetworks, signal));
  reading.wish(wishesOf(workspace.infra));
  const incus = await reading.takeIncus();
  await using open = new AsyncDisposableStack();
  open.defer(() => incus.close());
  const programs = new StartedPrograms();
  open.defer(() => programs.ended());
  const early = options.reading !== undefined;
  const means = { workspace, reading, incus, programs, signal };
  const live = await readLive(means, { ...options, early });
  if ("refused" in live) {
    const all = [...workspace.warnings, ...live.refused];
    showMistakes(all, workspace.sources, options, session);
    return undefined;
  }
  const kept = open.move();
  return {
    ...live,
    [Symbol.asyncDispose]: async () => {
      if (envVar("ANKLUME_DEBUG")) {
        session.terminal.err(`anklume: ${incus.requestCount} requests to Incus\n`);
      }
      await kept.disposeAsync();
    },
  };
}

/** A live host whose connection somebody else closes. */
type OpenLive = Omit<Live, keyof AsyncDisposable>;

async function readLive(
  means: ReadingMeans,
  options: ReadingOptions,
): Promise<OpenLive | Refusal> {
  const started = await startReading(means, options);
  if ("refused" in started) return started;
  const bridges = await readBridges(means, started);
  const answers = await readAnswers(means, started, bridges);
  const foreign = idTaken(started.owner, answers.state.resources);
  if (foreign.length > 0) return { refused: [...started.diagnostics, ...foreign] };
  return assemble(means, started, bridges, answers);
}

/** What Incus's list of networks decides. */
interface SeenBridges extends HostFindings {
  readonly owned: ReadonlySet<string>;
  readonly rules: SettledRules;
}

async function readBridges(
  { workspace: { infra }, reading }: ReadingMeans,
  { addressing, surroundings, rules }: StartedReading,
): Promise<SeenBridges> {
  const networks = (await reading.networks).map(actualNetwork);
  const { ownedBridges, otherInfras } = bridgeOwners(addressing.infraId, networks);
  const seen = { ...surroundings, ownedBridges, otherInfras };
  const found = findHostConflicts(infra, addressing, seen);
  const declared = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  const settled = rules.settle({
    orphanBridges: [...ownedBridges].filter((bridge) => !declared.has(bridge)).sort(),
    unclaimed: unclaimedBy(found.conflicts, addressing, surroundings),
  });
  return { ...found, owned: ownedBridges, rules: settled };
}

/** The answers of Incus and of the host's programs. */
interface LiveAnswers {
  readonly state: IncusState;
  readonly firewall: ActualFirewall;
  readonly limits: HostLimits;
  readonly admin: Admin;
  readonly sources: HostSources;
}

/** Waits for everything that was asked. */
async function readAnswers(
  { workspace: { infra }, reading, incus }: ReadingMeans,
  { sources }: StartedReading,
  { rules }: SeenBridges,
): Promise<LiveAnswers> {
  const [state, firewall, limits, admin, seenSources] = await Promise.all([
    reading.state,
    rules.firewall,
    reading.limits,
    reading.state.then((state) => readAdmin(incus, infra, state)),
    sources,
  ]);
  const ownWorkspace = admin.mounts?.workspace ?? workingDirectory();
  return { state, firewall, limits, admin, sources: hostSources(infra, seenSources, ownWorkspace) };
}

async function assemble(
  { workspace, incus, signal }: ReadingMeans,
  started: StartedReading,
  bridges: SeenBridges,
  answers: LiveAnswers,
): Promise<OpenLive> {
  const { infra } = workspace;
  const { addressing, surroundings, host, owner } = started;
  const { rules, conflicts } = bridges;
  const { state, firewall, limits, admin, sources } = answers;
  const plugs = plugsOf(infra, addressing, owner, state);
  const linked = withLinks(state, bridges.owned, surroundings, plugs);
  const early = rules.isLikely ? started.tree : undefined;
  return {
    incus,
    host,
    admin,
    owner,
    addressing,
    lock: started.lock,
    actual: { ...linked, firewall, limits },
    ruleset: rules.ruleset,
    sources,
    accepted: () => host.accepts(rules.ruleset, signal),
    tree: () => early ?? prepareTree(workspace, addressing, false, rules.ruleset.text),
    rulesetWithout: rules.without,
    rulesetOf: rules.of,
    warnings: [
      ...started.diagnostics,
      ...bridges.warnings,
      ...policyWarnings(infra, addressing),
      ...sourceWarnings(sources),
      // An admin container has other interfaces than the host.
      ...(isAdminContainer(incus)
        ? []
        : interfaceWarnings(infra, addressing, interfaceNames(surroundings))),
    ],
    conflicts,
    ways: () => domainRoutes(infra, addressing, surroundings),
    bridges: host.bridges?.(plugs),
    ports: started.ports === undefined ? [] : findPublishConflicts(
      infra,
      addressing,
      await started.ports,
      surfaceOf(surroundings, infra),
    ),
  };
}

function interfaceNames({ interfaces }: SeenNetworks): Set<string> {
  return new Set(interfaces.map(({ name }) => name));
}

/**
 * Returns the domains in conflict whose bridge does not exist: the host may still use their
 * addresses.
 */
function unclaimedBy(
  conflicts: readonly HostConflict[],
  { domains }: Addressing,
  surroundings: SeenNetworks,
): ReadonlySet<string> {
  const names = interfaceNames(surroundings);
  return new Set(
    conflicts.map(({ domain }) => domain)
      .filter((domain) => !names.has(domains.get(domain)?.bridge ?? "")),
  );
}
