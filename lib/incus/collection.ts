import { IncusError } from "./incus_error.ts";
import type { Operations } from "./operations.ts";
import type { Transport } from "./transport.ts";

/** What every collection works with. */
export interface Connection {
  readonly transport: Transport;
  readonly operations: Operations;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface WriteOptions extends ReadOptions {
  /** As it was read: when somebody else changed the resource since, `IncusError` 412 and nothing is written. */
  readonly etag?: string | undefined;
}

/** Of one project, or of all of them in one request. */
export type ProjectScope = { readonly project: string } | { readonly allProjects: true };

/** The query parameters of a scope. */
export function scopeQuery(scope: ProjectScope): Record<string, string | boolean> {
  return "project" in scope ? { project: scope.project } : { "all-projects": true };
}

/** What a read answers; undefined where Incus says there is no such thing. What is not there needs no deleting either. */
export async function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof IncusError && error.status === 404) return undefined;
    throw error;
  }
}
