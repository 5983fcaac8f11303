import { orMissing } from "../incus/collection.ts";
import { NOT_FREE_YET, retryPassing } from "../incus/retry.ts";
import type { InstancesPost } from "../incus/wire/instance.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { type Devices, leadsOut } from "../resource/delta.ts";
import { type DesiredInstance, instanceAddr } from "../resource/instance.ts";
import { isMoveNote, MARK } from "../resource/mark.ts";
import { deleteInstance } from "./delete_instance.ts";
import { projectOf } from "./instance_io.ts";
import type { StepContext } from "./step_context.ts";

/*
 * To another project or pool Incus moves by copying and then deleting, and a daemon that is killed between leaves two machines or
 * volumes that nobody can tell apart. So anklume does the two itself: the copy says from its first moment on that it is one, and says so
 * otherwise once it is whole. Only then the original goes. The plan reads these notes (lib/plan/remainders.ts).
 */

/**
 * Copies a stopped machine with its snapshots; a machine that stays in its project takes another name for the time being.
 * @returns where the copy is
 */
export async function copyInstance(
  context: StepContext,
  source: ResourceAddr,
  desired: DesiredInstance,
  pool: string | undefined,
): Promise<ResourceAddr> {
  const { instances } = context.incus;
  const project = projectOf(desired.addr);
  const near = project === projectOf(source);
  const name = near ? await nameOnTheWay(context, source) : desired.addr.name;
  if (!near) await clearInstance(context, source, desired.addr);
  const { value } = await instances.get(projectOf(source), source.name);
  const config = Object.entries(value.config).filter(([key]) => !isMoveNote(key));
  const place = instanceAddr(project, name);
  const body: Omit<InstancesPost, "source"> = {
    name,
    type: value.type,
    ephemeral: value.ephemeral,
    description: value.description,
    // Half of it is not to be started by a daemon that comes up.
    config: {
      ...Object.fromEntries(config),
      [MARK.copying]: formatAddr(source),
      "boot.autostart": "false",
    },
    devices: {
      ...inPool(value.devices, pool),
      ...(near ? withoutDoors(value.expanded_devices ?? value.devices) : {}),
    },
    profiles: near ? value.profiles ?? [] : desired.profiles,
  };
  try {
    await instances.copy({ project: projectOf(source), name: source.name }, project, body, {
      onProgress: context.progress,
    });
    await instances.patch(project, name, {
      description: value.description,
      config: {
        [MARK.copying]: "",
        [MARK.copied]: formatAddr(source),
        "boot.autostart": value.config["boot.autostart"] ?? "",
        // To its guest it is no copy.
        "volatile.apply_template": value.config["volatile.apply_template"] ?? "",
      },
    });
  } catch (error) {
    await clearInstance(context, source, place).catch(() => {});
    throw error;
  }
  return place;
}

/** Where a machine is to come: takes away what an interrupted move left there. */
export async function clearInstance(
  context: StepContext,
  source: ResourceAddr,
  place: ResourceAddr,
): Promise<void> {
  const { instances } = context.incus;
  const there = await orMissing(instances.get(projectOf(place), place.name));
  if (there === undefined) return;
  const { value } = await instances.get(projectOf(source), source.name);
  const remains = there.value.config[MARK.copying] === formatAddr(source) ||
    value.config[MARK.copied] === formatAddr(place);
  if (remains) await deleteInstance(context, place);
}

/** A name that nobody has; a half copy that an interrupted run left under it is removed. */
async function nameOnTheWay(context: StepContext, source: ResourceAddr): Promise<string> {
  const project = projectOf(source);
  for (let number = 1;; number++) {
    const end = number === 1 ? "-moving" : `-moving${number}`;
    const name = `${source.name.slice(0, 63 - end.length)}${end}`;
    await clearInstance(context, source, instanceAddr(project, name));
    if (await orMissing(context.incus.instances.get(project, name)) === undefined) return name;
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

/** Masks what would claim the original's addresses. */
function withoutDoors(devices: Devices): Devices {
  const doors = Object.entries(devices).filter(([, device]) => leadsOut(device));
  return Object.fromEntries(doors.map(([name]) => [name, { type: "none" }]));
}

/** Copies a volume that no machine uses, with its snapshots, and deletes the original. */
export async function moveVolume(
  { incus }: StepContext,
  from: ResourceAddr,
  to: ResourceAddr,
): Promise<void> {
  const { volumes } = incus;
  const [source, target] = [volumePlace(from), volumePlace(to)];
  if (source.pool === target.pool && source.project === target.project) {
    return await volumes.rename(source.pool, source.project, source.name, target.name);
  }
  await clearVolume(incus, from, to);
  const { value } = await volumes.get(source.pool, source.project, source.name);
  const kept = Object.entries(value.config).filter(([key]) => !isMoveNote(key));
  const config = Object.fromEntries(kept);
  try {
    await volumes.copy(source, target.pool, target.project, {
      name: target.name,
      type: "custom",
      content_type: value.content_type,
      description: value.description,
      config: { ...config, [MARK.copying]: formatAddr(from) },
    });
    const copy = await volumes.get(target.pool, target.project, target.name);
    const { [MARK.copying]: _over, ...whole } = copy.value.config;
    await volumes.update(target.pool, target.project, target.name, {
      description: value.description,
      config: { ...whole, [MARK.copied]: formatAddr(from) },
    }, { etag: copy.etag });
  } catch (error) {
    await clearVolume(incus, from, to).catch(() => {});
    throw error;
  }
  await volumes.delete(source.pool, source.project, source.name);
}

/** As `clearInstance`. */
async function clearVolume(
  { volumes }: StepContext["incus"],
  from: ResourceAddr,
  to: ResourceAddr,
): Promise<void> {
  const [source, target] = [volumePlace(from), volumePlace(to)];
  const there = await orMissing(volumes.get(target.pool, target.project, target.name));
  if (there === undefined) return;
  const { value } = await volumes.get(source.pool, source.project, source.name);
  const remains = there.value.config[MARK.copying] === formatAddr(from) ||
    value.config[MARK.copied] === formatAddr(to);
  const remove = () => volumes.delete(target.pool, target.project, target.name);
  if (remains) await retryPassing(NOT_FREE_YET, remove);
}

export function volumePlace(
  { pool = "default", project = "default", name }: ResourceAddr,
): { readonly pool: string; readonly project: string; readonly name: string } {
  return { pool, project, name };
}
