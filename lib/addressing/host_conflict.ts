import type { Diagnostic } from "../diag/diagnostic.ts";

/**
 * A domain that cannot work on this host in its present state. If one cause affects several
 * domains, they share one diagnostic object.
 */
export interface HostConflict {
  readonly domain: string;
  readonly diagnostic: Diagnostic;
}

/** Returns each diagnostic once: domains may share a cause. */
export function diagnosticsOf(conflicts: readonly HostConflict[]): Diagnostic[] {
  return [...new Set(conflicts.map(({ diagnostic }) => diagnostic))];
}

export interface HostFindings {
  /**
   * Errors. Nothing is created or started for these domains; the other domains are not affected.
   */
  readonly conflicts: readonly HostConflict[];
  readonly warnings: readonly Diagnostic[];
}
