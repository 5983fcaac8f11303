import type { FirewallPort } from "../apply/firewall_gate.ts";
import type { HostBridges, HostCleanup } from "../apply/step_context.ts";
import { askHost } from "../handover/ask_host.ts";
import { ADMIN_SOCKET, type IncusClient, isSocket } from "../incus/incus_client.ts";
import { isBridgeSetting } from "../nftables/bridge_setting.ts";
import { FirewallError } from "../nftables/firewall_error.ts";
import { expectedListing } from "../nftables/read_back.ts";
import type { Ruleset } from "../nftables/ruleset.ts";
import { readTakenPorts, type TakenPorts } from "../nftables/taken_ports.ts";
import type { ActualFirewall, HostLimits } from "../plan/actual_state.ts";
import { firewallPort, readFirewall } from "./host_firewall.ts";
import { hostBridges, type Plugs } from "./host_bridges.ts";
import { hostCleanup } from "./host_cleanup.ts";
import { readHostLimits } from "./host_limits.ts";
import { readHostNetworks, type SeenNetworks } from "./host_networks.ts";
import { UserError } from "../session/user_error.ts";

/** The facts that only the host itself can see. */
interface HostView extends SeenNetworks {
  readonly limits: HostLimits;
}

/** The parts of the host outside Incus: its interfaces, kernel limits and firewall. */
export interface HostSide {
  look(signal: AbortSignal): Promise<HostView>;
  firewall(ruleset: Ruleset, signal: AbortSignal): Promise<ActualFirewall>;
  /** Returns the host's ports in use, except those of this infra's own table (`project`). */
  ports(project: string, signal: AbortSignal): Promise<TakenPorts>;
  /**
   * Checks that nft would accept the ruleset, if not known yet.
   * @throws FirewallError if it does not
   */
  accepts(ruleset: Ruleset, signal: AbortSignal): Promise<void>;
  port(ruleset: Ruleset): FirewallPort;
  /** undefined: out of reach. */
  readonly cleanup?: HostCleanup;
  /** undefined: out of reach. */
  bridges?(plugs: Plugs): HostBridges;
}

/** Returns this host or, in an admin container, the host of the container. */
export function hostSide(incus: IncusClient): HostSide {
  return isAdminContainer(incus) ? outerHost : thisHost;
}

/** True if anklume runs in an admin container: only there, Incus's socket has this path. */
export function isAdminContainer(incus: IncusClient): boolean {
  return incus.socket === ADMIN_SOCKET;
}

/** @throws UserError in an admin container, for a command that reads the host's own kernel */
export function assertOnHost(): void {
  if (!isSocket(ADMIN_SOCKET)) return;
  throw new UserError(
    "This is the admin container, but the command is for its host",
    "Run the same command on the host, in the same workspace",
  );
}

export const thisHost: HostSide = {
  async look(signal) {
    const [networks, limits] = await Promise.all([
      readHostNetworks(signal),
      readHostLimits(signal),
    ]);
    return { ...networks, limits };
  },
  firewall: (ruleset, signal) => readFirewall(ruleset, { signal }),
  ports: (project, signal) => readTakenPorts(project, { signal }),
  async accepts(ruleset, signal) {
    try {
      await expectedListing(ruleset, { signal });
    } catch (error) {
      // A user who may not run nft gets the error later, where it matters.
      if (!(error instanceof FirewallError) || error.fault !== "not-permitted") throw error;
    }
  },
  port: firewallPort,
  cleanup: hostCleanup,
  bridges: hostBridges,
};

const BLIND: HostView = { interfaces: [], localUplinks: [], limits: {} };

export const outerHost: HostSide = {
  look: (signal) => orUnanswered(askHost<HostView>({ action: "look" }, { signal }), () => BLIND),
  firewall: ({ text }, signal) =>
    orUnanswered(
      askHost<ActualFirewall>({ action: "read", ruleset: text }, { signal }),
      ({ message }) => ({ state: "unknown", differences: [message] }),
    ),
  // The container's ports are not the host's. The host checks its own when it receives the rules.
  ports: () => Promise.resolve({ listeners: [], redirects: [], published: [] }),
  // The host checked this when it answered `firewall`.
  accepts: () => Promise.resolve(),
  port: ({ text }) => ({
    load: () => askHost<void>({ action: "load", ruleset: text }),
    verify: async () => {
      const { state, differences } = await askHost<ActualFirewall>({
        action: "read",
        ruleset: text,
      });
      if (state === "in-place") return;
      // This very apply may just have created a bridge.
      if (differences.length > 0 && differences.every(isBridgeSetting)) {
        return await askHost<void>({ action: "load", ruleset: text });
      }
      throw new FirewallError(
        "differs",
        `The host's firewall is not the one that was rendered: ${
          differences.slice(0, 5).join("; ")
        }`,
        "No machine is started. `anklume apply` sends the ruleset to the host again",
      );
    },
    // The host sets up its bridges at every load.
    settleBridge: () => askHost<void>({ action: "load", ruleset: text }),
    remove: () => askHost<void>({ action: "remove" }),
  }),
};

/** Reading goes on without an answer and reports that; a change does not. */
async function orUnanswered<T>(
  asking: Promise<T>,
  instead: (error: FirewallError) => T,
): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof FirewallError && error.fault === "unanswered") return instead(error);
    throw error;
  }
}
