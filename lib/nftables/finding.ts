/** What `doctor` says of one part of the host. */
export interface Finding {
  readonly check: string;
  /**
   * `bad`: isolation, or the domains' internet, is broken. `warning`: it may be. `unknown`: needs
   * root.
   */
  readonly state: "ok" | "warning" | "bad" | "unknown";
  readonly detail: string;
  /** Text, for what anklume does not do by itself. */
  readonly remedy?: string;
  /** Commands that `--fix` runs, each after asking. */
  readonly fix?: readonly (readonly [string, ...string[]])[];
}
