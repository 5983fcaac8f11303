import { createHash } from "node:crypto";
import {
  type Domain,
  type Infra,
  type Machine,
  machinesOf,
  type TrustLevel,
} from "../infra/infra.ts";

/** Ansible group of a trust level: `trust_semi_trusted`. */
export function trustGroup(level: TrustLevel): string {
  return `trust_${level.replaceAll("-", "_")}`;
}

/** Ansible group of a kind of machine: `type_lxc`. */
export function typeGroup(type: Machine["type"]): string {
  return `type_${type}`;
}

/**
 * Ansible group of a role: `role_web`. What a variable's name cannot hold becomes `_`; a role whose
 * name was changed that way carries a hash, so that `my-web` and `my_web` stay two groups.
 */
export function roleGroup(role: string): string {
  const plain = role.replace(/[^A-Za-z0-9_]/g, "_");
  return `role_${plain}${plain === role ? "" : `_${hash(role)}`}`;
}

/** Domains that the Ansible tree describes: nothing changes in a disabled one, its files neither. */
export function treeDomains(infra: Infra): Domain[] {
  return infra.domains.filter((domain) => domain.enabled).sort(byName);
}

/** Machines of those domains, by name. */
export function treeMachines(infra: Infra): Machine[] {
  const enabled = new Set(treeDomains(infra).map((domain) => domain.name));
  return machinesOf(infra).filter((machine) => enabled.has(machine.domain)).sort(byName);
}

/** Every group a machine is in, sorted; `all` is not among them. */
export function groupsOf(machine: Machine, domain: Domain): string[] {
  return [
    domain.name,
    ...(domain.copy === undefined ? [] : [domain.copy.of]),
    trustGroup(domain.trustLevel),
    typeGroup(machine.type),
    ...new Set(machine.roles.map(roleGroup)),
  ].sort();
}

/** Compares by name, in code units: the same everywhere, whatever the locale. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 4);
}
