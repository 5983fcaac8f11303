import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import {
  deviceRefusal,
  isRefusedKey,
  type MachineType,
  TYPE_NAMES,
  typeOfKey,
} from "./machine_type.ts";
import { mergedDevices } from "./merged_parts.ts";
import { plainDevice } from "../shape/without_places.ts";
import type { MachineText, ProfileText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";

/**
 * Reports keys and devices that a machine of this type cannot have. Incus would report them in the
 * middle of an apply, or not at all.
 */
export function checkType(
  { name, type, text, profiles }: {
    readonly name: string;
    readonly type: MachineType;
    readonly text: MachineText;
    /** The existing profiles that it uses, in the order in which Incus applies them. */
    readonly profiles: ReadonlyMap<string, Located<ProfileText>>;
  },
  diagnostics: DiagnosticList,
): void {
  const it = `\`${name}\`, which is ${TYPE_NAMES[type]}`;
  for (const [key, { value, keyRange }] of text.config?.value ?? []) {
    const only = value === "" ? undefined : typeOfKey(key);
    if (only === undefined || only === type) continue;
    const refused = isRefusedKey(key, type);
    diagnostics.add({
      severity: refused ? "error" : "warning",
      code: "KEY_OF_OTHER_TYPE",
      summary: refused
        ? `Incus refuses \`${shortenName(key)}\` for ${it}`
        : `\`${shortenName(key)}\` has no effect on ${it}`,
      detail: `it is a key only for ${TYPE_NAMES[only]}`,
      remedy: `remove it, or write \`type: ${only}\``,
      range: keyRange,
    });
  }
  for (const [device, { entry, profile }] of mergedDevices(text.devices?.value, profiles)) {
    const detail = deviceRefusal(plainDevice(entry.value), type);
    if (detail === undefined) continue;
    const through = profile === undefined
      ? ""
      : `, through its profile \`${shortenName(profile)}\``;
    diagnostics.add({
      code: "DEVICE_OF_OTHER_TYPE",
      summary: `Incus refuses the device \`${shortenName(device)}\` for ${it}${through}`,
      detail,
      remedy: profile === undefined
        ? "correct that, or remove the device"
        : "give the machine another profile, or a device of this name with `type: none`",
      range: entry.keyRange,
    });
  }
}
