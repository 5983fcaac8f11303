import type { DescribedConfig, DeviceMap, ResourceUrl } from "./common.ts";

export interface ProfilePut extends DescribedConfig {
  readonly devices: DeviceMap;
}

export interface ProfilesPost extends ProfilePut {
  readonly name: string;
}

export interface IncusProfile extends ProfilesPost {
  readonly project: string;
  readonly used_by: readonly ResourceUrl[] | null;
}
