import type { Addressing } from "../addressing/addressing.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { Infra, Machine } from "../infra/infra.ts";
import { renderAnsibleCfg } from "./ansible_cfg.ts";
import { treeDomains, treeMachines } from "./groups.ts";
import { renderCopiesInventory, renderInventory } from "./inventory.ts";
import { REQUIREMENTS, REQUIREMENTS_PLACES } from "./requirements.ts";
import { renderSite, SITE_PLACES } from "./site.ts";
import type { FileShape, Places, TreeFile } from "./tree_file.ts";
import {
  renderAllVariables,
  renderCopiesVariables,
  renderDomainVariables,
  renderMachineVariables,
  reservedVariables,
  VARIABLE_PLACES,
} from "./variables.ts";
import { optional } from "../diag/optional.ts";

interface TreeInputs {
  /** The embedded `ansible/` directory: path in it (`roles/base_system/tasks/main.yml`) -> text. */
  readonly embedded: ReadonlyMap<string, string>;
  /** Names of the directories in the workspace's `roles/`. */
  readonly userRoles: readonly string[];
  /**
   * Directories that Ansible reads instead of a file beside them: `group_vars/pro`,
   * `host_vars/pro-dev`.
   */
  readonly directories: ReadonlySet<string>;
  /** Further files under `.anklume/`, by path in it: `schema.json`, `nft/home-lab.nft`. */
  readonly extra?: ReadonlyMap<string, string>;
}

/** Returns all generated files of the workspace, sorted by path. Pure. */
export function renderTree(infra: Infra, addressing: Addressing, inputs: TreeInputs): TreeFile[] {
  const variables = (stem: string, body: string) =>
    // A directory holds files of the user's own.
    inputs.directories.has(stem)
      ? section(`${stem}/anklume.yml`, "variables", body)
      : section(`${stem}.yml`, "variables", body, VARIABLE_PLACES);
  const domains = treeDomains(infra);
  const machines = treeMachines(infra);
  const files: TreeFile[] = [
    section(".gitignore", "lines", ".anklume/\n"),
    section("ansible.cfg", "ini", renderAnsibleCfg()),
    section("site.yml", "playbook", renderSite(machines), SITE_PLACES),
    section("requirements.yml", "requirements", REQUIREMENTS, REQUIREMENTS_PLACES),
    variables("group_vars/all", renderAllVariables(infra, addressing)),
  ];
  for (const domain of domains) {
    files.push(
      section(`inventory/${domain.name}.yml`, "inventory", renderInventory(infra, domain)),
      variables(`group_vars/${domain.name}`, renderDomainVariables(domain, addressing)),
    );
  }
  for (const [name, copies] of infra.copies) {
    const enabled = copies.filter((copy) => domains.some((domain) => domain.name === copy));
    if (enabled.length === 0) continue;
    files.push(
      section(`inventory/${name}.yml`, "inventory", renderCopiesInventory(name, enabled)),
      variables(`group_vars/${name}`, renderCopiesVariables(name)),
    );
  }
  for (const machine of machines) {
    files.push(
      variables(`host_vars/${machine.name}`, renderMachineVariables(machine, addressing)),
    );
  }
  for (const [path, text] of inputs.embedded) {
    if (isShipped(path)) files.push({ kind: "whole", path: `.anklume/${path}`, text });
  }
  for (const [path, text] of inputs.extra ?? []) {
    files.push({ kind: "whole", path: `.anklume/${path}`, text });
  }
  return files.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

/**
 * Returns the files of disabled domains: `sync` neither writes them nor reports them as orphans.
 */
export function frozenFiles(infra: Infra): Set<string> {
  const frozen = new Set<string>();
  const add = (stem: string) => frozen.add(`${stem}.yml`).add(`${stem}/anklume.yml`);
  for (const domain of infra.domains.filter((domain) => !domain.enabled)) {
    frozen.add(`inventory/${domain.name}.yml`);
    add(`group_vars/${domain.name}`);
    if (domain.copy !== undefined) {
      frozen.add(`inventory/${domain.copy.of}.yml`);
      add(`group_vars/${domain.copy.of}`);
    }
    for (const machine of domain.machines) add(`host_vars/${machine.name}`);
  }
  return frozen;
}

/** Returns the names of the embedded roles. */
export function embeddedRoles(embedded: ReadonlyMap<string, string>): string[] {
  const names = [...embedded.keys()].filter(isShipped).map((path) => path.split("/"));
  return [...new Set(names.flatMap(([top, role]) => top === "roles" && role ? [role] : []))].sort();
}

/** Reports the parts of infra.yml that the tree leaves out; warnings only. */
export function checkTreeInputs(infra: Infra): Diagnostic[] {
  return treeMachines(infra).flatMap((machine) =>
    reservedVariables(machine).map((name) => reservedVariable(machine, name))
  );
}

/**
 * Reports roles that Ansible will not find for these machines, as errors: `parseInfra` only warns,
 * and provisioning must not start. A role of a collection (`ns.collection.role`) is not checked,
 * since only Ansible knows where collections are.
 */
export function missingRoles(
  infra: Infra,
  machines: ReadonlySet<string>,
  known: ReadonlySet<string>,
): Diagnostic[] {
  return treeMachines(infra).filter(({ name }) => machines.has(name)).flatMap((machine) =>
    machine.roles.flatMap((role, index) =>
      known.has(role) || role.split(".").length >= 3 ? [] : [missingRole(machine, role, index)]
    )
  );
}

/**
 * True for files that go into the workspace. Molecule scenarios serve a role's developers, not its
 * users.
 */
function isShipped(path: string): boolean {
  const parts = path.split("/");
  return (parts[0] === "roles" && parts[2] !== "molecule") || parts[0] === "plugins";
}

function section(path: string, shape: FileShape, body: string, places?: Places): TreeFile {
  return { kind: "section", path, shape, body, ...optional({ places }) };
}

function missingRole(machine: Machine, role: string, index: number): Diagnostic {
  return {
    severity: "error",
    code: "ROLE_MISSING",
    summary: `The role \`${role}\` of ${machine.name} is neither in roles/ nor embedded`,
    remedy: `Put it into roles/${role}/ so that ${machine.name} can be provisioned`,
    range: machine.ranges.get(`roles.${index}`) ?? machine.range,
  };
}

function reservedVariable(machine: Machine, name: string): Diagnostic {
  return {
    severity: "warning",
    code: "VARIABLE_RESERVED",
    summary: `The variable \`${name}\` of ${machine.name} is left out`,
    detail: "Variables that begin with `anklume_` are anklume's own",
    remedy: "Give it another name",
    range: machine.ranges.get(`vars.${name}`) ?? machine.range,
  };
}
