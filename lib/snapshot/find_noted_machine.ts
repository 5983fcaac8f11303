import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import type { Volume } from "../incus/wire/storage.ts";
import type { LiveMachine } from "./live_machine.ts";
import { machineKey, placeKey } from "./place.ts";
import { type NotedMachine, splitPlace } from "./set_note.ts";

/** A noted machine and its volumes, with the places where they are now. */
interface NotedMachineNow {
  /** undefined: the machine is gone. */
  readonly live: LiveMachine | undefined;
  readonly project: string;
  readonly machine: string;
  /** True if its name or its project differs from the note. */
  readonly moved: boolean;
  /** True if another machine has its place. */
  readonly anew: boolean;
  readonly volumes: readonly {
    readonly pool: string;
    readonly volume: string;
    /** Whether the volume has the set's snapshot. */
    readonly taken: boolean;
    /**
     * The volume was deleted since, and its snapshots with it. Another volume may have its name
     * now.
     */
    readonly gone: boolean;
  }[];
}

/** Existing volumes by `placeKey`. */
export type KnownVolumes = ReadonlyMap<string, Pick<Volume, "created_at">>;

/**
 * Machines and volume snapshots, indexed for lookup: there are many sets, and each has many
 * members.
 */
export class MachineFinder {
  readonly #byPlace = new Map<string, LiveMachine>();
  readonly #byUuid: ReadonlyMap<string, LiveMachine[]>;
  /** Machines by the place of each of their volumes. */
  readonly #holders = new Map<string, LiveMachine[]>();
  readonly #taken = new Set<string>();
  /** Places of volumes, by `project/volume/snapshot`. One name can exist in several pools. */
  readonly #namesakes: ReadonlyMap<string, VolumePlace[]>;
  readonly #volumes: KnownVolumes | undefined;

  /** @param volumes absent: no volume is reported as gone */
  constructor(
    machines: readonly LiveMachine[],
    volumeSnapshots: readonly VolumeSnapshot[],
    volumes?: KnownVolumes,
  ) {
    this.#volumes = volumes;
    for (const live of machines) {
      this.#byPlace.set(machineKey({ project: live.project, machine: live.name }), live);
      for (const volume of live.volumes) {
        const key = placeKey(volume);
        this.#holders.set(key, [...this.#holders.get(key) ?? [], live]);
      }
    }
    this.#byUuid = Map.groupBy(machines, ({ instance }) => instance.config["volatile.uuid"] ?? "");
    for (const snapshot of volumeSnapshots) this.#taken.add(takenKey(snapshot, snapshot.name));
    this.#namesakes = Map.groupBy(
      volumeSnapshots,
      ({ project, volume, name }) => `${project}/${volume}/${name}`,
    );
  }

  /**
   * Finds a machine by its UUID: it may have been renamed or moved since, and its volumes with it.
   * @param at when the set was taken, in ISO 8601
   */
  find(set: string, noted: NotedMachine, at: string): NotedMachineNow {
    const here = this.#byPlace.get(machineKey(noted));
    const same = noted.uuid === undefined ? [] : this.#byUuid.get(noted.uuid) ?? [];
    const live = same.find((each) => each === here) ?? same[0] ?? here;
    const project = live?.project ?? noted.project;
    const machine = live?.name ?? noted.machine;
    const moved = project !== noted.project || machine !== noted.machine;
    const volumes = Object.entries(noted.volumes).map(([device, text]) => {
      const then = { ...splitPlace(text), project };
      const places = this.#placesOf(set, device, then, live, moved);
      const place = places.find((place) =>
        // Another machine's volume may have the old name now.
        this.#taken.has(takenKey(place, set)) && !(moved && this.#isOthers(place, live))
      );
      const { pool, volume } = place ?? then;
      const taken = place !== undefined;
      return { pool, volume, taken, gone: !taken && this.#areGone(places, noted.at ?? at) };
    });
    const anew = live !== undefined && noted.uuid !== undefined && same.length === 0;
    return { live, project, machine, moved, anew, volumes };
  }

  /** Returns the places where a volume may be, the likeliest first. */
  #placesOf(
    set: string,
    device: string,
    then: VolumePlace,
    live: LiveMachine | undefined,
    moved: boolean,
  ): VolumePlace[] {
    const now = live?.volumes.find((volume) => volume.device === device);
    // The user may have put another volume into the device by hand.
    const followed = moved || now?.volume === then.volume;
    const known = now === undefined ? [then] : followed ? [now, then] : [then, now];
    // For a volume that was moved to another pool and then detached.
    const elsewhere = this.#namesakes.get(`${then.project}/${then.volume}/${set}`) ?? [];
    return [...known, ...elsewhere];
  }

  /** True if none of the places has a volume that existed when the set was taken. */
  #areGone(places: readonly VolumePlace[], at: string): boolean {
    const volumes = this.#volumes;
    return volumes !== undefined && places.every((place) => {
      const volume = volumes.get(placeKey(place));
      return volume === undefined || Date.parse(volume.created_at) > Date.parse(at);
    });
  }

  #isOthers(place: VolumePlace, live: LiveMachine | undefined): boolean {
    return (this.#holders.get(placeKey(place)) ?? []).some((holder) => holder !== live);
  }
}

function takenKey(place: VolumePlace, set: string): string {
  return `${placeKey(place)}/${set}`;
}
