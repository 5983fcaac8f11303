/** Entry of the bundle that scripts/compile makes of the `yaml` library. */
export * from "yaml";
