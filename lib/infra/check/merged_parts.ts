import type { ConfigText, DevicesText, ProfileText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";

/** One entry of a machine's merged config or devices. */
export interface Merged<T> {
  readonly entry: Located<T>;
  /** The profile that it comes from; undefined for the machine's own. */
  readonly profile?: string;
}

/**
 * Returns the config of a machine as Incus merges it: its profiles in order, then the machine. A
 * key with an empty value is absent and hides nothing (seen on 6.0.4: with
 * `security.privileged: ""` the `true` of a profile stays in force).
 */
export function mergedConfig(
  own: ConfigText | undefined,
  profiles: ReadonlyMap<string, Located<ProfileText>>,
): Map<string, Merged<string>> {
  const merged = new Map<string, Merged<string>>();
  for (const [profile, { value }] of profiles) {
    for (const [key, entry] of value.config?.value ?? []) {
      if (entry.value !== "") merged.set(key, { entry, profile });
    }
  }
  for (const [key, entry] of own ?? []) if (entry.value !== "") merged.set(key, { entry });
  return merged;
}

/**
 * Returns the devices of a machine as Incus merges them: each device as a whole, by name. A device
 * with `type: none` hides one of a profile.
 */
export function mergedDevices(
  own: DevicesText | undefined,
  profiles: ReadonlyMap<string, Located<ProfileText>>,
): Map<string, Merged<ConfigText>> {
  const merged = new Map<string, Merged<ConfigText>>();
  for (const [profile, { value }] of profiles) {
    for (const [name, entry] of value.devices?.value ?? []) merged.set(name, { entry, profile });
  }
  for (const [name, entry] of own ?? []) merged.set(name, { entry });
  return merged;
}
