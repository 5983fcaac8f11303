import type { SourceRange } from "../diag/diagnostic.ts";
import type { Domain } from "./infra.ts";

/** A declared domain together with the domains that it produces: itself, or its copies. */
export interface DeclaredDomain {
  readonly name: string;
  readonly range: SourceRange;
  readonly hasCopies: boolean;
  readonly domains: readonly Domain[];
  /**
   * True if its machines and copies could be read. Only then is a name that is not among them
   * unknown.
   */
  readonly isComplete: boolean;
  /** True if the keys that determine its subnet could be read. */
  readonly isPlaced: boolean;
}
