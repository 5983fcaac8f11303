import { readEmbeddedAnsible } from "../../ansible/embedded_files.ts";
import { listUserRoles } from "../../ansible/user_roles.ts";
import { treeMachines } from "../../ansible/groups.ts";
import { embeddedRoles } from "../../ansible/render_tree.ts";
import { suggest } from "../../diag/suggest.ts";
import { readInfra } from "../../workspace/read_infra.ts";
import { UserError } from "../../session/user_error.ts";
import type { RoleAtHand } from "../../ansible/role_at_hand.ts";

interface RolesAtHand {
  readonly roles: readonly RoleAtHand[];
  /** The embedded `ansible/`, by path in it. */
  readonly embedded: ReadonlyMap<string, string>;
}

export function rolesAtHand(): RolesAtHand {
  const embedded = readEmbeddedAnsible();
  const own = listUserRoles();
  const users = usersOfRoles();
  const shipped = embeddedRoles(embedded);
  const names = [...new Set([...own, ...shipped])].sort();
  const roles = names.map((name): RoleAtHand => ({
    name,
    origin: own.includes(name) ? "workspace" : "embedded",
    overrides: own.includes(name) && shipped.includes(name),
    summary: own.includes(name) ? "" : summaryOf(embedded, name),
    machines: users.get(name) ?? [],
  }));
  return { roles, embedded };
}

/** Returns the role of that name. @throws UserError if there is none */
export function findRole(roles: readonly RoleAtHand[], name: string): RoleAtHand {
  const role = roles.find((role) => role.name === name);
  if (role !== undefined) return role;
  const names = roles.map(({ name }) => name);
  const meant = suggest(name, names);
  throw new UserError(
    `There is no role \`${name}\``,
    meant === undefined ? `There are ${names.join(", ")}` : `Did you mean \`${meant}\`?`,
  );
}

/**
 * Returns the machines of each role; empty if infra.yml is missing or wrong, since roles can still
 * be shown.
 */
function usersOfRoles(): Map<string, string[]> {
  const users = new Map<string, string[]>();
  try {
    const { infra } = readInfra();
    for (const { name, roles } of infra === undefined ? [] : treeMachines(infra)) {
      for (const role of roles) users.set(role, [...users.get(role) ?? [], name]);
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return users;
}

/** Returns the description of an embedded role: each has one in its meta/main.yml. */
function summaryOf(embedded: ReadonlyMap<string, string>, role: string): string {
  const meta = embedded.get(`roles/${role}/meta/main.yml`) ?? "";
  return /^ {2}description: (.*)$/m.exec(meta)?.[1] ?? "";
}
