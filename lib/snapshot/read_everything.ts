import type { IncusClient } from "../incus/incus_client.ts";
import type { PoolListing } from "../incus/volume_snapshots.ts";
import type { Instance, InstanceFull } from "../incus/wire/instance.ts";
import type { Project } from "../incus/wire/project.ts";
import type { StoragePool } from "../incus/wire/storage.ts";

/**
 * How much is asked of snapshots of machines. `all`: with date and size, which takes the daemon a look into every machine. `names`:
 * which there are. `noted`: nothing; what anklume noted of its sets is known in any case.
 */
export type SnapshotDetail = "all" | "names" | "noted";

export interface ReadOptions {
  /** Default `all`. */
  readonly snapshots?: SnapshotDetail;
  readonly signal?: AbortSignal | undefined;
}

/** What Incus tells, of everybody's: read before it is known whose is meant. */
export interface Everything {
  readonly projects: readonly Project[];
  /** `InstanceFull` with `snapshots: "all"`. */
  readonly instances: readonly (Instance | InstanceFull)[];
  readonly pools: readonly PoolContents[];
  readonly snapshots: SnapshotDetail;
}

interface PoolContents extends PoolListing {
  readonly pool: StoragePool;
}

/** Reads it in one wave of requests, and one more for each storage pool. */
export async function readEverything(
  incus: IncusClient,
  { snapshots = "all", signal }: ReadOptions = {},
): Promise<Everything> {
  const everywhere = { allProjects: true } as const;
  const [projects, instances, pools] = await Promise.all([
    incus.projects.list({ signal }),
    snapshots === "all"
      ? incus.instances.listFull(everywhere, { signal })
      : incus.instances.list(everywhere, { signal }),
    incus.storagePools.list({ signal }).then((pools) =>
      Promise.all(pools.map(async (pool): Promise<PoolContents> => ({
        pool,
        ...await incus.volumeSnapshots.list(pool.name, {
          rootDisks: snapshots === "names",
          signal,
        }),
      })))
    ),
  ]);
  return { projects, instances, pools, snapshots };
}
