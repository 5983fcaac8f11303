import type { DescribedConfig, ResourceUrl } from "./common.ts";

export type ProjectPut = DescribedConfig;

export interface ProjectsPost extends ProjectPut {
  readonly name: string;
}

export interface Project extends ProjectsPost {
  readonly used_by: readonly ResourceUrl[] | null;
}
