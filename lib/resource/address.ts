/** The kinds of resource in a plan. The firewall is a resource like the others. */
export const RESOURCE_KINDS = [
  "firewall",
  "project",
  "network",
  "volume",
  "profile",
  "instance",
] as const;
export type ResourceKind = typeof RESOURCE_KINDS[number];

/** Identifies one resource of the host. */
export interface ResourceAddr {
  readonly kind: ResourceKind;
  readonly name: string;
  /** The Incus project; absent for firewall, project and network (bridges are in `default`). */
  readonly project?: string;
  /** The storage pool; only for a volume. */
  readonly pool?: string;
}

/**
 * Returns `instance pro/pro-dev`, `volume pro/pro-dev-data`, `network net-pro`: a unique text that
 * is also shown to the user.
 */
export function formatAddr(addr: ResourceAddr): string {
  const pool = addr.pool === undefined || addr.pool === "default" ? "" : `${addr.pool}:`;
  const project = addr.project === undefined ? "" : `${addr.project}/`;
  return `${addr.kind} ${pool}${project}${addr.name}`;
}
