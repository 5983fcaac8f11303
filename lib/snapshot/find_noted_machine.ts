import type { VolumePlace } from "../incus/volume_snapshots.ts";
import type { VolumeSnapshot } from "../incus/wire/snapshot.ts";
import type { Volume } from "../incus/wire/storage.ts";
import type { LiveMachine } from "./live_machine.ts";
import { machineKey, placeKey } from "./place.ts";
import { type NotedMachine, splitPlace } from "./set_note.ts";

/** Where a noted machine and its volumes are now. */
export interface NotedMachineNow {
  /** undefined: it is gone. */
  readonly live: LiveMachine | undefined;
  readonly project: string;
  readonly machine: string;
  /** Under another name, or in another project than it is noted. */
  readonly moved: boolean;
  /** What stands in its place is another machine. */
  readonly anew: boolean;
  readonly volumes: readonly {
    readonly pool: string;
    readonly volume: string;
    /** Whether the set's snapshot of it is there. */
    readonly taken: boolean;
    /** It was deleted since, and its snapshots with it; another one may have its name by now. */
    readonly gone: boolean;
  }[];
}

/** Those that stand, by `placeKey`. */
export type KnownVolumes = ReadonlyMap<string, Pick<Volume, "created_at">>;

/** Machines and volume snapshots by what they are looked up by: sets are many, and each has as many members. */
export class MachineFinder {
  readonly #byPlace = new Map<string, LiveMachine>();
  readonly #byUuid: ReadonlyMap<string, LiveMachine[]>;
  /** Those that have a volume, by its place. */
  readonly #holders = new Map<string, LiveMachine[]>();
  readonly #taken = new Set<string>();
  /** Places of volumes of one name in one project that have a snapshot of one name. */
  readonly #namesakes: ReadonlyMap<string, VolumePlace[]>;
  readonly #volumes: KnownVolumes | undefined;

  /** @param volumes absent: none is told to be gone */
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
   * A machine is known by its UUID: it may have been renamed or moved since, and its volumes with it.
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
        // Another machine's may have the old name by now.
        this.#taken.has(takenKey(place, set)) && !(moved && this.#isOthers(place, live))
      );
      const { pool, volume } = place ?? then;
      const taken = place !== undefined;
      return { pool, volume, taken, gone: !taken && this.#areGone(places, noted.at ?? at) };
    });
    const anew = live !== undefined && noted.uuid !== undefined && same.length === 0;
    return { live, project, machine, moved, anew, volumes };
  }

  /** Where a volume may be, the likeliest first. */
  #placesOf(
    set: string,
    device: string,
    then: VolumePlace,
    live: LiveMachine | undefined,
    moved: boolean,
  ): VolumePlace[] {
    const now = live?.volumes.find((volume) => volume.device === device);
    // Somebody may have put another volume into the device by hand.
    const followed = moved || now?.volume === then.volume;
    const known = now === undefined ? [then] : followed ? [now, then] : [then, now];
    // Taken out of its device after it went to another pool.
    const elsewhere = this.#namesakes.get(`${then.project}/${then.volume}/${set}`) ?? [];
    return [...known, ...elsewhere];
  }

  /** Whether nothing stands there that did when the set was taken. */
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
