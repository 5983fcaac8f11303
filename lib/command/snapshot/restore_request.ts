import type { LiveMachine } from "../../snapshot/live_machine.ts";
import type { ScopeOptions } from "./scope.ts";

/** How a restore goes about it. */
export interface RestoreRequest extends ScopeOptions {
  readonly set: string;
  readonly yes?: true;
  readonly json?: true;
  /** Machines whose state of now is kept in a safety set. */
  readonly keeps: (machine: LiveMachine) => boolean;
  /** Whether somebody has to agree. */
  readonly asks: (machines: readonly LiveMachine[]) => boolean;
  /** The command, for advice: `anklume snapshot restore before`. */
  readonly again: string;
  /** What to do where there is no such set. */
  readonly missing?: string | undefined;
}
