import type { SourceRange } from "../../diag/diagnostic.ts";
import type { StringMap } from "../infra.ts";
import type { ConfigText, DevicesText } from "./schema.ts";
import type { Located } from "./shape.ts";

/** Returns Incus keys without their places. */
export function plainConfig(config: ConfigText | undefined): StringMap {
  return Object.fromEntries([...config ?? []].map(([key, value]) => [key, value.value]));
}

/** Returns one device without its places and without empty values, which Incus drops. */
export function plainDevice(device: ConfigText): StringMap {
  const said: [string, string][] = [];
  for (const [key, { value }] of device) if (value !== "") said.push([key, value]);
  return Object.fromEntries(said);
}

/** Returns Incus devices without their places and without empty values, which Incus drops. */
export function plainDevices(devices: DevicesText | undefined): Record<string, StringMap> {
  return Object.fromEntries(
    [...devices ?? []].map(([name, { value }]) => [name, plainDevice(value)]),
  );
}

/**
 * Returns the places of keys, for diagnostics of later steps: `image`, and one level below it
 * `roles.0`, `devices.eth1`, `config.limits.cpu`. The place of an entry in a map is its key.
 */
export function rangesOf(
  read: Readonly<Record<string, Located<unknown> | undefined>>,
): Map<string, SourceRange> {
  const ranges = new Map<string, SourceRange>();
  for (const [key, located] of Object.entries(read)) {
    if (located === undefined) continue;
    ranges.set(key, located.range);
    if (located.value instanceof Map) {
      for (const [name, entry] of located.value as ReadonlyMap<string, Located<unknown>>) {
        ranges.set(`${key}.${name}`, entry.keyRange);
      }
    } else if (Array.isArray(located.value)) {
      for (const [index, entry] of (located.value as readonly Located<unknown>[]).entries()) {
        ranges.set(`${key}.${index}`, entry.range);
      }
    }
  }
  return ranges;
}
