import type { IncusClient } from "../../incus/incus_client.ts";
import { expiryProblem } from "../../infra/shape/quantity.ts";
import { addSpan } from "../../snapshot/set_name.ts";
import type { LiveMachine } from "../../snapshot/live_machine.ts";
import { findSelves } from "../../live/admin_container.ts";
import type { Everything } from "../../snapshot/read_everything.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { isWholeScope, type ScopeOptions, selectScope } from "./scope.ts";
import type { EarlyRequests } from "../../live/early_requests.ts";
import type { Session } from "../../session/session.ts";
import { openSnapshots } from "../../live/open_snapshots.ts";
import { checkSetName, freeName, freeTimeName, takeAndSay } from "./take.ts";
import { UserError } from "../../session/user_error.ts";
import { withWorkspace } from "../../workspace/with_workspace.ts";
import { optional } from "../../diag/optional.ts";

interface SnapshotCreateOptions extends ScopeOptions {
  readonly json?: true;
  readonly expiry?: string;
  readonly description?: string;
  readonly consistent?: true;
}

/** Takes one set of machines and their volumes: all of it or nothing. */
export async function snapshotCreate(
  name: string | undefined,
  options: SnapshotCreateOptions,
  session: Session,
  start: EarlyRequests<Everything>,
): Promise<ExitStatus> {
  if (name !== undefined) checkSetName(name);
  const expiry = options.expiry;
  const problem = expiry === undefined ? undefined : expiryProblem(expiry);
  if (problem !== undefined) throw new UserError(problem.summary, problem.remedy);
  return await withWorkspace(session, { ...options, hold: await start.hold }, async (workspace) => {
    await using host = await openSnapshots(workspace, start, session, options);
    if (host === undefined) return EXIT.wrongInput;
    const { incus } = host;
    const inventory = await host.afterInterruption();
    const machines = selectScope(workspace.infra, inventory, options);
    if (machines.length === 0) {
      const where = isWholeScope(options) ? "of this infra" : "of that domain";
      throw new UserError(`No machine ${where} exists yet`, "`anklume apply` creates them");
    }
    if (options.consistent) await refuseOwnGround(incus, machines);
    const at = new Date();
    const chosen = name ?? freeTimeName(inventory, at);
    if (!await freeName(incus, inventory, chosen, machines, session)) return EXIT.failed;
    return await takeAndSay(
      incus,
      {
        name: chosen,
        kind: "manual",
        at,
        ...optional({
          expires: expiry === undefined ? undefined : addSpan(at, expiry),
          description: options.description,
        }),
        consistent: options.consistent ?? false,
        machines,
      },
      inventory.pools,
      session,
    );
  });
}

/** @throws UserError if anklume would freeze the machine that it runs in: it could not thaw it */
async function refuseOwnGround(
  incus: IncusClient,
  machines: readonly LiveMachine[],
): Promise<void> {
  const [own] = await findSelves(incus, machines.map(({ instance }) => instance));
  if (own === undefined) return;
  throw new UserError(
    `${own.name} runs this anklume, which cannot freeze its own machine`,
    "Leave it out (--machine, --domain), or run the same command on the host",
  );
}
