import type { SourceRange } from "../diag/diagnostic.ts";
import type { StringMap } from "../infra/infra.ts";
import type { ResourceAddr } from "./address.ts";

/** The fields that every desired resource has. */
export interface DesiredBase {
  readonly addr: ResourceAddr;
  readonly domain: string;
  /** The place of its declaration. */
  readonly range: SourceRange;
  readonly description: string;
  /** The desired Incus keys, including the marks. */
  readonly config: StringMap;
}

/** The fields that every live resource has, owned by anklume or not. */
export interface ActualBase {
  readonly addr: ResourceAddr;
  readonly description: string;
  /** The keys as Incus stores them, including the marks. */
  readonly config: StringMap;
  /** API paths of the resources that use it, if Incus lists them. */
  readonly usedBy?: readonly string[];
  /** ISO 8601, if Incus tells it. */
  readonly createdAt?: string;
}
