import { sameValue } from "../resource/value.ts";
import type { Inventory } from "./inventory.ts";
import { disksOf, type LiveMachine, snapshotsOf } from "./live_machine.ts";
import { placeKey } from "./place.ts";
import { isWhole, type SetMember, type SnapshotSet } from "./snapshot_set.ts";

/** The effects of a restore, for the user who has to agree. Data, no I/O. */
export interface RestorePlan {
  readonly set: SnapshotSet;
  readonly machines: readonly RestoreMachine[];
  /** Machines of the set that were deleted since. */
  readonly gone: readonly SetMember[];
  /** Machines of the set that exist, but some of their snapshots are missing. */
  readonly broken: readonly SetMember[];
  /** Machines of the set that this anklume process runs in: it cannot stop them. */
  readonly ground: readonly LiveMachine[];
  /** Machines of the scope that the set does not know: they stay as they are. */
  readonly leftAlone: readonly LiveMachine[];
  /**
   * Volumes of these machines that another running machine uses too: Incus does not restore a
   * volume in use.
   */
  readonly shared: readonly { readonly volume: string; readonly by: string }[];
  /** ZFS pools: a restore there removes newer snapshots, or is refused because of them. */
  readonly zfs: readonly ZfsLimit[];
}

export interface RestoreMachine {
  readonly live: LiveMachine;
  /** The set's member, without `lostVolumes` and `goneVolumes`. */
  readonly member: SetMember;
  /** True if it is started at the end. */
  readonly runs: boolean;
  /** Volumes of the set that are not attached to it any more: they are not restored. */
  readonly lostVolumes: readonly string[];
  /** Volumes of the set that were deleted since. */
  readonly goneVolumes: readonly string[];
  /** Volumes made since: they are not changed. */
  readonly newVolumes: readonly string[];
  /**
   * By `placeKey`: the size at the time of the snapshot. btrfs restores that size as the limit,
   * whatever the volume's config says.
   */
  readonly limits: ReadonlyMap<string, string | undefined>;
}

interface ZfsLimit {
  readonly pool: string;
  /** Whether the pool may remove the newer snapshots: `volume.zfs.remove_snapshots`. */
  readonly removes: boolean;
  /** Snapshots taken since, as `pro-dev: after-upgrade`. */
  readonly newer: readonly string[];
}

/** Plans which machines of a scope are restored from a set, and what happens to the others. */
export function planRestore(
  set: SnapshotSet,
  inventory: Inventory,
  scope: readonly LiveMachine[],
  { wholeScope, self }: {
    readonly wholeScope: boolean;
    /** `project/machine` of the machines that this process may run in. */
    readonly self: ReadonlySet<string>;
  },
): RestorePlan {
  const inScope = (project: string, machine: string) =>
    scope.some((live) => live.project === project && live.name === machine);
  const members = set.members.filter(({ project, machine, gone }) =>
    inScope(project, machine) || (gone && wholeScope)
  );
  const present = members.filter(({ gone }) => !gone);
  const whole = present.filter(isWhole).flatMap((member): RestoreMachine[] => {
    const live = scope.find(({ project, name }) =>
      project === member.project && name === member.machine
    );
    return live === undefined ? [] : [restoreMachine(live, member, inventory)];
  });
  const [ground = [], machines = []] = [true, false].map((own) =>
    whole.filter(({ live }) => self.has(`${live.project}/${live.name}`) === own)
  );
  return {
    set,
    machines,
    ground: ground.map(({ live }) => live),
    gone: members.filter(({ gone }) => gone),
    broken: present.filter((member) => !isWhole(member)),
    leftAlone: scope.filter((live) =>
      !set.members.some(({ project, machine }) => project === live.project && machine === live.name)
    ),
    shared: sharedVolumes(machines, inventory),
    zfs: zfsLimits(machines, inventory),
  };
}

function restoreMachine(
  live: LiveMachine,
  member: SetMember,
  { restores, pools, volumeSnapshots }: Inventory,
): RestoreMachine {
  const now = new Set(live.volumes.map(placeKey));
  const { project } = member;
  const [gone = [], standing = []] = [true, false].map((gone) =>
    member.volumes.filter((volume) => (volume.gone ?? false) === gone)
  );
  const then = new Set(
    standing.map(({ pool, volume }) => placeKey({ pool, project, volume })),
  );
  const btrfs = new Set(pools.filter(({ driver }) => driver === "btrfs").map(({ name }) => name));
  // A volume attached to no machine would not be in the safety set, and one attached to another
  // machine belongs to that machine.
  const [still = [], lost = []] = [true, false].map((attached) =>
    standing.filter(({ pool, volume }) => now.has(placeKey({ pool, project, volume })) === attached)
  );
  return {
    live,
    member: { ...member, volumes: still },
    // If an earlier restore stopped it, its state from before that restore counts.
    runs: restores.get(live.project)?.[live.name]?.ran ?? live.status !== "Stopped",
    lostVolumes: lost.map(({ volume }) => volume),
    goneVolumes: gone.map(({ volume }) => volume),
    newVolumes: live.volumes.filter((place) => !then.has(placeKey(place)))
      .map(({ volume }) => volume),
    limits: new Map(
      still.filter(({ pool }) => btrfs.has(pool)).map(({ pool, volume, snapshot }) => {
        const place = placeKey({ pool, project, volume });
        const taken = volumeSnapshots.find((each) =>
          each.name === snapshot && placeKey(each) === place
        );
        return [place, taken?.size];
      }),
    ),
  };
}

function sharedVolumes(
  machines: readonly RestoreMachine[],
  inventory: Inventory,
): RestorePlan["shared"] {
  const back = new Map(
    machines.flatMap(({ live, member: { project, volumes } }) =>
      volumes.map(({ pool, volume }) => [placeKey({ pool, project, volume }), live] as const)
    ),
  );
  return inventory.machines.filter(({ status }) => status !== "Stopped").flatMap((live) =>
    disksOf(live.instance).filter((place) => (back.get(placeKey(place)) ?? live) !== live)
      .map(({ volume }) => ({ volume, by: live.name }))
  );
}

/**
 * Returns the limits of ZFS pools: ZFS rolls back to the newest snapshot only, unless it may remove
 * the newer ones.
 */
function zfsLimits(machines: readonly RestoreMachine[], inventory: Inventory): ZfsLimit[] {
  return inventory.pools.filter(({ driver }) => driver === "zfs").flatMap((pool): ZfsLimit[] => {
    const concerned = machines.filter(({ live, member }) =>
      live.rootPool === pool.name || member.volumes.some((volume) => volume.pool === pool.name)
    );
    if (concerned.length === 0) return [];
    return [{
      pool: pool.name,
      removes: sameValue("", pool.config["volume.zfs.remove_snapshots"], "true"),
      newer: concerned.flatMap((machine) => newerThan(machine, pool.name, inventory)),
    }];
  });
}

function newerThan({ live, member }: RestoreMachine, pool: string, inventory: Inventory): string[] {
  const snapshots = snapshotsOf(live.instance);
  const at = snapshots.find(({ name }) => name === member.snapshot)?.created_at ?? "";
  const ofRoot = live.rootPool !== pool
    ? []
    : snapshots.filter(({ created_at }) => created_at > at).map(({ name }) =>
      `${live.name}: ${name}`
    );
  const ofVolumes = member.volumes.filter((volume) => volume.pool === pool).flatMap((volume) => {
    const own = inventory.volumeSnapshots.filter((each) =>
      each.pool === pool && each.project === member.project && each.volume === volume.volume
    );
    const taken = own.find(({ name }) => name === volume.snapshot)?.created_at ?? "";
    return own.filter(({ created_at }) => created_at > taken)
      .map(({ name }) => `${volume.volume}: ${name}`);
  });
  return [...ofRoot, ...ofVolumes];
}
