import { shortDigest } from "../addressing/digest.ts";
import type { StringMap } from "../infra/infra.ts";
import { isTuning } from "./tuning.ts";

/** Digests of what anklume set: they tell an edit by hand from one of `infra.yml`. */
export interface Seals {
  /** By key, of those that bear on isolation. */
  readonly config: StringMap;
  /** By device. */
  readonly devices: StringMap;
}

/** What has seals, unless an older anklume wrote it. */
interface Sealed {
  readonly seals?: Seals;
}

/** The seals of what is about to be written; `bears`: keys whose values count. */
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

/** Whether a key is as anklume wrote it; undefined: an older anklume did, and nobody knows. */
export function isKeyAsWritten(
  key: string,
  live: string | undefined,
  { seals }: Sealed,
): boolean | undefined {
  const seal = seals?.config[key];
  return seal === undefined ? undefined : seal === sealOf([[key, live ?? ""]]);
}

/** Whether a device is as anklume wrote it, keys that open nothing aside; undefined: nobody knows. */
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
