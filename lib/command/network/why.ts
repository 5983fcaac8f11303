import { show } from "../../session/show.ts";
import type { Diagnostic } from "../../diag/diagnostic.ts";
import { assertOnHost } from "../../live/host_side.ts";
import type { Live } from "../../live/open_live.ts";
import { withLive } from "../../live/with_live.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import type { Session } from "../../session/session.ts";
import { type Why, whyView } from "../../view/why.ts";
import type { Workspace } from "../../workspace/load_workspace.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { askRules } from "./ask_rules.ts";
import { readSurroundings } from "./surroundings.ts";
import { type AskedFlow, parseService, whyQuestions } from "./why_questions.ts";

interface WhyOptions {
  readonly json?: true;
}

/** Explains what the live rules of the host do with a flow, and why. */
export async function networkWhy(
  from: string,
  to: string,
  service: string | undefined,
  options: WhyOptions,
  session: Session,
): Promise<ExitStatus> {
  const asked = service === undefined || service === "all" ? undefined : parseService(service);
  assertOnHost();
  return await withWorkspace(
    session,
    options,
    (workspace) =>
      withLive(workspace, session, options, async (live) => {
        const why = await findOut({ from, to, service: asked }, workspace, live, session.signal);
        await show(whyView, why, options, session);
        return why.lines.some(({ explanation }) => explanation.disagrees) ? EXIT.failed : EXIT.done;
      }),
  );
}

async function findOut(
  flow: AskedFlow,
  { infra, warnings }: Workspace,
  live: Live,
  signal: AbortSignal,
): Promise<Why> {
  const around = await readSurroundings(infra, live.addressing, live.actual.resources, signal);
  const notes = [...warnings, ...live.warnings].flatMap(missingWay);
  const questions = await whyQuestions(flow, { infra, live, around, notes });
  const lines = await askRules(questions, { infra, live, signal });
  return { project: infra.projectName, firewall: live.actual.firewall.state, lines, notes };
}

/** A missing way out explains many answers. */
function missingWay({ code, summary }: Diagnostic): string[] {
  return code === "NO_WAY_OUT" || code === "INTERFACE_MISSING" ? [summary] : [];
}
