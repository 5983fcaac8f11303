import { hasErrors } from "../../diag/diagnostic.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { mendBridges } from "../apply/mend_bridges.ts";
import { hang } from "../../view/text.ts";
import { writeLock } from "../../workspace/resolve_addressing.ts";
import type { Session } from "../../session/session.ts";
import { showConflicts, showDiagnostics } from "../../session/show_diagnostics.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { withLive } from "../../live/with_live.ts";

/**
 * Loads the firewall and repairs bridges that lost settings on the host: the first steps of apply,
 * and none of the others.
 */
export async function networkDeploy(session: Session): Promise<ExitStatus> {
  return await withWorkspace(session, { locks: true }, async (workspace) => {
    return await withLive(workspace, session, {}, async (live) => {
      const { infra } = workspace;
      const { terminal, out } = session;
      const { ruleset, actual } = live;
      showConflicts(live, workspace, session, "The firewall is loaded anyway.");
      const stands = actual.firewall.state === "in-place";
      if (!stands) {
        showDiagnostics(live.ports, workspace.sources, session);
        if (hasErrors(live.ports)) return EXIT.failed;
        // Addresses in use must not change afterwards.
        await writeLock(live.lock);
        await live.host.port(ruleset).load();
        const tables = ruleset.tables.join(", ");
        const said = hang(
          "",
          `Loaded and read back: ${tables}; it will be loaded at boot.`,
          out.width,
        );
        terminal.out(`${out.colors.green(said)}\n`);
      }
      // After the rules: they must be in place before a bridge comes up.
      const mended = await mendBridges(infra, live, session);
      if (stands && mended !== "failed") {
        const rest = mended === "mended"
          ? "missing settings of its bridges are restored"
          : "nothing to do";
        terminal.out(`The firewall of ${ruleset.project} is loaded as rendered; ${rest}.\n`);
      }
      return mended === "failed" ? EXIT.failed : EXIT.done;
    });
  });
}
