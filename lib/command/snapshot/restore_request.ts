import type { LiveMachine } from "../../snapshot/live_machine.ts";
import type { ScopeOptions } from "./scope.ts";

/** The parameters of a restore. */
export interface RestoreRequest extends ScopeOptions {
  readonly set: string;
  readonly yes?: true;
  readonly json?: true;
  /** True for a machine whose current state is kept in a safety set. */
  readonly keeps: (machine: LiveMachine) => boolean;
  /** True if the user has to agree. */
  readonly asks: (machines: readonly LiveMachine[]) => boolean;
  /** The command, for advice: `anklume snapshot restore before`. */
  readonly again: string;
  /** Advice if there is no such set. */
  readonly missing?: string | undefined;
}
