import type { StringMap } from "../infra/infra.ts";
import { asObject, FORMAT, MARK, type Owner, parseObject, strings, stringsOf } from "./mark.ts";
import { type Seals, sealsOf } from "./seal.ts";

/**
 * The parts of a resource that anklume set. A key that is listed here and no longer in `infra.yml`
 * is unset.
 */
export interface Managed {
  readonly config: readonly string[];
  /** The keys of each device. */
  readonly devices: Readonly<Record<string, readonly string[]>>;
  /** The profiles of an instance. */
  readonly profiles: readonly string[];
  /** Undefined if an older anklume wrote the resource, or there is nothing to seal. */
  readonly seals?: Seals;
}

/**
 * Reads the note about the parts that anklume set. A damaged note counts as empty: nothing is unset
 * then.
 */
export function readManaged(config: StringMap): Managed {
  const { config: keys, devices, profiles, seals } = parseObject(config[MARK.managed]);
  const sealed = asObject(seals);
  return {
    config: strings(keys),
    profiles: strings(profiles),
    devices: Object.fromEntries(
      Object.entries(asObject(devices)).map(([name, deviceKeys]) => [name, strings(deviceKeys)]),
    ),
    ...(seals === undefined ? {} : {
      seals: { config: stringsOf(sealed.config), devices: stringsOf(sealed.devices) },
    }),
  };
}

/**
 * Returns the marks of a resource with this managed config and these devices. `bears` selects the
 * keys whose values are sealed.
 */
export function marksOf(
  owner: Owner,
  domain: string,
  config: StringMap,
  devices: Readonly<Record<string, StringMap>> = {},
  profiles: readonly string[] = [],
  bears: (key: string) => boolean = () => false,
): Record<string, string> {
  const names = Object.keys(devices).toSorted();
  const seals = sealsOf(config, devices, bears);
  const managed: Managed = {
    config: Object.keys(config).toSorted(),
    devices: Object.fromEntries(
      names.map((name) => [name, Object.keys(devices[name] ?? {}).toSorted()]),
    ),
    profiles,
    ...(names.length === 0 && Object.keys(seals.config).length === 0 ? {} : { seals }),
  };
  return {
    [MARK.project]: owner.project,
    [MARK.infra]: owner.infraId,
    [MARK.format]: String(FORMAT),
    [MARK.domain]: domain,
    [MARK.managed]: JSON.stringify(managed),
  };
}
