import type { Addressing, Lock } from "../addressing/addressing.ts";
import { findHostConflicts } from "../addressing/host_conflicts.ts";
import { type Diagnostic, hasErrors } from "../diag/diagnostic.ts";
import { envVar } from "../host/terminal.ts";
import { connectIncus, type IncusClient } from "../incus/incus_client.ts";
import { policyWarnings } from "../nftables/policy_warning.ts";
import { renderRuleset } from "../nftables/render_ruleset.ts";
import type { Ruleset } from "../nftables/ruleset.ts";
import { readTemplates } from "../nftables/template.ts";
import { readUplinkBridges } from "../nftables/uplink.ts";
import type { ActualState } from "../plan/actual_state.ts";
import { readActualState, wishesOf } from "../plan/read_actual_state.ts";
import { readFirewall } from "./firewall.ts";
import { readHostLimits } from "./host_limits.ts";
import { bridgeOwners, readHostNetworks } from "./host_networks.ts";
import { resolveAddressing } from "./resolve_addressing.ts";
import type { Session } from "./session.ts";
import { printDiagnostics, showDiagnostics } from "./show_diagnostics.ts";
import type { Workspace } from "./workspace.ts";

/** The host as it is, and what of the desired state takes the host to know: addresses and the ruleset. */
export interface Live extends AsyncDisposable {
  readonly incus: IncusClient;
  readonly addressing: Addressing;
  readonly lock: Lock;
  readonly actual: ActualState;
  readonly ruleset: Ruleset;
  /** The ruleset once these bridges are deleted: no longer declared, they stood in it to stay walled off. */
  rulesetWithout(bridges: ReadonlySet<string>): Ruleset;
  readonly warnings: readonly Diagnostic[];
}

export interface LiveOptions {
  /** Mistakes are printed as JSON. */
  readonly json?: true | undefined;
  /** false: networks of the host that stand where ours are to stand are nobody's concern. Default true. */
  readonly hostConflicts?: boolean;
}

/**
 * Reads the live host: the one way in which `check`, `apply` and `status` do. undefined: the addresses do not work out on
 * this host; that has been shown, and nothing was touched.
 */
export async function openLive(
  workspace: Workspace,
  session: Session,
  options: LiveOptions = {},
): Promise<Live | undefined> {
  const { infra, sources } = workspace;
  const { signal } = session;
  const incus = await connectIncus({ signal });
  try {
    const [state, host, uplinkBridges, templates] = await Promise.all([
      readActualState(incus, { ...wishesOf(infra), signal }),
      readHostNetworks(signal),
      readUplinkBridges({ signal }),
      readTemplates(),
    ]);
    const { addressing, lock, diagnostics } = resolveAddressing(workspace, state);
    const found = [...diagnostics];
    if (addressing !== undefined && (options.hostConflicts ?? true)) {
      const owners = bridgeOwners(addressing.infraId, state);
      found.push(...findHostConflicts(infra, addressing, { ...host, ...owners }));
    }
    if (addressing === undefined || lock === undefined || hasErrors(found)) {
      const all = [...workspace.warnings, ...found];
      if (options.json) printDiagnostics(all, session);
      showDiagnostics(all, sources, session);
      await incus.close();
      return undefined;
    }
    const declared = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
    const { ownedBridges } = bridgeOwners(addressing.infraId, state);
    const orphanBridges = [...ownedBridges].filter((bridge) => !declared.has(bridge)).sort();
    const render = (orphanBridges: string[]) =>
      renderRuleset(infra, addressing, { orphanBridges, uplinkBridges }, templates);
    const ruleset = render(orphanBridges);
    const [firewall, limits] = await Promise.all([
      readFirewall(ruleset, { signal }),
      readHostLimits(signal),
    ]);
    return {
      incus,
      addressing,
      lock,
      actual: { ...state, firewall, limits },
      ruleset,
      rulesetWithout: (bridges) => render(orphanBridges.filter((bridge) => !bridges.has(bridge))),
      warnings: [...found, ...policyWarnings(infra, addressing)],
      [Symbol.asyncDispose]: async () => {
        if (envVar("ANKLUME_DEBUG")) {
          session.terminal.err(`anklume: ${incus.requestCount} requests to Incus\n`);
        }
        await incus.close();
      },
    };
  } catch (error) {
    await incus.close();
    throw error;
  }
}
