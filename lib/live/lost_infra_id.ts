import type { IncusClient } from "../incus/incus_client.ts";
import { readActualState } from "../plan/read_actual_state.ts";
import { resolveAddressing } from "../workspace/resolve_addressing.ts";
import type { Session } from "../session/session.ts";
import { showMistakes } from "../session/show_diagnostics.ts";
import type { Workspace } from "../workspace/load_workspace.ts";

/**
 * Finds the infra's UUID of a lost lock from the live resources, as `check` does. undefined: it
 * could not be determined, and the reason has been shown.
 */
export async function lostInfraId(
  workspace: Workspace,
  incus: IncusClient,
  session: Session,
  options: { readonly json?: true | undefined },
): Promise<string | undefined> {
  const state = await readActualState(incus, {}, { signal: session.signal });
  const { addressing, diagnostics } = resolveAddressing(workspace, state);
  if (addressing !== undefined) return addressing.infraId;
  showMistakes(diagnostics, workspace.sources, options, session);
  return undefined;
}
