/*
 * The types of Incus's REST API, with the names that its JSON uses
 * (https://linuxcontainers.org/incus/docs/main/rest-api/, read for 6.0). They contain only the
 * fields that anklume reads or sends. Go's nil slices and maps arrive as null.
 */

/** All values are strings, whatever they mean, and are stored unchanged. */
export type ConfigMap = Readonly<Record<string, string>>;

/** Device name -> `type` and its options. */
export type DeviceMap = Readonly<Record<string, ConfigMap>>;

/** The part of projects, networks and volumes that can be replaced. */
export interface DescribedConfig {
  readonly description: string;
  readonly config: ConfigMap;
}

/** A path such as `/1.0/instances/web?project=pro`. */
export type ResourceUrl = string;
