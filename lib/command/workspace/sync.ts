import { warnOfInjectedFacts } from "../../ansible/injected_facts.ts";
import { readProvisionFiles } from "../../ansible/provision_files.ts";
import { syncDiff } from "../../ansible/sync_diff.ts";
import { hasErrors } from "../../diag/diagnostic.ts";
import { connectIncus } from "../../incus/incus_client.ts";
import { IncusUnreachableError } from "../../incus/incus_error.ts";
import type { IncusState } from "../../plan/actual_state.ts";
import { readActualState } from "../../plan/read_actual_state.ts";
import { syncText } from "../../view/sync.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { resolveAddressing, type TakeOver } from "../../workspace/resolve_addressing.ts";
import { requestTimeout } from "../../live/request_timeout.ts";
import type { Session } from "../../session/session.ts";
import { showDiagnostics } from "../../session/show_diagnostics.ts";
import { prepareTree, writeTree } from "../../workspace/ansible_tree.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";

interface SyncFlags extends TakeOver {
  readonly dryRun?: true;
  readonly cleanOrphans?: true;
}

/** Writes the Ansible tree and the lock. Asks Incus only if the lock is missing. */
export async function sync(options: SyncFlags, session: Session): Promise<ExitStatus> {
  return await withWorkspace(session, { locks: !options.dryRun }, async (workspace) => {
    const state = workspace.lock === undefined ? await stateIfAny(session.signal) : undefined;
    const { addressing, lock, diagnostics } = resolveAddressing(workspace, state, options);
    if (addressing === undefined || lock === undefined) {
      showDiagnostics([...workspace.warnings, ...diagnostics], workspace.sources, session);
      return EXIT.wrongInput;
    }
    const prepared = prepareTree(workspace, addressing, options.cleanOrphans ?? false);
    const facts = warnOfInjectedFacts(readProvisionFiles(prepared.plan));
    showDiagnostics(
      [...workspace.warnings, ...diagnostics, ...prepared.plan.diagnostics, ...facts],
      workspace.sources,
      session,
    );
    if (hasErrors(prepared.plan.diagnostics)) return EXIT.wrongInput;
    const { terminal, out } = session;
    if (options.dryRun) terminal.out(syncDiff(prepared.plan.entries));
    else await writeTree(prepared, lock);
    terminal.out(syncText(prepared.plan.entries, out, options.dryRun ?? false));
    return EXIT.done;
  });
}

/**
 * Returns the live state; undefined if there is no Incus on this host, so that this infra has no
 * resources.
 */
async function stateIfAny(signal: AbortSignal): Promise<IncusState | undefined> {
  try {
    await using incus = await connectIncus({ signal, timeoutMs: requestTimeout() });
    return await readActualState(incus, {}, { signal });
  } catch (error) {
    if (error instanceof IncusUnreachableError && error.reason === "missing") return undefined;
    throw error;
  }
}
