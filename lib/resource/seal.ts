import { shortDigest } from "../addressing/digest.ts";
import type { StringMap } from "../infra/infra.ts";
import { isTuning } from "./tuning.ts";

/**
 * Digests of the values that anklume set. They tell an edit by hand from a change of `infra.yml`.
 */
export interface Seals {
  /** By key, for keys that are relevant to the isolation. */
  readonly config: StringMap;
  /** By device. */
  readonly devices: StringMap;
}

/** A resource with seals. They are missing if an older anklume wrote it. */
interface Sealed {
  readonly seals?: Seals;
}

/** Returns the seals of values that will be written. `bears` selects the relevant keys. */
export function sealsOf(
  config: StringMap,
  devices: Readonly<Record<string, StringMap>>,
  bears: (key: string) => boolean,
): Seals {
  const sealed = Object.entries(config).filter(([key]) => bears(key)).toSorted(byKey);
  return {
    config: Object.fromEntries(sealed.map(([key, value]) => [key, sealOf([[key, value]])])),
    devices: Object.fromEntries(
      Object.entries(devices).toSorted(byKey).map(([name, device]) => [name, deviceSeal(device)]),
    ),
  };
}

/**
 * True if a key still has the value that anklume wrote; undefined if that is unknown because an
 * older anklume wrote it.
 */
export function isKeyAsWritten(
  key: string,
  live: string | undefined,
  { seals }: Sealed,
): boolean | undefined {
  const seal = seals?.config[key];
  return seal === undefined ? undefined : seal === sealOf([[key, live ?? ""]]);
}

/**
 * True if a device is still as anklume wrote it, apart from keys that open nothing; undefined if
 * that is unknown.
 */
export function isDeviceAsWritten(
  name: string,
  live: StringMap,
  { seals }: Sealed,
): boolean | undefined {
  const seal = seals?.devices[name];
  return seal === undefined ? undefined : seal === deviceSeal(live);
}

function deviceSeal(device: StringMap): string {
  return sealOf(
    Object.entries(device).filter(([key, value]) => value !== "" && !isTuning(key)),
  );
}

function sealOf(entries: readonly KeyValue[]): string {
  return shortDigest(8, "seal", JSON.stringify(entries.toSorted(byKey)));
}

type KeyValue = readonly [key: string, value: string];

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
