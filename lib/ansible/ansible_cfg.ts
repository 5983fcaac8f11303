/** The collection's connection, by the name that infra.yml knows. */
export const INCUS_CONNECTION = "community.general.incus";
/** Where our connection to Incus is; the other two are Ansible's own default. */
export const CONNECTION_PLUGINS =
  "./.anklume/plugins/connection:~/.ansible/plugins/connection:/usr/share/ansible/plugins/connection";

/** Options of `[defaults]` that anklume sets; a second one of the same name is an error to Ansible. */
const DEFAULTS: readonly (readonly [string, string])[] = [
  ["inventory", "./inventory"],
  ["roles_path", "./roles:./.anklume/roles"],
  ["collections_path", "./collections:~/.ansible/collections:/usr/share/ansible/collections"],
  // Domains are DNS labels: a `-` in a group's name would warn on every run.
  ["force_valid_group_names", "ignore"],
  ["gathering", "smart"],
  // What a machine answers must not become a variable: one of them says where the rest of the play runs.
  ["inject_facts_as_vars", "False"],
  ["connection_plugins", CONNECTION_PLUGINS],
];

/**
 * `ansible.cfg`. `[defaults]` comes last and stays open, so that the user adds options below the
 * section without a second `[defaults]`, which Ansible answers with a traceback.
 */
export function renderAnsibleCfg(): string {
  return [
    "# Options of your own go right below END MANAGED: they belong to [defaults].",
    "[connection]",
    "pipelining = True",
    "",
    "[defaults]",
    ...DEFAULTS.map(([name, value]) => `${name} = ${value}`),
  ].join("\n") + "\n";
}
