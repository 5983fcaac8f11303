import type { SourceRange } from "../diag/diagnostic.ts";
import type { StringMap } from "../infra/infra.ts";
import type { ResourceAddr } from "./address.ts";

/** What every desired resource has. */
export interface DesiredBase {
  readonly addr: ResourceAddr;
  readonly domain: string;
  /** Where it is declared. */
  readonly range: SourceRange;
  readonly description: string;
  /** Incus keys as they are to be, the marks among them. */
  readonly config: StringMap;
}

/** What every live resource has, ours or not. */
export interface ActualBase {
  readonly addr: ResourceAddr;
  readonly description: string;
  /** As Incus stores it, the marks among it. */
  readonly config: StringMap;
  /** API paths of what uses it, where Incus tells. */
  readonly usedBy?: readonly string[];
  /** ISO 8601, where Incus tells. */
  readonly createdAt?: string;
}
