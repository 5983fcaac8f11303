import { IncusError } from "./incus_error.ts";
import type { Operations } from "./operations.ts";
import type { Transport } from "./transport.ts";

/** The connection that every collection of the API uses. */
export interface Connection {
  readonly transport: Transport;
  readonly operations: Operations;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface WriteOptions extends ReadOptions {
  /**
   * The ETag that was read. If somebody else has changed the resource since, throws `IncusError`
   * 412 and nothing is written.
   */
  readonly etag?: string | undefined;
}

/** One project, or all projects in one request. */
export type ProjectScope = { readonly project: string } | { readonly allProjects: true };

/** Returns the query parameters of a scope. */
export function scopeQuery(scope: ProjectScope): Record<string, string | boolean> {
  return "project" in scope ? { project: scope.project } : { "all-projects": true };
}

/**
 * Returns the result of a read; undefined if Incus answers 404. Also used for deletions: a resource
 * that is missing is already deleted.
 */
export async function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof IncusError && error.status === 404) return undefined;
    throw error;
  }
}
