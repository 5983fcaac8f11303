/** A role that machines may name. */
export interface RoleAtHand {
  readonly name: string;
  /** Whose is used. */
  readonly origin: "workspace" | "embedded";
  /** It is the workspace's and stands instead of an embedded one. */
  readonly overrides: boolean;
  readonly summary: string;
  /** Machines that name it; empty also where infra.yml cannot be read. */
  readonly machines: readonly string[];
}
