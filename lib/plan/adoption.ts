import { deviceBypass } from "../infra/check/bypass.ts";
import type { YamlEdit } from "../infra/yaml/edit_yaml.ts";
import type { Domain, Infra, Machine, Profile, StringMap } from "../infra/infra.ts";
import { ADMIN_DEVICES } from "../resource/admin_devices.ts";
import { formatAddr, type ResourceAddr } from "../resource/address.ts";
import { type Devices, leadsOut } from "../resource/delta.ts";
import type { ActualInstance, DesiredInstance } from "../resource/instance.ts";
import { volumeDeviceName } from "../resource/instance_devices.ts";
import { bearsOnIsolation, closesDoor } from "../resource/isolation.ts";
import { MARK, MARK_PREFIX } from "../resource/mark.ts";
import type { ActualResource, DesiredResource } from "../resource/resource.ts";
import { SCHEDULE_PATTERN } from "../resource/snapshot_schedule.ts";
import { parseBoolean } from "../resource/value.ts";
import { type ActualState, indexResources } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";
import type { Change, FieldChange, Plan } from "./plan.ts";

/** One machine with its volumes, or a domain with everything in it. */
type AdoptTarget =
  | { readonly kind: "machine"; readonly domain: Domain; readonly machine: Machine }
  | { readonly kind: "domain"; readonly domain: Domain };

/** A live value that `infra.yml` can express: the field that differs, and the edits to write. */
export interface Adoption {
  readonly addr: ResourceAddr;
  readonly field: FieldChange;
  readonly edits: readonly YamlEdit[];
}

/** A value that is not written, with the reason. */
export interface LeftAlone {
  readonly addr: ResourceAddr;
  /** The field; undefined for the whole resource. */
  readonly path?: string;
  readonly reason: string;
}

export interface Adoptions {
  readonly adoptions: readonly Adoption[];
  readonly left: readonly LeftAlone[];
}

/** The edits for one field, or the reason why it is not written. */
type AdoptionVerdict = readonly YamlEdit[] | string;

const ISOLATION = "it affects the isolation, which only infra.yml decides";
const DERIVED = "anklume sets it itself";

/**
 * Finds the edits with which `infra.yml` describes the live state of a target: the opposite of an
 * apply. Pure. The edits never open the isolation, and never set what the lock or anklume itself
 * decides.
 */
export function planAdoptions(
  plan: Plan,
  desired: DesiredState,
  actual: ActualState,
  target: AdoptTarget,
): Adoptions {
  const live = indexResources(actual);
  const declared = new Map(desired.resources.map((each) => [formatAddr(each.addr), each]));
  const adoptions: Adoption[] = [];
  const left: LeftAlone[] = [];
  for (const change of plan.changes) {
    const { addr, fields } = change;
    const found = live.get(formatAddr(addr));
    const wanted = declared.get(formatAddr(addr));
    if (wanted === undefined || !isMeant(change, wanted, target)) continue;
    const whole = wholeReason(change, found, wanted, target);
    if (whole !== undefined) {
      left.push({ addr, reason: whole });
      continue;
    }
    for (const field of fields) {
      // anklume's own notes follow from other values, and snapshots that are lost with a disk are
      // not a field of infra.yml.
      if (field.path.startsWith(`config.${MARK_PREFIX}`) || field.path === "snapshots") continue;
      const verdict = verdictOf(field, wanted, found!, target.domain);
      if (typeof verdict === "string") left.push({ addr, path: field.path, reason: verdict });
      else adoptions.push({ addr, field, edits: verdict });
    }
  }
  return { adoptions, left };
}

/**
 * Returns the domain or machine with this name; undefined if there is none. Returns a text with the
 * reason if it cannot be adopted.
 */
export function adoptTarget(infra: Infra, name: string): AdoptTarget | string | undefined {
  const places = infra.domains.flatMap((domain) =>
    domain.machines.map((machine) => ({ kind: "machine" as const, domain, machine }))
  );
  const domain = infra.domains.find((each) => each.name === name);
  const place = places.find(({ machine }) => machine.name === name || machine.hostname === name);
  const copied = infra.copies.has(name) ? name : (domain ?? place?.domain)?.copy?.of;
  if (copied !== undefined) {
    return `What infra.yml says of \`${name}\` belongs to every copy of \`${copied}\`: the live ` +
      "value of one is not that of all";
  }
  if ((domain ?? place?.domain)?.enabled === false) {
    return `\`${name}\` is disabled (\`enabled: false\`), so it is not compared with anything`;
  }
  return domain === undefined ? place : { kind: "domain", domain };
}

function isMeant(
  { domain, addr }: Change,
  wanted: DesiredResource,
  target: AdoptTarget,
): boolean {
  if (domain !== target.domain.name) return false;
  if (target.kind === "domain") return true;
  const { name } = target.machine;
  return (wanted.kind === "instance" && addr.name === name) ||
    (wanted.kind === "volume" && wanted.machine === name) ||
    (wanted.kind === "profile" && target.machine.profiles.includes(addr.name));
}

function wholeReason(
  { action, from, aside, moves }: Change,
  found: ActualResource | undefined,
  wanted: DesiredResource,
  target: AdoptTarget,
): string | undefined {
  if (from !== undefined || aside !== undefined || moves !== undefined) {
    return "it is elsewhere, and will be moved";
  }
  if (found === undefined || action === "create") return "it is not on the host";
  if (wanted.kind === "profile" && target.kind === "machine") {
    return `its machines share it: \`anklume check --adopt ${target.domain.name}\``;
  }
  return undefined;
}

function verdictOf(
  field: FieldChange,
  wanted: DesiredResource,
  found: ActualResource,
  domain: Domain,
): AdoptionVerdict {
  const base = ["domains", domain.name];
  if (wanted.kind === "instance" && found.kind === "instance") {
    const machine = domain.machines.find(({ name }) => name === wanted.addr.name)!;
    return machineVerdict(field, { wanted, found, domain, machine });
  }
  if (wanted.kind === "volume") return volumeVerdict(field, wanted, found, domain);
  if (wanted.kind === "profile" && found.kind === "profile") {
    const profile = domain.profiles.find(({ name }) => name === wanted.addr.name);
    if (profile === undefined) return ISOLATION;
    return partVerdict(field, {
      base: [...base, "profiles", profile.name],
      own: profile,
      wanted,
      found,
      domain,
      inProfile: true,
    });
  }
  if (wanted.kind === "project" && field.path === "description") {
    return [edit([...base, "description"], found.description)];
  }
  if (wanted.kind === "network") {
    return field.path === "description" ? "it follows the domain's description" : ISOLATION;
  }
  return DERIVED;
}

interface MachineCase {
  readonly wanted: DesiredInstance;
  readonly found: ActualInstance;
  readonly domain: Domain;
  readonly machine: Machine;
}

/**
 * Incus keys that have their own key in infra.yml, with a function that converts the value;
 * undefined if infra.yml cannot express it.
 */
const DEDICATED: Readonly<
  Record<string, readonly [key: string, say: (text: string) => string | boolean | undefined]>
> = {
  "boot.autostart": ["boot_autostart", parseBoolean],
  "snapshots.schedule": ["snapshots_schedule", (text) => text],
  "snapshots.expiry": ["snapshots_expiry", (text) => text],
};

function machineVerdict(field: FieldChange, the: MachineCase): AdoptionVerdict {
  const { wanted, found, domain, machine } = the;
  const base = ["domains", domain.name, "machines", machine.name];
  switch (field.path) {
    case "state": {
      const state = found.status.toLowerCase();
      return state === "running" || state === "stopped"
        ? [edit([...base, "state"], state)]
        : `it is ${state}, which infra.yml cannot express`;
    }
    case "type":
      return [edit([...base, "type"], found.type)];
    case "image":
      return [edit([...base, "image"], found.config[MARK.image])];
    case "profiles":
      return profilesVerdict([...base, "profiles"], the);
    case "config.security.protection.delete": {
      const kept = parseBoolean(found.config["security.protection.delete"] ?? "") ?? false;
      return [edit([...base, "ephemeral"], !kept)];
    }
    case "config.boot.autostart.priority": {
      const text = found.config["boot.autostart.priority"] ?? "";
      if (text !== "" && !/^\d+$/.test(text)) return "infra.yml cannot express it";
      return [edit([...base, "boot_priority"], text === "" ? undefined : Number(text))];
    }
  }
  const key = field.path.replace(/^config\./, "");
  const dedicated = key !== field.path && Object.hasOwn(DEDICATED, key)
    ? DEDICATED[key]
    : undefined;
  if (dedicated !== undefined) {
    const [name, say] = dedicated;
    const text = found.config[key] ?? "";
    const value = say(text);
    if (text !== "" && value === undefined) return "infra.yml cannot express it";
    return [edit([...base, name], text === "" ? undefined : value)];
  }
  const volume = machine.storageVolumes.find((each) =>
    field.path === `devices.${volumeDeviceName(each.key)}.path`
  );
  const path = volume && found.devices[volumeDeviceName(volume.key)]?.path;
  if (volume !== undefined && path !== undefined) {
    return [edit([...base, "storage_volumes", volume.key, "path"], path)];
  }
  return partVerdict(field, { base, own: machine, wanted, found, domain, inProfile: false });
}

/**
 * Adopts the live list of profiles if infra.yml declares all of them: their content was checked
 * there.
 */
function profilesVerdict(path: readonly string[], { found, domain }: MachineCase): AdoptionVerdict {
  const known = ["default", ...domain.profiles.map(({ name }) => name)];
  const unknown = found.profiles.filter((name) => !known.includes(name));
  if (unknown.length > 0) return `infra.yml does not declare the profile ${unknown.join(", ")}`;
  if (!found.profiles.includes("default")) return "every machine has the profile default";
  return [edit(path, found.profiles.length === 1 ? undefined : found.profiles)];
}

function volumeVerdict(
  { path }: FieldChange,
  wanted: DesiredResource & { readonly kind: "volume" },
  found: ActualResource,
  domain: Domain,
): AdoptionVerdict {
  if (path.startsWith("config.snapshots.")) {
    return `it follows \`snapshots_schedule\` and \`snapshots_expiry\` of ${wanted.machine}`;
  }
  const volume = domain.machines.find(({ name }) => name === wanted.machine)?.storageVolumes
    .find(({ name, pool }) => name === wanted.addr.name && pool === wanted.addr.pool);
  if (path !== "config.size" || volume === undefined) return "infra.yml cannot express it";
  const base = ["domains", domain.name, "machines", wanted.machine, "storage_volumes"];
  return [edit([...base, volume.key, "size"], found.config.size)];
}

/** The common parts of a machine and a profile. */
interface PartCase {
  /** The path in infra.yml. */
  readonly base: readonly string[];
  readonly own: Pick<Profile, "config" | "devices">;
  readonly wanted: { readonly config: StringMap; readonly devices: Devices };
  readonly found: {
    readonly description: string;
    readonly config: StringMap;
    readonly devices: Devices;
  };
  readonly domain: Domain;
  readonly inProfile: boolean;
}

function partVerdict(field: FieldChange, the: PartCase): AdoptionVerdict {
  const { base, own, wanted, found } = the;
  if (field.path === "description") return [edit([...base, "description"], found.description)];
  if (field.path.startsWith("devices.")) return deviceVerdict(field.path, the);
  if (!field.path.startsWith("config.")) return "infra.yml cannot express it";
  const key = field.path.slice("config.".length);
  const [live, declared] = [found.config[key] ?? "", wanted.config[key] ?? ""];
  const bears = bearsOnIsolation(key, live) || bearsOnIsolation(key, declared);
  if (bears && !closesDoor(field.before, field.after, key)) return ISOLATION;
  const pattern = key === "snapshots.pattern" && found.config[key] === SCHEDULE_PATTERN;
  if (pattern || (field.after !== undefined && !Object.hasOwn(own.config, key))) return DERIVED;
  return [edit([...base, "config", key], found.config[key])];
}

function deviceVerdict(path: string, the: PartCase): AdoptionVerdict {
  const { base, own, wanted, found, domain, inProfile } = the;
  const names = [...Object.keys(wanted.devices), ...Object.keys(found.devices)];
  // Names and keys can contain dots. The longest matching name counts.
  const name = names.toSorted((a, b) => b.length - a.length).find((each) =>
    path === `devices.${each}` || path.startsWith(`devices.${each}.`)
  );
  if (name === undefined) return "infra.yml cannot express it";
  const key = path.slice(`devices.${name}.`.length);
  const live = found.devices[name];
  const [before, ours] = [wanted.devices[name], own.devices[name]];
  if (name === "eth0") return "the lock decides its addresses, the firewall its filters";
  if ([live, before].some((device) => device !== undefined && leadsOut(device))) return ISOLATION;
  if (live !== undefined) {
    const bypass = deviceBypass(name, live, { bridge: `net-${domain.name}`, inProfile });
    if (bypass !== undefined) return `it bypasses the isolation: ${bypass}`;
  }
  if (Object.values<string>(ADMIN_DEVICES).includes(name)) return DERIVED;
  if (name.startsWith(volumeDeviceName(""))) {
    return "it comes from `storage_volumes`: edit it there";
  }
  const place = [...base, "devices", name];
  if (live === undefined) return ours === undefined ? DERIVED : [edit(place, undefined)];
  if (key === "") return [{ path: place, value: live }];
  if (ours !== undefined) {
    const derived = live[key] === undefined && !Object.hasOwn(ours, key);
    return derived ? DERIVED : [edit([...place, key], live[key])];
  }
  if (live.type !== "disk" || live.path !== "/" || live[key] === undefined) return DERIVED;
  // Every machine has a root disk, declared or not.
  return ["type", "path", key].map((each) => edit([...place, each], live[each]));
}

/** Returns an edit. An empty text removes the key. */
function edit(
  path: readonly string[],
  value: string | number | boolean | readonly string[] | undefined,
): YamlEdit {
  return value === undefined || value === "" ? { path } : { path, value };
}
