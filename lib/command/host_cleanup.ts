import type { HostCleanup } from "../apply/step_context.ts";
import { CommandError, runCommand } from "../host/command.ts";

const TIMEOUT_MS = 10_000;

export const hostCleanup: HostCleanup = {
  async removeInterface(name) {
    await runCommand(["ip", "link", "delete", "dev", name], { timeoutMs: TIMEOUT_MS });
  },
  async endNameServer(bridge) {
    // Those that a living daemon started are its children.
    await signalProcess("--parent", "1", "--full", `^dnsmasq .*--interface=${bridge} `);
  },
  async wakeMonitor(container) {
    // Its title; what a container calls its own processes is not root's out here.
    const title = `^\\[lxc monitor\\] /var/lib/incus/containers ${container}$`;
    return await signalProcess("--signal", "CONT", "--euid", "0", "--full", title);
  },
};

async function signalProcess(...which: string[]): Promise<boolean> {
  try {
    await runCommand(["pkill", ...which], { timeoutMs: TIMEOUT_MS });
    return true;
  } catch (error) {
    // None matched, or there is no pkill here: what follows tells whether it was needed.
    if (!(error instanceof CommandError)) throw error;
    return false;
  }
}
