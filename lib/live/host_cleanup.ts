import type { HostCleanup } from "../apply/step_context.ts";
import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";

export const hostCleanup: HostCleanup = {
  hasInterface: (name) => ipLink("show", name),
  async removeInterface(name) {
    await ipLink("delete", name);
  },
  async endNameServer(bridge, { anyones } = {}) {
    // A running daemon's name servers are its own children, so they do not have parent 1. Those of
    // a daemon in a container are in another network namespace.
    const which = anyones ? [] : ["--parent", "1"];
    const ours = ["--ns", "1", "--nslist", "net"];
    await signalProcess(...ours, ...which, "--full", `^dnsmasq .*--interface=${bridge} `);
  },
  async wakeMonitor(container) {
    // The title of the monitor process. A process of a container may use the same title, but on the
    // host it does not belong to root.
    const title = `^\\[lxc monitor\\] /var/lib/incus/containers ${container}$`;
    return await signalProcess("--signal", "CONT", "--euid", "0", "--full", title);
  },
};

/** @returns true if there is such an interface */
async function ipLink(verb: "show" | "delete", name: string): Promise<boolean> {
  try {
    await runCommand(["ip", "link", verb, "dev", name], { timeoutMs: PATIENCE_MS });
    return true;
  } catch (error) {
    const none = error instanceof CommandError &&
      /Cannot find device|does not exist/.test(error.stderr);
    if (!none) throw error;
    return false;
  }
}

async function signalProcess(...which: string[]): Promise<boolean> {
  try {
    await runCommand(["pkill", ...which], { timeoutMs: PATIENCE_MS });
    return true;
  } catch (error) {
    // No process matched, or there is no pkill here: the next step shows whether it was needed.
    if (!(error instanceof CommandError)) throw error;
    return false;
  }
}
