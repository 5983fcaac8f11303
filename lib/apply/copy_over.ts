import { orMissing } from "../incus/collection.ts";
import { IncusError } from "../incus/incus_error.ts";
import { NOT_FREE_YET, retryPassing } from "../incus/retry.ts";
import type { InstancesPost } from "../incus/wire/instance.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { type Devices, leadsOut } from "../resource/delta.ts";
import { type DesiredInstance, instanceAddr } from "../resource/instance.ts";
import { rootPool } from "../resource/instance_compare.ts";
import { isCopyNote, MARK, readMasked } from "../resource/mark.ts";
import { deleteInstance } from "./delete_instance.ts";
import { projectOf } from "./instance_io.ts";
import type { StepContext } from "./step_context.ts";

/*
 * Incus moves by copying and then deleting, and renames in several steps: a daemon that is killed between leaves two machines or
 * volumes that nobody can tell apart, or one whose disk Incus no longer finds. So anklume copies and deletes itself: the copy says from
 * its first moment on that it is one, and says so otherwise once it is whole. Only then the original goes. The plan reads
 * these notes (lib/plan/remainders.ts).
 */

/**
 * Makes a stopped machine stand where it is declared, or, for another pool of the same project, under a name for the time being.
 * The original is still there unless it could only be renamed.
 * @returns where it stands now
 */
export async function carryInstance(
  context: StepContext,
  source: ResourceAddr,
  desired: DesiredInstance,
  pool: string | undefined,
): Promise<ResourceAddr> {
  const { addr, profiles } = desired;
  if (projectOf(addr) !== projectOf(source)) {
    await copyInstance(context, source, addr, { pool, profiles });
    return addr;
  }
  if (pool !== undefined) {
    const waypoint = await nameOnTheWay(context, source);
    await copyInstance(context, source, waypoint, { pool, called: addr.name });
    return waypoint;
  }
  await copyOrRename(
    context,
    await poolOf(context, source),
    () => copyInstance(context, source, addr, {}),
    async () => {
      await clear(instancesOf(context), source, addr);
      await context.incus.instances.rename(projectOf(addr), source.name, addr.name);
    },
  );
  return addr;
}

/** Drivers that copy without reading and writing all of it. */
const CHEAP_COPIES = ["btrfs", "zfs", "lvm", "ceph"];

/** Copies in a pool where that takes neither time nor space, and otherwise, or where it cannot be done, renames. */
async function copyOrRename(
  { incus }: StepContext,
  pool: string,
  copy: () => Promise<void>,
  rename: () => Promise<void>,
): Promise<void> {
  const { value: { driver } } = await incus.storagePools.get(pool);
  if (!CHEAP_COPIES.includes(driver)) return await rename();
  try {
    await copy();
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    await rename();
  }
}

async function poolOf({ incus }: StepContext, addr: ResourceAddr): Promise<string> {
  const { value } = await incus.instances.get(projectOf(addr), addr.name);
  return rootPool(value.expanded_devices ?? value.devices) ?? "default";
}

interface CopyOverOptions {
  /** For the root disk; undefined: the same. */
  readonly pool?: string | undefined;
  /** In another project; undefined: the same. */
  readonly profiles?: readonly string[];
  /** What it is called but for the time being. */
  readonly called?: string;
}

async function copyInstance(
  context: StepContext,
  source: ResourceAddr,
  place: ResourceAddr,
  { pool, profiles, called }: CopyOverOptions,
): Promise<void> {
  const { instances } = context.incus;
  const [project, from] = [projectOf(place), projectOf(source)];
  await copyOver(instancesOf(context), source, place, async () => {
    const { value } = await instances.get(from, source.name);
    const { description } = value;
    if (MARK.copied in value.config) {
      // Of two that call each other an original neither would be whole.
      await instances.patch(from, source.name, { description, config: { [MARK.copied]: "" } });
    }
    const doors = project === from ? doorsOf(value.expanded_devices ?? value.devices) : [];
    const masked = [...new Set([...readMasked(value.config), ...doors])];
    const body: Omit<InstancesPost, "source"> = {
      name: place.name,
      type: value.type,
      ephemeral: value.ephemeral,
      description,
      config: {
        ...withoutNotes(value.config),
        ...(called === undefined ? {} : { [MARK.called]: called }),
        ...(masked.length === 0 ? {} : { [MARK.masked]: masked.join(",") }),
        [MARK.copying]: formatAddr(source),
        // Half of it is not to be started by a daemon that comes up.
        "boot.autostart": "false",
      },
      devices: {
        ...inPool(value.devices, pool),
        ...Object.fromEntries(doors.map((name) => [name, { type: "none" }])),
      },
      profiles: profiles ?? value.profiles ?? [],
    };
    await instances.copy({ project: from, name: source.name }, project, body, {
      onProgress: context.progress,
    });
    await instances.patch(project, place.name, {
      description,
      config: {
        [MARK.copying]: "",
        [MARK.copied]: formatAddr(source),
        "boot.autostart": value.config["boot.autostart"] ?? "",
        // To its guest it is no copy.
        "volatile.apply_template": value.config["volatile.apply_template"] ?? "",
      },
    });
  });
}

/** What copying machines and volumes needs of either. */
interface Kind {
  read(addr: ResourceAddr): Promise<{ readonly value: { readonly config: Config } }>;
  /** What an interrupted move left. */
  remove(addr: ResourceAddr): Promise<void>;
}

function instancesOf(context: StepContext): Kind {
  return {
    read: (addr) => context.incus.instances.get(projectOf(addr), addr.name),
    remove: (addr) => remove(context, addr, "what an interrupted move left"),
  };
}

function volumesOf({ incus: { volumes } }: StepContext): Kind {
  const place = (addr: ResourceAddr) => {
    const { pool, project, name } = volumePlace(addr);
    return [pool, project, name] as const;
  };
  return {
    read: (addr) => volumes.get(...place(addr)),
    remove: (addr) => retryPassing(NOT_FREE_YET, () => volumes.delete(...place(addr))),
  };
}

/** Makes a copy in a free place, or none. */
async function copyOver(
  kind: Kind,
  source: ResourceAddr,
  place: ResourceAddr,
  copy: () => Promise<void>,
): Promise<void> {
  await clear(kind, source, place);
  try {
    await copy();
  } catch (error) {
    // The answer may have got lost, and what was asked for been done all the same.
    const there = await orMissing(kind.read(place));
    if (there?.value.config[MARK.copied] === formatAddr(source)) return;
    await clear(kind, source, place).catch(() => {});
    throw error;
  }
}

/** Where something is to come: takes away what an interrupted move left there. */
async function clear(kind: Kind, source: ResourceAddr, place: ResourceAddr): Promise<void> {
  const there = await orMissing(kind.read(place));
  if (there === undefined) return;
  const original = await kind.read(source);
  const remains = there.value.config[MARK.copying] === formatAddr(source) ||
    original.value.config[MARK.copied] === formatAddr(place);
  if (remains) await kind.remove(place);
}

/** Once the copy is whole. */
export async function deleteOriginal(context: StepContext, addr: ResourceAddr): Promise<void> {
  await remove(context, addr, "the original");
}

/** Says what of a machine is deleted that stays. */
async function remove(context: StepContext, addr: ResourceAddr, what: string): Promise<void> {
  const progress = (text: string) => context.progress(`${text} ${what}, ${formatAddr(addr)}`);
  await deleteInstance({ ...context, progress }, addr);
}

/** A name that nobody has; a half copy that an interrupted run left under it is removed. */
async function nameOnTheWay(context: StepContext, source: ResourceAddr): Promise<ResourceAddr> {
  const project = projectOf(source);
  for (let number = 1;; number++) {
    const end = number === 1 ? "-moving" : `-moving${number}`;
    const place = instanceAddr(project, `${source.name.slice(0, 63 - end.length)}${end}`);
    await clear(instancesOf(context), source, place);
    const there = await orMissing(context.incus.instances.get(project, place.name));
    if (there === undefined) return place;
  }
}

function inPool(devices: Devices, pool: string | undefined): Devices {
  if (pool === undefined) return devices;
  return Object.fromEntries(
    Object.entries(devices).map(([name, device]) => [
      name,
      device.type === "disk" && device.path === "/" ? { ...device, pool } : device,
    ]),
  );
}

/** What would claim the original's addresses. */
function doorsOf(devices: Devices): string[] {
  return Object.keys(devices).filter((name) => leadsOut(devices[name] ?? {}));
}

/** Makes a volume that no machine uses stand elsewhere, with its snapshots. */
export async function moveVolume(
  context: StepContext,
  from: ResourceAddr,
  to: ResourceAddr,
): Promise<void> {
  const { volumes } = context.incus;
  const [source, target] = [volumePlace(from), volumePlace(to)];
  const copy = async () => {
    await copyVolume(context, from, to);
    await volumes.delete(source.pool, source.project, source.name);
  };
  if (source.pool !== target.pool || source.project !== target.project) return await copy();
  await copyOrRename(context, source.pool, copy, async () => {
    await clear(volumesOf(context), from, to);
    await volumes.rename(source.pool, source.project, source.name, target.name);
  });
}

async function copyVolume(
  context: StepContext,
  from: ResourceAddr,
  to: ResourceAddr,
): Promise<void> {
  const { volumes } = context.incus;
  const [source, target] = [volumePlace(from), volumePlace(to)];
  const write = async (place: typeof source, note: Config) => {
    const { value, etag } = await volumes.get(place.pool, place.project, place.name);
    const config = { ...withoutNotes(value.config), ...note };
    const { description } = value;
    await volumes.update(place.pool, place.project, place.name, { description, config }, { etag });
  };
  await copyOver(volumesOf(context), from, to, async () => {
    const { value } = await volumes.get(source.pool, source.project, source.name);
    if (MARK.copied in value.config) await write(source, {});
    await volumes.copy(source, target.pool, target.project, {
      name: target.name,
      type: "custom",
      content_type: value.content_type,
      description: value.description,
      config: { ...withoutNotes(value.config), [MARK.copying]: formatAddr(from) },
    });
    await write(target, { [MARK.copied]: formatAddr(from) });
  });
}

type Config = Readonly<Record<string, string>>;

function withoutNotes(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !isCopyNote(key)));
}

export function volumePlace(
  { pool = "default", project = "default", name }: ResourceAddr,
): { readonly pool: string; readonly project: string; readonly name: string } {
  return { pool, project, name };
}
