import type { Addressing } from "../addressing/addressing.ts";
import type { Domain, Infra, Machine, Variable } from "../infra/infra.ts";
import { yamlEntry, yamlWord } from "./yaml_text.ts";

/** Prefix of anklume's own variables. */
export const OWN_PREFIX = "anklume_";

/** The text of a new file of variables below the section. */
export const VARIABLE_PLACES = {
  after: "\n# Your own variables go here; they override those above.\n",
} as const;

/** Returns `group_vars/all.yml`. */
export function renderAllVariables(infra: Infra, addressing: Addressing): string {
  return document("Facts about the whole infra, for roles and plays.", [
    word("anklume_project", infra.projectName),
    word("anklume_infra", addressing.infraId),
    word("anklume_default_user", infra.global.defaultUser),
  ]);
}

/**
 * Name -> address of the domain's other machines. Ansible evaluates it, so only machines that read
 * it depend on the others.
 */
const PEERS = `anklume_peers: >-
  {{ dict(groups[anklume_domain] | difference([inventory_hostname]) | sort
  | map("extract", hostvars, "anklume_ip")
  | zip(groups[anklume_domain] | difference([inventory_hostname]) | sort)
  | map("reverse")) }}
`;

/** Returns `group_vars/<domain>.yml`. */
export function renderDomainVariables(domain: Domain, addressing: Addressing): string {
  const address = addressing.domains.get(domain.name);
  return document(`Facts about the domain ${domain.name}.`, [
    word("anklume_domain", domain.name),
    yamlEntry("anklume_domain_description", domain.description),
    word("anklume_trust_level", domain.trustLevel),
    word("anklume_internet", domain.internet.kind),
    ...(domain.copy === undefined ? [] : [word("anklume_copy", domain.copy.name)]),
    ...(address === undefined ? [] : [
      word("anklume_bridge", address.bridge),
      word("anklume_subnet", address.subnet),
      word("anklume_gateway", address.gateway),
    ]),
    PEERS,
    ...(address?.ipv6 === undefined ? [] : [
      word("anklume_ipv6_subnet", address.ipv6.subnet),
      word("anklume_ipv6_gateway", address.ipv6.gateway),
    ]),
  ]);
}

/** Returns `group_vars/<name>.yml` of a domain that has copies. */
export function renderCopiesVariables(name: string): string {
  return document(`For every copy of ${name}.`, [word("anklume_copy_of", name)]);
}

/** Returns `host_vars/<machine>.yml`: facts about the machine, then its `vars` of infra.yml. */
export function renderMachineVariables(machine: Machine, addressing: Addressing): string {
  const address = addressing.machines.get(machine.name);
  const facts = [
    word("anklume_machine", machine.name),
    word("anklume_hostname", machine.hostname),
    yamlEntry("anklume_description", machine.description),
    word("anklume_type", machine.type),
    yamlEntry("anklume_image", machine.image.text),
    ...(address === undefined ? [] : [word("anklume_ip", address.ip)]),
    ...(address?.ipv6 === undefined ? [] : [word("anklume_ipv6", address.ipv6)]),
  ];
  const own = userVariables(machine);
  return document(`Facts about ${machine.name}.`, facts) +
    (own.length === 0 ? "" : document(`From its \`vars\` in infra.yml.`, own.map(entry)));
}

/** Returns the variables that a machine may not set, because anklume sets them. */
export function reservedVariables(machine: Machine): string[] {
  return Object.keys(machine.vars).filter((name) => name.startsWith(OWN_PREFIX)).sort();
}

function userVariables(machine: Machine): [string, Variable][] {
  return Object.entries(machine.vars)
    .filter(([name]) => !name.startsWith(OWN_PREFIX))
    .sort(([a], [b]) => a < b ? -1 : 1);
}

function entry([name, value]: [string, Variable]): string {
  return yamlEntry(name, value);
}

function word(name: string, value: string): string {
  return `${name}: ${yamlWord(value)}\n`;
}

function document(comment: string, entries: readonly string[]): string {
  return `# ${comment}\n${entries.join("")}`;
}
