import type { Diagnostic } from "../diag/diagnostic.ts";

/**
 * A fact named as a variable. Ansible can make variables of facts; the tree's ansible.cfg forbids
 * it.
 */
export interface InjectedFact {
  /** `ansible_distribution` */
  readonly name: string;
  /** Place of its first use in the file, from 1. */
  readonly line: number;
  readonly column: number;
}

/**
 * Files with the user's own text, without their tests: those have an Ansible configuration of their
 * own.
 */
const OWNERS =
  /^(?!.*\/(molecule|tests)\/)(?:(?:roles|playbooks|tasks|handlers|vars|group_vars|host_vars)\/.*\.ya?ml|(?:.*\/)?templates\/.*|(?!.*\/).*\.ya?ml)$/;

/**
 * The facts of the module `setup` on Linux, without the prefix (ansible-core 2.16 and 2.19), and
 * the usual interfaces.
 */
const FACTS =
  `all_ipv[46]_addresses apparmor architecture bios_\\w+ board_\\w+ chassis_\\w+ cmdline date_time
  default_ipv[46] device_links devices distribution(?:_\\w+)? dns domain effective_(?:group|user)_id env fibre_channel_wwn fips
  form_factor fqdn hostname hostnqn interfaces is_chroot iscsi_iqn kernel(?:_version)? loadavg locally_reachable_ips lsb lvm machine
  machine_id mem(?:ory|free|total)_mb mounts nodename os_family pkg_mgr proc_cmdline processor(?:_\\w+)? product_\\w+ python
  python_version real_(?:group|user)_id selinux selinux_python_present service_mgr ssh_host_(?:key|public)_\\w+ swap(?:free|total)_mb
  system system_capabilities system_capabilities_enforced system_vendor systemd uptime_seconds
  user_(?:dir|gecos|gid|id|shell|uid) userspace_(?:architecture|bits) virtualization_\\w+
  eth\\d+ lo en[ops]\\d\\w* br_?\\w+ docker\\d+ wlan\\d+`.split(/\s+/).join("|");
const FACT = new RegExp(`\\bansible_(?:${FACTS})\\b(?!\\s*:(?!\\S))`, "g");
/** Lines for people. */
const PROSE = /^\s*(?:#|(?:- )?name:|description:)/;

/** Returns the facts that a user's text names like variables, each once. */
export function injectedFacts(path: string, text: string): InjectedFact[] {
  if (!OWNERS.test(path) || !text.includes("ansible_")) return [];
  const found = new Map<string, InjectedFact>();
  for (const [index, line] of text.split("\n").entries()) {
    if (PROSE.test(line)) continue;
    for (const { 0: name, index: at } of line.matchAll(FACT)) {
      if (!found.has(name)) found.set(name, { name, line: index + 1, column: at + 1 });
    }
  }
  return [...found.values()];
}

/** Returns `ansible_facts['distribution']`. */
function factSpelling(name: string): string {
  return `ansible_facts['${name.replace(/^ansible_/, "")}']`;
}

/** Returns a warning for each, with the spelling that works. */
export function warnOfInjectedFacts(
  files: ReadonlyMap<string, { readonly facts?: readonly InjectedFact[] }>,
): Diagnostic[] {
  return [...files].sort(([a], [b]) => a < b ? -1 : 1).flatMap(([path, { facts = [] }]) =>
    facts.map(({ name, line, column }): Diagnostic => ({
      severity: "warning",
      code: "FACT_AS_VARIABLE",
      summary: `${path} reads the fact \`${name}\` as a variable, but facts are not variables here`,
      detail: "If facts were variables, a machine could decide where the rest of the play runs",
      remedy: `Write ${factSpelling(name)}`,
      range: {
        file: path,
        start: { line, column },
        end: { line, column: column + name.length },
      },
    }))
  );
}
