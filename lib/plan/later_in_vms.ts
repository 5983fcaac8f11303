import { typeOfKey } from "../infra/check/machine_type.ts";
import { type FieldChange, worstEffect } from "../resource/field.ts";
import { isLiveKey } from "../resource/live_key.ts";
import type { ActualResource } from "../resource/resource.ts";
import type { Change } from "./plan.ts";

/**
 * Marks the fields of profiles that a running virtual machine uses only after its next start. The
 * profile is written anyway, and its containers use it at once.
 */
export function withLaterInVms(
  changes: readonly Change[],
  live: readonly ActualResource[],
): Change[] {
  const used = new Set(
    live.flatMap((machine) =>
      machine.kind === "instance" && machine.type === "vm" && machine.status !== "Stopped"
        ? machine.profiles.map((name) => JSON.stringify([machine.addr.project, name]))
        : []
    ),
  );
  return changes.map((change) => {
    const { addr } = change;
    const isUsed = used.has(JSON.stringify([addr.project, addr.name]));
    if (addr.kind !== "profile" || change.action !== "update" || !isUsed) return change;
    const fields = change.fields.map((field) => isLater(field) ? later(field) : field);
    return { ...change, fields, effect: worstEffect(fields) };
  });
}

function isLater({ path, before, after, effect }: FieldChange): boolean {
  const key = path.replace(/^config\./, "");
  return effect === "in-place" && key !== path && typeOfKey(key) !== "lxc" &&
    !isLiveKey({ key, before, after }, "vm");
}

function later(field: FieldChange): FieldChange {
  return { ...field, effect: "next-start" };
}
