import { createHash } from "node:crypto";
import {
  type Domain,
  type Infra,
  type Machine,
  machinesOf,
  type TrustLevel,
} from "../infra/infra.ts";

/** Returns the Ansible group of a trust level: `trust_semi_trusted`. */
function trustGroup(level: TrustLevel): string {
  return `trust_${level.replaceAll("-", "_")}`;
}

/** Returns the Ansible group of a type of machine: `type_lxc`. */
export function typeGroup(type: Machine["type"]): string {
  return `type_${type}`;
}

/**
 * Returns the Ansible group of a role: `role_web`. Characters that a variable's name cannot have
 * become `_`. Such a changed name gets a hash, so that `my-web` and `my_web` stay two groups.
 */
export function roleGroup(role: string): string {
  const plain = role.replace(/[^A-Za-z0-9_]/g, "_");
  return `role_${plain}${plain === role ? "" : `_${hash(role)}`}`;
}

/**
 * Returns the domains that the Ansible tree describes. A disabled domain does not change, and
 * neither do its files.
 */
export function treeDomains(infra: Infra): Domain[] {
  return infra.domains.filter((domain) => domain.enabled).sort(byName);
}

/** Returns the machines of those domains, by name. */
export function treeMachines(infra: Infra): Machine[] {
  const enabled = new Set(treeDomains(infra).map((domain) => domain.name));
  return machinesOf(infra).filter((machine) => enabled.has(machine.domain)).sort(byName);
}

/** Returns all groups of a machine, sorted, without `all`. */
export function groupsOf(machine: Machine, domain: Domain): string[] {
  return [
    domain.name,
    ...(domain.copy === undefined ? [] : [domain.copy.of]),
    trustGroup(domain.trustLevel),
    typeGroup(machine.type),
    ...new Set(machine.roles.map(roleGroup)),
  ].sort();
}

/** Compares by name, in code units: the same in each locale. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 4);
}
