import type { Machine } from "../infra/infra.ts";

/** One play: a role and the machines it runs on. */
export interface RolePlay {
  readonly role: string;
  /** undefined: every machine that has the role, so that the play can name the role's group. */
  readonly machines?: readonly string[];
}

/**
 * Puts the roles in one order that respects every machine's own.
 *
 * One play per role is enough as long as no two machines want two roles the other way round. Where
 * they do, a role gets several plays, each for the machines whose turn it is.
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

/** A role whose turn it is everywhere; where there is none, the one that most machines wait for. */
function nextRole(turn: ReadonlyMap<string, readonly string[]>, left: readonly string[][]): string {
  const candidates = [...turn.keys()].sort();
  const free = candidates.find((role) => !left.some((roles) => roles.indexOf(role, 1) >= 1));
  const count = (role: string) => turn.get(role)?.length ?? 0;
  return free ?? candidates.reduce((best, role) => count(role) > count(best) ? role : best);
}
