import type { SourceRange } from "../diag/diagnostic.ts";
import type { Domain } from "./infra.ts";

/** A domain as it was declared, and the domains it stands for: itself, or its copies. */
export interface DeclaredDomain {
  readonly name: string;
  readonly range: SourceRange;
  readonly hasCopies: boolean;
  readonly domains: readonly Domain[];
  /** Its machines and copies could be read: a name that is not among them is unknown. */
  readonly isComplete: boolean;
  /** What fixes its subnet could be read. */
  readonly isPlaced: boolean;
}
