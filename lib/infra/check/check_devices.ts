import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import { suggest } from "../../diag/suggest.ts";
import { checkKey } from "./check_config.ts";
import { sizeProblem } from "../shape/quantity.ts";
import type { DevicesText } from "../shape/schema.ts";
import { quotedList, shortenName } from "../words.ts";

/** Device types of Incus 6 and 7. */
export const DEVICE_TYPES: readonly string[] = [
  "disk",
  "gpu",
  "infiniband",
  "nic",
  "none",
  "pci",
  "proxy",
  "tpm",
  "unix-block",
  "unix-char",
  "unix-hotplug",
  "usb",
];

/** Reports entries of a machine or a profile that are not valid devices. */
export function checkDevices(devices: DevicesText | undefined, diagnostics: DiagnosticList): void {
  for (const [name, device] of devices ?? []) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_./:-]{0,63}$/.test(name)) {
      diagnostics.add({
        code: "INVALID_DEVICE",
        summary: `\`${shortenName(name)}\` cannot be a device's name`,
        detail: "it has 1 to 64 letters, digits, `-`, `_` and `.`",
        range: device.keyRange,
      });
    }
    for (const [key, value] of device.value) checkKey(key, value, diagnostics);
    const type = device.value.get("type");
    if (type === undefined) {
      // A misspelled type is one mistake, not two. Incus would refuse the key as well.
      diagnostics.add({
        code: "INVALID_DEVICE",
        summary: `The device \`${shortenName(name)}\` has no \`type\``,
        remedy: `write one of ${quotedList(DEVICE_TYPES)}`,
        range: device.keyRange,
      });
    } else if (!DEVICE_TYPES.includes(type.value)) {
      const near = suggest(type.value, DEVICE_TYPES);
      diagnostics.add({
        code: "INVALID_DEVICE",
        summary: `\`${shortenName(type.value)}\` is not a device type`,
        remedy: near === undefined
          ? `write one of ${quotedList(DEVICE_TYPES)}`
          : `did you mean \`${near}\`?`,
        range: type.range,
      });
    } else if (name === "root" && type.value !== "disk") {
      diagnostics.add({
        code: "INVALID_DEVICE",
        summary: `\`root\` is the machine's disk and cannot be a ${type.value}`,
        remedy: "give the device another name",
        range: device.keyRange,
      });
    }
    const size = device.value.get("size");
    if (size !== undefined && type?.value === "disk") {
      const problem = sizeProblem(size.value);
      if (problem !== undefined) diagnostics.add({ ...problem, range: size.range });
    }
  }
}
