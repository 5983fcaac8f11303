import type { ExitStatus } from "../../session/exit_status.ts";
import { restore } from "./run_restore.ts";
import type { ScopeOptions } from "./scope.ts";
import type { Session } from "../../session/session.ts";
import { optional } from "../../diag/optional.ts";

interface SnapshotRestoreOptions extends ScopeOptions {
  readonly yes?: true;
  readonly json?: true;
  /** `--no-safety` makes it false. */
  readonly safety: boolean;
}

/** Restores a set, after the user has agreed and the current state is kept. */
export function snapshotRestore(
  name: string,
  options: SnapshotRestoreOptions,
  session: Session,
): Promise<ExitStatus> {
  const { machine, domain, all, yes, json, safety } = options;
  const scope = [
    ...machine.map((each) => ` --machine ${each}`),
    ...domain.map((each) => ` --domain ${each}`),
  ].join("");
  return restore({
    set: name,
    machine,
    domain,
    ...optional({ all, yes, json }),
    keeps: () => safety,
    asks: () => true,
    again: `anklume snapshot restore ${name}${scope}`,
  }, session);
}
