import { BASELINE } from "../../snapshot/set_name.ts";
import type { ExitStatus } from "../../session/exit_status.ts";
import { restore } from "./run_restore.ts";
import type { Session } from "../../session/session.ts";
import { optional } from "../../diag/optional.ts";

interface ResetOptions {
  readonly domain: readonly string[];
  readonly to?: string;
  readonly yes?: true;
  readonly json?: true;
}

/**
 * Restores the baseline or another set, as needed in a classroom. Ephemeral machines are restored
 * without a question and without a safety set, since nothing of them is meant to stay. For the
 * others it is an ordinary restore.
 */
export function reset(options: ResetOptions, session: Session): Promise<ExitStatus> {
  const { domain, to = BASELINE, yes, json } = options;
  const scope = domain.map((name) => ` --domain ${name}`).join("");
  return restore({
    set: to,
    machine: [],
    domain,
    ...optional({ yes, json }),
    keeps: (machine) => machine.protected,
    asks: (machines) => machines.some((machine) => machine.protected),
    again: `anklume reset${scope}${to === BASELINE ? "" : ` --to ${to}`}`,
    missing: to === BASELINE ? "`anklume apply --baseline` takes one" : undefined,
  }, session);
}
