/** A role that machines may name. */
export interface RoleAtHand {
  readonly name: string;
  /** The place of the role that is used. */
  readonly origin: "workspace" | "embedded";
  /** The workspace's role replaces an embedded one. */
  readonly overrides: boolean;
  readonly summary: string;
  /** Machines that name it; also empty if infra.yml cannot be read. */
  readonly machines: readonly string[];
}
