import { sameValue } from "../resource/value.ts";
import type { Inventory } from "./inventory.ts";
import { disksOf, type LiveMachine, snapshotsOf } from "./live_machine.ts";
import { placeKey } from "./place.ts";
import { isWhole, type SetMember, type SnapshotSet } from "./snapshot_set.ts";

/** What a restore would do, for the person who has to agree. Data, no I/O. */
export interface RestorePlan {
  readonly set: SnapshotSet;
  readonly machines: readonly RestoreMachine[];
  /** In the set, and deleted since. */
  readonly gone: readonly SetMember[];
  /** In the set and still there, but parts of their snapshots are missing. */
  readonly broken: readonly SetMember[];
  /** In the set, and the machine that this very anklume runs in: it cannot stop itself. */
  readonly ground: readonly LiveMachine[];
  /** Machines of the scope that the set does not know: they stay as they are. */
  readonly leftAlone: readonly LiveMachine[];
  /** Volumes of these machines that a running one has, too: Incus puts none of them back meanwhile. */
  readonly shared: readonly { readonly volume: string; readonly by: string }[];
  /** Pools where a restore removes what is newer, or refuses to: ZFS. */
  readonly zfs: readonly ZfsLimit[];
}

export interface RestoreMachine {
  readonly live: LiveMachine;
  /** Without `lostVolumes` and `goneVolumes`. */
  readonly member: SetMember;
  /** Is started again at the end. */
  readonly runs: boolean;
  /** Volumes of the set that are not attached to it any more: they stay as they are. */
  readonly lostVolumes: readonly string[];
  /** Volumes of the set that were deleted since. */
  readonly goneVolumes: readonly string[];
  /** Volumes made since: they stay as they are. */
  readonly newVolumes: readonly string[];
  /** By `placeKey`: sizes of then, of volumes that get them back for a limit whatever their config says: btrfs. */
  readonly limits: ReadonlyMap<string, string | undefined>;
}

export interface ZfsLimit {
  readonly pool: string;
  /** Whether the pool may remove them: `volume.zfs.remove_snapshots`. */
  readonly removes: boolean;
  /** `pro-dev: after-upgrade`: snapshots taken since. */
  readonly newer: readonly string[];
}

/** Which machines of a scope go back to a set, and what comes of the others. */
export function planRestore(
  set: SnapshotSet,
  inventory: Inventory,
  scope: readonly LiveMachine[],
  { wholeScope, self }: {
    readonly wholeScope: boolean;
    /** `project/machine` of those that this process may run in. */
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
  // One in nobody's hands would not be in the safety set; one in another's is the other's.
  const [still = [], lost = []] = [true, false].map((attached) =>
    standing.filter(({ pool, volume }) => now.has(placeKey({ pool, project, volume })) === attached)
  );
  return {
    live,
    member: { ...member, volumes: still },
    // Where an earlier restore stopped it, what it did before that counts.
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

/** ZFS rolls back to the newest snapshot only, unless it may remove the newer ones. */
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
