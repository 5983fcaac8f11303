import pLimit from "p-limit";
import type { IncusClient } from "../incus/incus_client.ts";
import type { PoolListing } from "../incus/volume_snapshots.ts";
import type { Instance, InstanceFull } from "../incus/wire/instance.ts";
import type { Project } from "../incus/wire/project.ts";
import type { StoragePool } from "../incus/wire/storage.ts";

/**
 * The detail to read of the machines' snapshots. `all`: with date and size, for which the daemon
 * has to look into every machine. `names`: names only. `noted`: nothing. anklume's own notes of its
 * sets are read in any case.
 */
export type SnapshotDetail = "all" | "names" | "noted";

export interface ReadEverythingOptions {
  /** Default `all`. */
  readonly snapshots?: SnapshotDetail;
  readonly signal?: AbortSignal | undefined;
}

/** All that Incus has, of all owners: read before the owner is known. */
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

/** Reads everything in one wave of parallel requests, and one more for each storage pool. */
export async function readEverything(
  incus: IncusClient,
  { snapshots = "all", signal }: ReadEverythingOptions = {},
): Promise<Everything> {
  const [projects, instances, pools] = await Promise.all([
    incus.projects.list({ signal }),
    snapshots === "all"
      ? readWithSnapshots(incus, signal)
      : incus.instances.list({ allProjects: true }, { signal }),
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

/** Enough to keep the daemon busy. */
const AT_ONCE = 8;

/**
 * Reads all machines in one request. Incus never answers that request while a machine is in status
 * `Error`; then each machine is read by itself.
 */
async function readWithSnapshots(
  { instances, instanceSnapshots }: IncusClient,
  signal: AbortSignal | undefined,
): Promise<InstanceFull[]> {
  const everywhere = { allProjects: true } as const;
  const enough = new AbortController();
  const whole = instances.listFull(everywhere, {
    signal: signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]),
  });
  // The caller that awaits it gets the error.
  whole.catch(() => {});
  const listed = await instances.list(everywhere, { signal });
  if (listed.every(({ status }) => status !== "Error")) return await whole;
  enough.abort();
  const limit = pLimit(AT_ONCE);
  return await Promise.all(listed.map((instance) =>
    limit(async () => ({
      ...instance,
      state: null,
      snapshots: await instanceSnapshots.list(instance.project, instance.name, { signal }),
    }))
  ));
}
