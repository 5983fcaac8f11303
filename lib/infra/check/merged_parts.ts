import type { ConfigText, DevicesText, ProfileText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";

/** One entry of what a machine ends up with. */
export interface Merged<T> {
  readonly entry: Located<T>;
  /** The profile that it comes from; undefined: the machine's own. */
  readonly profile?: string;
}

/**
 * The config of a machine as Incus merges it: its profiles in order, the machine last. A key with an empty value is not
 * there: it hides nothing (seen on 6.0.4: `security.privileged: ""` leaves a profile's `true` in force).
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

/** The devices of a machine as Incus merges them: whole, by name, so that one of `type: none` hides a profile's. */
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
