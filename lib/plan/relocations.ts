import { formatAddr } from "../resource/address.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import { MARK } from "../resource/mark.ts";
import type { ActualResource } from "../resource/resource.ts";
import type { ActualVolume, DesiredVolume } from "../resource/volume.ts";
import type { ActualState } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";
import { ownedResources } from "./orphans.ts";

/**
 * Live resources at another place, with another name or kept aside, that belong to declared
 * resources.
 */
export interface Relocations {
  /** From `formatAddr` of a missing declared machine to the machine that becomes it. */
  readonly machines: ReadonlyMap<string, ActualInstance>;
  /** From `formatAddr` of a missing declared volume to the volume that becomes it. */
  readonly volumes: ReadonlyMap<string, ActualVolume>;
  /**
   * From `formatAddr` of a declared machine to its predecessor, which an interrupted replacement
   * left aside.
   */
  readonly asides: ReadonlyMap<string, ActualInstance>;
  /** `formatAddr` of all of them at their present place. They are not orphans. */
  readonly sources: ReadonlySet<string>;
}

/**
 * Finds resources at other places. A machine is searched by its name in every domain (names are
 * unique in an infra), then by `renamed_from`; a volume by its own name or with its machine's
 * former name, in every pool.
 */
export function findRelocations(
  desired: DesiredState,
  actual: ActualState,
  live: ReadonlyMap<string, ActualResource>,
): Relocations {
  // Resources that this run leaves unchanged keep their claim to a live resource too.
  const resources = [...desired.resources, ...desired.spared];
  const declared = new Set(resources.map(({ addr }) => formatAddr(addr)));
  const strays = ownedResources(desired.owner, actual).filter(({ addr }) =>
    !declared.has(formatAddr(addr))
  );
  const asides = new Map<string, ActualInstance>();
  const byName = new Map<string, ActualInstance[]>();
  const volumesByName = new Map<string, ActualVolume[]>();
  for (const stray of strays) {
    if (stray.kind === "volume") push(volumesByName, stray.addr.name, stray);
    // An instance that holds another machine's new disk does not count as a machine, whatever its
    // name is.
    if (stray.kind !== "instance" || (stray.config[MARK.fresh] ?? "") !== "") continue;
    const place = stray.config[MARK.aside] ?? "";
    const name = stray.config[MARK.called] ?? stray.addr.name;
    if (place === "" || place === stray.addr.name) push(byName, name, stray);
    else asides.set(formatAddr({ ...stray.addr, name: place }), stray);
  }
  const machines = new Map<string, ActualInstance>();
  const volumes = new Map<string, ActualVolume>();
  const sources = new Set<string>();
  const take = <T extends ActualResource>(found: T | undefined): T | undefined => {
    if (found !== undefined) sources.add(formatAddr(found.addr));
    return found;
  };
  const free = <T extends ActualResource>(found: readonly T[] | undefined): T | undefined =>
    found?.find(({ addr }) => !sources.has(formatAddr(addr)));
  for (const resource of resources) {
    if (resource.kind !== "instance") continue;
    const name = formatAddr(resource.addr);
    const aside = asides.get(name);
    if (aside !== undefined) take(aside);
    if (live.has(name) || aside !== undefined) continue;
    const source = take(free(byName.get(resource.addr.name)) ?? formerly(resource, byName, free));
    if (source !== undefined) machines.set(name, source);
  }
  for (const resource of resources) {
    if (resource.kind !== "volume" || live.has(formatAddr(resource.addr))) continue;
    const source = take(free(candidates(resource, desired, volumesByName)));
    if (source !== undefined) volumes.set(formatAddr(resource.addr), source);
  }
  const owned = [...asides].filter(([name]) => declared.has(name));
  return { machines, volumes, asides: new Map(owned), sources };
}

type Free = (found: readonly ActualInstance[] | undefined) => ActualInstance | undefined;

function formerly(
  { renamedFrom, addr }: DesiredInstance,
  byName: ReadonlyMap<string, readonly ActualInstance[]>,
  free: Free,
): ActualInstance | undefined {
  if (renamedFrom === undefined) return undefined;
  const found = byName.get(renamedFrom);
  return free(found?.filter((each) => each.addr.project === addr.project)) ?? free(found);
}

function candidates(
  volume: DesiredVolume,
  desired: DesiredState,
  byName: ReadonlyMap<string, readonly ActualVolume[]>,
): ActualVolume[] {
  const key = volume.addr.name.slice(volume.machine.length);
  const before = desired.renamed.get(volume.machine);
  const names = [volume.addr.name, ...(before === undefined ? [] : [`${before}${key}`])];
  return names.flatMap((name) => byName.get(name) ?? []);
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
