import type { Domain, Infra, Machine } from "../infra/infra.ts";
import { INCUS_CONNECTION } from "./ansible_cfg.ts";
import { byName, groupsOf } from "./groups.ts";
import { yamlEntry, yamlWord } from "./yaml_text.ts";

/**
 * Returns the inventory of one domain: its hosts with their connection variables, then their
 * groups.
 *
 * The connection variables are on the hosts: the user's `group_vars/<domain>/` would silently hide
 * a file of ours beside it.
 */
export function renderInventory(infra: Infra, domain: Domain): string {
  const machines = [...domain.machines].sort(byName);
  const lines = [
    `# ${domain.name}: use it as \`--limit ${domain.name}\`. If you repeat a group`,
  ];
  lines.push("# below, it empties the one above: give your own groups other names.");
  lines.push(`${yamlWord(domain.name)}:`);
  if (machines.length > 0) lines.push("  hosts:");
  for (const machine of machines) {
    lines.push(`    ${yamlWord(machine.name)}:`);
    for (const [key, value] of connection(infra, machine)) {
      lines.push(`      ${key}: ${yamlWord(value)}`);
    }
  }
  lines.push(...memberGroups(domain, machines));
  return lines.join("\n") + "\n";
}

/** Returns the group of a domain that has copies: its children are the copies. */
export function renderCopiesInventory(name: string, copies: readonly string[]): string {
  const children = [...copies].sort().map((copy) => `    ${yamlWord(copy)}:`);
  return [`# Every copy of ${name}.`, `${yamlWord(name)}:`, "  children:", ...children].join("\n") +
    "\n";
}

/**
 * Returns the inventory's content about one machine, as one text: part of the decision whether the
 * machine has to be provisioned again.
 */
export function inventoryPlace(infra: Infra, machine: Machine, domain: Domain): string {
  const variables = connection(infra, machine).map(([key, value]) => yamlEntry(key, value));
  return groupsOf(machine, domain).join("\n") + "\n" + variables.join("");
}

function connection(infra: Infra, machine: Machine): [string, string][] {
  return [
    ["ansible_connection", connectionPlugin(infra.global.defaultConnection)],
    ["ansible_incus_remote", "local"],
    ["ansible_incus_project", machine.domain],
    ["ansible_user", "root"],
    ["ansible_python_interpreter", "/usr/bin/python3"],
  ];
}

/**
 * Returns our own plugin for Incus, which does not trust a machine's answers as the collection's
 * does.
 */
function connectionPlugin(name: string): string {
  return name === INCUS_CONNECTION ? "anklume_incus" : name;
}

/**
 * Returns the groups of trust level, types and roles; a group of all the domain's machines names
 * the domain instead.
 */
function memberGroups(domain: Domain, machines: readonly Machine[]): string[] {
  const members = new Map<string, string[]>();
  for (const machine of machines) {
    for (const group of groupsOf(machine, domain)) {
      if (group === domain.name || group === domain.copy?.of) continue;
      members.set(group, [...(members.get(group) ?? []), machine.name]);
    }
  }
  return [...members.keys()].sort().flatMap((group) => [
    `${yamlWord(group)}:`,
    ...(group.startsWith("trust_")
      ? ["  children:", `    ${yamlWord(domain.name)}:`]
      : ["  hosts:", ...(members.get(group) ?? []).map((name) => `    ${yamlWord(name)}:`)]),
  ]);
}
