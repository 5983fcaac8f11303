import { shownDevice } from "../resource/delta.ts";
import { type FieldChange, fieldChange } from "../resource/field.ts";
import { imageMark } from "../resource/instance.ts";
import { MARK_PREFIX } from "../resource/mark.ts";
import type { DesiredResource } from "../resource/resource.ts";
import { shownValue } from "../resource/value.ts";

/** Returns all fields of a new resource, without anklume's own marks. */
export function createFields(resource: DesiredResource): FieldChange[] {
  const set = (path: string, value: string | undefined) =>
    fieldChange(path, undefined, value, "in-place");
  return [
    ...(resource.kind === "instance"
      ? [
        set("type", resource.type),
        set("image", imageMark(resource.image)),
        set("state", resource.state === "stopped" ? "stopped" : "running"),
        set("profiles", resource.profiles.join(", ")),
      ]
      : []),
    ...(resource.description === "" ? [] : [set("description", resource.description)]),
    ...Object.keys(resource.config)
      .filter((key) => !key.startsWith(MARK_PREFIX))
      .toSorted()
      .map((key) => set(`config.${key}`, shownValue(key, resource.config[key]))),
    ...("devices" in resource
      ? Object.keys(resource.devices)
        .toSorted()
        .map((name) => set(`devices.${name}`, shownDevice(resource.devices[name])))
      : []),
  ];
}
