import type { StringMap } from "../infra/infra.ts";
import type { Devices } from "./delta.ts";

/** What is written back to a project, network or volume (`PUT`). */
export interface UpdateBody {
  readonly description: string;
  readonly config: Record<string, string>;
}

/** What is written back to a profile. */
export interface ProfileUpdateBody extends UpdateBody {
  readonly devices: Record<string, StringMap>;
}

/** What is written back to an instance, besides what the caller returns as it got it. */
export interface InstanceUpdateBody extends ProfileUpdateBody {
  readonly profiles: readonly string[];
}

/** `POST /1.0/projects` */
export interface ProjectCreateBody {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}

/** `POST /1.0/networks` */
export interface NetworkCreateBody extends ProjectCreateBody {
  readonly type: "bridge";
}

/** `POST /1.0/storage-pools/POOL/volumes/custom?project=P` */
export interface VolumeCreateBody extends ProjectCreateBody {
  readonly type: "custom";
  readonly content_type: "filesystem";
}

/** `POST /1.0/profiles?project=P` */
export interface ProfileCreateBody extends ProjectCreateBody {
  readonly devices: Devices;
}

/** `POST /1.0/instances?project=P` */
export interface InstanceCreateBody extends ProfileCreateBody {
  readonly type: "container" | "virtual-machine";
  readonly source: StringMap;
  readonly profiles: readonly string[];
  /** Started in the same request. */
  readonly start: boolean;
}
