import type { HostCleanup } from "../apply/step_context.ts";
import { CommandError, runCommand } from "../host/command.ts";

const TIMEOUT_MS = 10_000;

export const hostCleanup: HostCleanup = {
  async removeInterface(name) {
    await runCommand(["ip", "link", "delete", "dev", name], { timeoutMs: TIMEOUT_MS });
  },
  async endNameServer(bridge) {
    // Those that a living daemon started are its children.
    const orphan = ["--parent", "1", "--full", `^dnsmasq .*--interface=${bridge} `];
    try {
      await runCommand(["pkill", ...orphan], { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      // None matched, or there is no pkill here: what follows tells whether it was needed.
      if (!(error instanceof CommandError)) throw error;
    }
  },
};
