import { formatAddr } from "../resource/address.ts";
import { type FieldChange, fieldChange } from "../resource/field.ts";
import { MARK } from "../resource/mark.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import type { ActualResource } from "../resource/resource.ts";
import type { DesiredVolume } from "../resource/volume.ts";
import { creation, difference } from "./change.ts";
import type { Change, Move } from "./plan.ts";
import { isProtected } from "./protection.ts";
import type { Relocations } from "./relocations.ts";

/**
 * Returns the change of a machine. A machine that is at another place or kept aside is moved, not
 * created.
 */
export function machineChange(
  machine: DesiredInstance,
  volumes: readonly DesiredVolume[],
  found: ActualResource | undefined,
  relocations: Relocations,
): Change | undefined {
  const name = formatAddr(machine.addr);
  const moves = volumes.flatMap(({ addr }): Move[] => {
    const source = relocations.volumes.get(formatAddr(addr));
    return source === undefined ? [] : [{ from: source.addr, to: addr }];
  });
  const aside = found === undefined ? relocations.asides.get(name) : undefined;
  const source = found ?? aside ?? relocations.machines.get(name);
  if (source === undefined) return withMoves(creation(machine), moves);
  const change = withMoves(difference(machine, source), moves);
  if (change === undefined || found !== undefined) return change;
  if (aside === undefined) {
    return { ...change, from: source.addr, reason: moveReason(machine, source) };
  }
  // Its replacement never ran. If the replacement is no longer wanted, the machine gets its place
  // back.
  return change.action === "replace"
    ? { ...change, aside: aside.addr, reason: "continues an interrupted replacement" }
    : { ...change, from: aside.addr, reason: "undoes an interrupted replacement" };
}

/** Returns the deletion of a machine that was replaced and kept aside until its successor ran. */
export function farewell(aside: ActualInstance, successor: DesiredInstance): Change {
  return {
    addr: aside.addr,
    action: "delete",
    domain: successor.domain,
    fields: deletedFields(aside),
    effect: "data-lost",
    reason: `${successor.addr.name} has taken its place`,
    dependsOn: [formatAddr(successor.addr)],
    needsForce: isProtected(aside),
  };
}

/** Returns the data that is lost with a machine. */
export function deletedFields(machine: ActualInstance): FieldChange[] {
  const snapshots = machine.snapshots?.join(", ") ?? "";
  return [
    fieldChange("state", machine.status.toLowerCase(), undefined, "data-lost"),
    ...(snapshots === "" ? [] : [fieldChange("snapshots", snapshots, undefined, "data-lost")]),
  ];
}

function withMoves(change: Change | undefined, moves: readonly Move[]): Change | undefined {
  if (change === undefined || moves.length === 0) return change;
  const fields = moves.map(({ from, to }) =>
    fieldChange(`volumes.${to.name}`, formatAddr(from), formatAddr(to), "in-place")
  );
  return { ...change, moves, fields: [...change.fields, ...fields] };
}

function moveReason(machine: DesiredInstance, source: ActualResource): string {
  if (MARK.copied in source.config || MARK.called in source.config) {
    return "continues an interrupted move: nothing is lost";
  }
  const renamed = machine.addr.name !== source.addr.name;
  const moved = machine.addr.project !== source.addr.project;
  const what = renamed && moved ? "moved and renamed" : renamed ? "renamed" : "moved";
  return `it was ${what}: disk, volumes and snapshots stay`;
}
