import type { Machine } from "../infra/infra.ts";

/** One play: a role and the machines it runs on. */
export interface RolePlay {
  readonly role: string;
  /** undefined: all machines with the role, so the play can name the role's group. */
  readonly machines?: readonly string[];
}

/**
 * Puts the roles in one order that respects the order of each machine.
 *
 * One play per role is enough unless two machines have two roles in opposite order. Then a role
 * gets several plays, each for the machines that are ready for it.
 */
export function orderRoles(machines: readonly Machine[]): RolePlay[] {
  const waiting = machines
    .map((machine) => ({ name: machine.name, roles: [...machine.roles] }))
    .filter((machine) => machine.roles.length > 0);
  const users = new Map<string, Set<string>>();
  for (const machine of waiting) {
    for (const role of machine.roles) {
      users.set(role, (users.get(role) ?? new Set()).add(machine.name));
    }
  }

  const plays: RolePlay[] = [];
  while (waiting.some((machine) => machine.roles.length > 0)) {
    const turn = new Map<string, string[]>();
    for (const machine of waiting) {
      const role = machine.roles[0];
      if (role !== undefined) turn.set(role, [...(turn.get(role) ?? []), machine.name]);
    }
    const role = nextRole(turn, waiting.map((machine) => machine.roles));
    const now = turn.get(role) ?? [];
    plays.push(now.length === users.get(role)?.size ? { role } : { role, machines: now });
    for (const machine of waiting) if (machine.roles[0] === role) machine.roles.shift();
  }
  return plays;
}

/**
 * Returns a role that is next everywhere; if there is none, the role that most machines wait for.
 */
function nextRole(turn: ReadonlyMap<string, readonly string[]>, left: readonly string[][]): string {
  const candidates = [...turn.keys()].sort();
  const free = candidates.find((role) => !left.some((roles) => roles.indexOf(role, 1) >= 1));
  const count = (role: string) => turn.get(role)?.length ?? 0;
  return free ?? candidates.reduce((best, role) => count(role) > count(best) ? role : best);
}
