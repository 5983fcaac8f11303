/*
 * Names that a variable of a machine cannot have. Source: Ansible 2.16 and 2.19, `ansible.vars.reserved`,
 * `ansible.constants.INTERNAL_STATIC_VARS`, the globals of its templates, the options of its connection plugins;
 * tests/ansible/reserved_test.ts holds the lists against the Ansible that is installed.
 */

/** With one of these a role would run in another machine, or another way, than infra.yml says: on the host for example. */
const STEERING: ReadonlySet<string> = new Set([
  "delegated_vars",
  "incus_become_method",
  "inventory_dir",
  "inventory_file",
  "inventory_hostname",
  "inventory_hostname_short",
]);

/** Words of plays and tasks, and variables that Ansible sets itself: a role would see Ansible's value, or nothing. */
const RESERVED: ReadonlySet<string> = new Set([
  ...["action", "always", "any_errors_fatal", "args", "async", "async_val", "become"],
  ...["become_exe", "become_flags", "become_method", "become_user", "block", "changed_when"],
  ...["check_mode", "collections", "connection", "debugger", "delay", "delegate_facts"],
  ...["delegate_to", "diff", "environment", "fact_path", "failed_when", "force_handlers"],
  ...["gather_facts", "gather_subset", "gather_timeout", "group_names", "groups", "handlers"],
  ...["hosts", "hostvars", "ignore_errors", "ignore_unreachable", "item", "local_action"],
  ...["loop", "loop_control", "loop_with", "max_fail_percentage", "module_defaults", "name"],
  ...["no_log", "notify", "omit", "order", "play_hosts", "playbook_dir", "poll", "port"],
  ...["post_tasks", "pre_tasks", "register", "remote_user", "rescue", "retries", "role_name"],
  ...["role_names", "role_path", "role_uuid", "roles", "run_once", "serial", "strategy"],
  ...["tags", "tasks", "throttle", "timeout", "until", "validate_argspec", "vars", "vars_files"],
  ...["vars_prompt"],
  ...["when", "with_"],
]);

/** What a template knows by these names already. */
const TEMPLATE_NAMES: ReadonlySet<string> = new Set([
  ...["caller", "cycler", "dict", "joiner", "kwargs", "lipsum", "lookup", "namespace", "now"],
  ...["q", "query", "range", "self", "super", "undef", "varargs"],
]);

/** Keywords of Python, which Ansible 2.16 takes for no name, and of Jinja. */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...["False", "None", "True", "and", "as", "assert", "async", "await", "break", "class"],
  ...["continue", "def", "del", "elif", "else", "except", "false", "finally", "for", "from"],
  ...["global", "if", "import", "in", "is", "lambda", "none", "nonlocal", "not", "or", "pass"],
  ...["raise", "recursive", "return", "true", "try", "while", "with", "yield"],
]);

/** Why a variable cannot have this name; undefined: it can. */
export type ReservedName = "steers" | "reserved" | "template" | "keyword";

export function reservedName(name: string): ReservedName | undefined {
  // Any of them: which ones steer a connection is up to plugins, also to those of tomorrow.
  if (/^_?ansible_/.test(name) || STEERING.has(name)) return "steers";
  if (KEYWORDS.has(name)) return "keyword";
  if (RESERVED.has(name)) return "reserved";
  return TEMPLATE_NAMES.has(name) ? "template" : undefined;
}
