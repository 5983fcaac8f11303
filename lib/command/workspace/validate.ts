import { hasErrors } from "../../diag/diagnostic.ts";
import { machinesOf } from "../../infra/infra.ts";
import { diagnosticsJson } from "../../view/json.ts";
import { count } from "../../view/text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { readInfra } from "../../workspace/read_infra.ts";
import type { Session } from "../../session/session.ts";
import { showDiagnostics } from "../../session/show_diagnostics.ts";

/** Reads and checks infra.yml. Changes nothing and sends no request. */
export function validate(options: { readonly json?: true }, session: Session): ExitStatus {
  const { infra, sources, diagnostics } = readInfra({ roles: true });
  const bad = infra === undefined || hasErrors(diagnostics);
  if (options.json) {
    session.terminal.out(diagnosticsJson(diagnostics));
    return bad ? EXIT.wrongInput : EXIT.done;
  }
  showDiagnostics(diagnostics, sources, session);
  if (bad) return EXIT.wrongInput;
  const parts = [
    count(infra.domains.length, "domain"),
    count(machinesOf(infra).length, "machine"),
    infra.policies.length === 1 ? "1 policy" : `${infra.policies.length} policies`,
  ];
  session.terminal.out(`${infra.projectName} is valid: ${parts.join(", ")}.\n`);
  return EXIT.done;
}
