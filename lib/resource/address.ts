/** What a plan can hold; the firewall is a resource like the others. */
export const RESOURCE_KINDS = [
  "firewall",
  "project",
  "network",
  "volume",
  "profile",
  "instance",
] as const;
export type ResourceKind = typeof RESOURCE_KINDS[number];

/** Names one resource of the host. */
export interface ResourceAddr {
  readonly kind: ResourceKind;
  readonly name: string;
  /** Incus project; absent for firewall, project and network (bridges live in `default`). */
  readonly project?: string;
  /** Storage pool, of a volume only. */
  readonly pool?: string;
}

/** `instance pro/pro-dev`, `volume pro/pro-dev-data`, `network net-pro`: unique, and what a person reads. */
export function formatAddr(addr: ResourceAddr): string {
  const pool = addr.pool === undefined || addr.pool === "default" ? "" : `${addr.pool}:`;
  const project = addr.project === undefined ? "" : `${addr.project}/`;
  return `${addr.kind} ${pool}${project}${addr.name}`;
}
