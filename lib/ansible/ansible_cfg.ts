/** The collection's connection, by its name in infra.yml. */
export const INCUS_CONNECTION = "community.general.incus";
/** The search path with our Incus connection; the other two directories are Ansible's default. */
export const CONNECTION_PLUGINS =
  "./.anklume/plugins/connection:~/.ansible/plugins/connection:/usr/share/ansible/plugins/connection";

/** Options of `[defaults]` that anklume sets; to Ansible a repeated option is an error. */
const DEFAULTS: readonly (readonly [string, string])[] = [
  ["inventory", "./inventory"],
  ["roles_path", "./roles:./.anklume/roles"],
  ["collections_path", "./collections:~/.ansible/collections:/usr/share/ansible/collections"],
  // Domains are DNS labels: a `-` in a group's name would give a warning in each run.
  ["force_valid_group_names", "ignore"],
  ["gathering", "smart"],
  // A machine's facts must not become variables: one variable decides where the rest of the play
  // runs.
  ["inject_facts_as_vars", "False"],
  ["connection_plugins", CONNECTION_PLUGINS],
];

/**
 * Returns `ansible.cfg`. `[defaults]` comes last and stays open: the user adds options below the
 * section. A second `[defaults]` would make Ansible stop with a traceback.
 */
export function renderAnsibleCfg(): string {
  return [
    "# Your own options go right below END MANAGED: they belong to [defaults].",
    "[connection]",
    "pipelining = True",
    "",
    "[defaults]",
    ...DEFAULTS.map(([name, value]) => `${name} = ${value}`),
  ].join("\n") + "\n";
}
