import { optional } from "../diag/optional.ts";
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
 * Incus moves an instance or volume by copying and then deleting it, and renames it in several
 * steps. If the daemon is killed in between, there are two machines or volumes that look the same,
 * or one whose disk Incus no longer finds. So anklume itself copies and deletes. From the start, a
 * note on the copy marks it as a copy. Another note marks it as complete, and only then the
 * original is deleted. The plan reads these notes (lib/plan/remainders.ts).
 */

/**
 * Moves a stopped machine to its declared place. If only the pool changes, the machine gets a
 * temporary name. The original still exists, unless the machine could only be renamed.
 * @returns the present place of the machine
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

/** Storage drivers that copy without reading and writing all data. */
const CHEAP_COPIES = ["btrfs", "zfs", "lvm", "ceph"];

/**
 * Copies, if the pool does that without time and space; otherwise, or if copying fails, renames.
 */
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
  /** The pool of the root disk; undefined: unchanged. */
  readonly pool?: string | undefined;
  /** The profiles in another project; undefined: unchanged. */
  readonly profiles?: readonly string[];
  /** The proper name of a machine that gets a temporary one. */
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
      // If each of two named the other as its original, neither would count as complete.
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
        ...optional({
          [MARK.called]: called,
          [MARK.masked]: masked.length === 0 ? undefined : masked.join(","),
        }),
        [MARK.copying]: formatAddr(source),
        // A restarting daemon must not start an incomplete copy.
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
        // For its guest, this must not look like a copy.
        "volatile.apply_template": value.config["volatile.apply_template"] ?? "",
      },
    });
  });
}

/** The operations that copying needs, for machines or for volumes. */
interface Kind {
  read(addr: ResourceAddr): Promise<{ readonly value: { readonly config: Config } }>;
  /** Removes the remains of an interrupted move. */
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

/** Makes a copy at a free place. A failed copy is removed. */
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
    // The answer may have been lost although the copy is complete.
    const there = await orMissing(kind.read(place));
    if (there?.value.config[MARK.copied] === formatAddr(source)) return;
    await clear(kind, source, place).catch(() => {});
    throw error;
  }
}

/** Removes the remains of an interrupted move at the place of the new copy. */
async function clear(kind: Kind, source: ResourceAddr, place: ResourceAddr): Promise<void> {
  const there = await orMissing(kind.read(place));
  if (there === undefined) return;
  const original = await kind.read(source);
  const remains = there.value.config[MARK.copying] === formatAddr(source) ||
    original.value.config[MARK.copied] === formatAddr(place);
  if (remains) await kind.remove(place);
}

/** Deletes the original after the copy is complete. */
export async function deleteOriginal(context: StepContext, addr: ResourceAddr): Promise<void> {
  await remove(context, addr, "the original");
}

/** Deletes a machine. The progress text tells which one, because another machine stays. */
async function remove(context: StepContext, addr: ResourceAddr, what: string): Promise<void> {
  const progress = (text: string) => context.progress(`${text} ${what}, ${formatAddr(addr)}`);
  await deleteInstance({ ...context, progress }, addr);
}

/** Returns an unused name. An incomplete copy of an interrupted run under that name is removed. */
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

/** Returns the devices that would use the original's addresses. */
function doorsOf(devices: Devices): string[] {
  return Object.keys(devices).filter((name) => leadsOut(devices[name] ?? {}));
}

/** Moves a volume that no machine uses to another place, with its snapshots. */
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
