/*
 * Names that a variable of a machine cannot have. Source: Ansible 2.16 and 2.19,
 * `ansible.vars.reserved`, `ansible.constants.INTERNAL_STATIC_VARS`, the globals of its templates,
 * the options of its connection plugins. tests/ansible/reserved_test.ts compares the lists with the
 * installed Ansible.
 */

/**
 * With one of these variables, a role could run in another machine or in another way than infra.yml
 * says, for example on the host.
 */
const STEERING: ReadonlySet<string> = new Set([
  "delegated_vars",
  "incus_become_method",
  "inventory_dir",
  "inventory_file",
  "inventory_hostname",
  "inventory_hostname_short",
]);

/**
 * Keywords of plays and tasks, and variables that Ansible sets itself. A role would see Ansible's
 * value or none.
 */
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

/** Names that already have a meaning in templates. */
const TEMPLATE_NAMES: ReadonlySet<string> = new Set([
  ...["caller", "cycler", "dict", "joiner", "kwargs", "lipsum", "lookup", "namespace", "now"],
  ...["q", "query", "range", "self", "super", "undef", "varargs"],
]);

/** Keywords of Jinja and of Python; Ansible 2.16 does not accept the latter as names. */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...["False", "None", "True", "and", "as", "assert", "async", "await", "break", "class"],
  ...["continue", "def", "del", "elif", "else", "except", "false", "finally", "for", "from"],
  ...["global", "if", "import", "in", "is", "lambda", "none", "nonlocal", "not", "or", "pass"],
  ...["raise", "recursive", "return", "true", "try", "while", "with", "yield"],
]);

/** The reason why a variable cannot have a name. */
type ReservedName = "steers" | "reserved" | "template" | "keyword";

export function reservedName(name: string): ReservedName | undefined {
  // All of them: plugins, including future ones, decide which of these variables affect a
  // connection.
  if (/^_?ansible_/.test(name) || STEERING.has(name)) return "steers";
  if (KEYWORDS.has(name)) return "keyword";
  if (RESERVED.has(name)) return "reserved";
  return TEMPLATE_NAMES.has(name) ? "template" : undefined;
}
