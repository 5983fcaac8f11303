import type { VolumePlace } from "../incus/volume_snapshots.ts";

export interface NotedPlace {
  readonly project: string;
  readonly machine: string;
}

/** `pro/pro-db` */
export function machineKey({ project, machine }: NotedPlace): string {
  return `${project}/${machine}`;
}

/** `default/pro/pro-db-data` */
export function placeKey({ pool, project, volume }: VolumePlace): string {
  return `${pool}/${project}/${volume}`;
}
