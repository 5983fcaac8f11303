import { formatAddr } from "../resource/address.ts";
import { fieldChange, worstEffect } from "../resource/field.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import type { ActualResource } from "../resource/resource.ts";
import type { DesiredState } from "./desired_state.ts";
import { type Change, RESTART } from "./plan.ts";

/**
 * Adds restarts of machines that still use a forbidden key of a profile: a key that is removed from
 * a profile stays in force until the machine restarts. The restart waits for the change of the
 * profile.
 */
export function withRestarts(
  changes: readonly Change[],
  desired: DesiredState,
  live: ReadonlyMap<string, ActualResource>,
): Change[] {
  const doors = new Map(changes.flatMap(({ addr, fields }) => {
    const keys = fields.filter(({ path, breach }) => breach === true && path.startsWith("config."));
    return addr.kind !== "profile" || keys.length === 0
      ? []
      : [[formatAddr(addr), `${addr.name}: ${keys.map(({ path }) => path.slice(7)).join(", ")}`]];
  }));
  if (doors.size === 0) return [...changes];
  const planned = new Map(changes.map((change) => [formatAddr(change.addr), change]));
  for (const machine of desired.resources) {
    if (machine.kind !== "instance") continue;
    const name = formatAddr(machine.addr);
    const found = live.get(name);
    if (found?.kind !== "instance" || found.status === "Stopped") continue;
    const change = planned.get(name);
    const why = found.profiles.flatMap((profile) =>
      doors.get(formatAddr({ kind: "profile", name: profile, project: machine.domain })) ?? []
    );
    if (why.length === 0 || (change !== undefined && change.action !== "update")) continue;
    planned.set(name, restarted(machine, found, why, change));
  }
  return [...planned.values()];
}

function restarted(
  { addr, domain }: DesiredInstance,
  { status }: ActualInstance,
  why: readonly string[],
  change: Change | undefined,
): Change {
  const field = fieldChange(RESTART, status.toLowerCase(), why.join("; "), "restart", true);
  const fields = [field, ...change?.fields ?? []];
  return {
    addr,
    action: "update",
    domain,
    dependsOn: [],
    needsForce: false,
    ...change,
    fields,
    effect: worstEffect(fields),
    reason: "the isolation has an opening",
  };
}
