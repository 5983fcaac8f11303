/*
 * Shapes of Incus's REST API as they stand in its JSON, in its own words (https://linuxcontainers.org/incus/docs/main/rest-api/,
 * read for 6.0). Only fields that anklume reads or sends; Go's nil slices and maps arrive as null.
 */

/** Values are strings, whatever they mean, and stored verbatim. */
export type ConfigMap = Readonly<Record<string, string>>;

/** Device name -> `type` and its options. */
export type DeviceMap = Readonly<Record<string, ConfigMap>>;

/** What may be replaced on projects, networks and volumes. */
export interface DescribedConfig {
  readonly description: string;
  readonly config: ConfigMap;
}

/** `/1.0/instances/web?project=pro` and the like. */
export type ResourceUrl = string;
