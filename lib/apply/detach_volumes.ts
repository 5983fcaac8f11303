import { orMissing } from "../incus/collection.ts";
import type { Move } from "../plan/plan.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import type { Devices } from "../resource/delta.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import { type Detached, MARK, readDetached, readMasked } from "../resource/mark.ts";
import { volumePlace } from "./copy_over.ts";
import { projectOf, readInstance } from "./instance_io.ts";
import type { StepContext } from "./step_context.ts";

/*
 * While the volumes of a machine move, their devices are removed from it. Incus 6.0 would update
 * the devices itself, but it then waits 30 s for its own lock. Also, a machine that somebody starts
 * must not write to a volume that is being copied. Settings of others on these devices exist only
 * on the machine, so a note on the machine keeps them until the devices are restored.
 */

type Device = Devices[string];

/**
 * Removes the devices of moving volumes from a stopped machine, and stores them in a note in the
 * same request.
 */
export async function detach(
  context: StepContext,
  addr: ResourceAddr,
  desired: DesiredInstance,
  moves: readonly Move[],
): Promise<void> {
  if (moves.length === 0) return;
  const { actual, etag, kept } = await readInstance(context, addr);
  const { description, config, profiles } = actual;
  const { devices, detached } = takeOut(actual.devices, readDetached(config), desired, moves);
  if (detached === undefined) return;
  await context.incus.instances.update(projectOf(addr), addr.name, {
    ...kept,
    description,
    config: { ...config, [MARK.detached]: JSON.stringify(detached) },
    devices,
    profiles,
  }, { etag });
}

/**
 * Restores the devices that were removed or masked for a move, and deletes the notes.
 * @param unfinished moves that may not have been done; none: every volume is at its declared place
 * @returns false if a volume is out of the machine's reach; nothing was done then
 */
export async function reattach(
  context: StepContext,
  addr: ResourceAddr,
  desired: DesiredInstance,
  unfinished: readonly Move[] = [],
): Promise<boolean> {
  const { actual, etag, kept } = await readInstance(context, addr);
  const { description, profiles } = actual;
  const { [MARK.detached]: detached, [MARK.masked]: masked, ...config } = actual.config;
  if (detached === undefined && masked === undefined) return true;
  const places = new Map(Object.entries(desired.devices));
  for (const move of unfinished) {
    const place = await whereabouts(context, move);
    if (place.project !== addr.project) return false;
    const name = declaredFor(desired, move);
    if (name !== undefined) places.set(name, leadingTo(place));
  }
  const devices = putBack(actual.devices, actual.config, places);
  await context.incus.instances.update(projectOf(addr), addr.name, {
    ...kept,
    description,
    config,
    devices,
    profiles,
  }, { etag });
  return true;
}

/** True if a move was interrupted before it restored the devices. */
export function isDetached({ config }: ActualInstance): boolean {
  return MARK.detached in config || MARK.masked in config;
}

/**
 * Removes the devices of moving volumes. `detached` then contains all removed devices; undefined if
 * none was added.
 */
export function takeOut(
  devices: Devices,
  before: Detached,
  desired: DesiredInstance,
  moves: readonly Move[],
): { readonly devices: Devices; readonly detached: Detached | undefined } {
  const left: Record<string, Device> = {};
  const detached: Record<string, Devices> = { ...before };
  let found = false;
  for (const [name, device] of Object.entries(devices)) {
    const move = moves.find(({ from }) => leadsTo(device, from));
    if (move === undefined) {
      left[name] = device;
      continue;
    }
    found = true;
    const declared = declaredFor(desired, move) ?? name;
    detached[declared] = { ...detached[declared], [name]: device };
  }
  return { devices: left, detached: found ? detached : undefined };
}

/**
 * Returns the devices together with those from the notes, which now use the present places of the
 * volumes.
 * @param places pool and source by declared device; devices of a volume that has none are left out
 */
export function putBack(
  devices: Devices,
  config: ActualInstance["config"],
  places: ReadonlyMap<string, Device>,
): Devices {
  const detached = Object.entries(readDetached(config)).flatMap(([declared, taken]) => {
    const { pool, source } = places.get(declared) ?? {};
    if (pool === undefined || source === undefined) return [];
    return Object.entries(taken).map(([name, device]) =>
      [name, { ...device, pool, source }] as const
    );
  });
  const masked = readMasked(config);
  const here = Object.entries(devices).filter(([name, { type }]) =>
    type !== "none" || !masked.includes(name)
  );
  return Object.fromEntries([...detached, ...here]);
}

/**
 * Returns the present place of a volume that was to move: the new place as soon as the copy there
 * is complete.
 */
async function whereabouts({ incus }: StepContext, { from, to }: Move): Promise<ResourceAddr> {
  const read = (addr: ResourceAddr) => {
    const { pool, project, name } = volumePlace(addr);
    return orMissing(incus.volumes.get(pool, project, name));
  };
  const copy = await read(to);
  if (copy?.value.config[MARK.copied] === formatAddr(from)) return to;
  return await read(from) === undefined ? to : from;
}

function declaredFor({ devices }: DesiredInstance, { to }: Move): string | undefined {
  return Object.keys(devices).find((name) => leadsTo(devices[name] ?? {}, to));
}

function leadsTo({ type, source, pool }: Device, volume: ResourceAddr): boolean {
  return type === "disk" && volume.name === source && volume.pool === pool;
}

function leadingTo(volume: ResourceAddr): Device {
  const { pool, name } = volumePlace(volume);
  return { pool, source: name };
}
