import { shownDevice } from "./delta.ts";
import { type FieldChange, fieldChange } from "./field.ts";
import type { ActualInstance } from "./instance.ts";
import { hasHostsRoot, IDMAP } from "./instance_compare.ts";
import { isForeignDoor, strayDevice } from "./isolation.ts";
import { readManaged } from "./managed.ts";
import type { ActualProfile } from "./profile.ts";
import { isDeviceAsWritten } from "./seal.ts";
import { shownValue } from "./value.ts";

/**
 * Returns undeclared openings in a machine or profile of anklume's: everything relevant to the
 * isolation that anklume did not write itself.
 */
export function foreignDoors(live: ActualInstance | ActualProfile): FieldChange[] {
  const managed = readManaged(live.config);
  const door = (path: string, before: string | undefined) =>
    fieldChange(path, before, undefined, "in-place", true);
  const devices = Object.entries(live.devices).filter(([name, device]) =>
    strayDevice(name, device) !== undefined &&
    (!Object.hasOwn(managed.devices, name) || isDeviceAsWritten(name, device, managed) === false)
  );
  const keys = Object.keys(live.config).filter((key) =>
    isForeignDoor(key, {}, live.config, managed)
  );
  return [
    ...devices.map(([name, device]) => door(`devices.${name}`, shownDevice(device))),
    ...keys.map((key) => door(`config.${key}`, shownValue(key, live.config[key]))),
    ...(live.kind === "instance" && hasHostsRoot(live) ? [door(IDMAP, "none")] : []),
  ];
}
