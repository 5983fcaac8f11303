import type { IncusClient } from "../incus/incus_client.ts";
import type { Instance } from "../incus/wire/instance.ts";
import type { Infra, PlacedMachine } from "../infra/infra.ts";
import { MARK } from "../resource/mark.ts";
import { unknownName } from "../session/unknown_name.ts";
import { UserError } from "../session/user_error.ts";
import type { Workspace } from "../workspace/load_workspace.ts";

/** A machine that is on the host. */
export interface FoundMachine extends PlacedMachine {
  readonly instance: Instance;
}

/** Returns a machine by its name. @throws UserError if infra.yml has none of that name */
export function findMachine(infra: Infra, name: string): PlacedMachine {
  const found = placesOf(infra).find(({ machine }) => machine.name === name);
  if (found === undefined) throw unknownName("machine", name, machineNames(infra));
  return found;
}

/**
 * Returns machines by their names, by their domain's, or by that of a domain with copies, each once
 * and in infra.yml's order. Without names: all of them.
 */
export function selectMachines(infra: Infra, names: readonly string[]): PlacedMachine[] {
  if (names.length === 0) return placesOf(infra);
  const chosen = new Set<string>();
  for (const name of names) {
    const domains = infra.copies.get(name) ?? [name];
    const machines = placesOf(infra).filter(({ domain, machine }) =>
      machine.name === name || domains.includes(domain.name)
    );
    const known = infra.copies.has(name) || infra.domains.some((domain) => domain.name === name);
    if (machines.length === 0 && !known) {
      const all = [...machineNames(infra), ...domainNames(infra)];
      throw unknownName("machine or domain", name, all);
    }
    for (const { machine } of machines) chosen.add(machine.name);
  }
  return placesOf(infra).filter(({ machine }) => chosen.has(machine.name));
}

/**
 * Splits machines into those on the host and those that are not.
 * @throws UserError if a machine of that name on the host belongs to another owner
 */
export async function findLive(
  incus: IncusClient,
  { infra, lock }: Workspace,
  places: readonly PlacedMachine[],
  signal: AbortSignal,
): Promise<{ live: FoundMachine[]; absent: PlacedMachine[] }> {
  const instances = new Map(
    (await incus.instances.list({ allProjects: true }, { signal }))
      .map((instance) => [`${instance.project}/${instance.name}`, instance]),
  );
  const live: FoundMachine[] = [];
  const absent: PlacedMachine[] = [];
  for (const place of places) {
    const instance = instances.get(`${place.domain.name}/${place.machine.name}`);
    if (instance === undefined) {
      absent.push(place);
      continue;
    }
    // Without a lock, no machine is known to be this infra's: two infras may have the same name.
    const ours = instance.config[MARK.project] === infra.projectName &&
      instance.config[MARK.infra] === lock?.infra;
    if (!ours) {
      throw new UserError(
        `The machine ${place.machine.name} in the Incus project ${place.domain.name} does not ` +
          "belong to this infra: it is not changed",
        "`anklume check` shows what it belongs to",
      );
    }
    live.push({ ...place, instance });
  }
  return { live, absent };
}

/**
 * Returns a running machine, to act in.
 * @throws UserError if it is not on the host or does not run
 */
export async function findRunning(
  incus: IncusClient,
  workspace: Workspace,
  name: string,
  signal: AbortSignal,
): Promise<FoundMachine> {
  const place = await findOnHost(incus, workspace, name, signal);
  if (place.instance.status === "Running") return place;
  throw new UserError(
    `${name} is not running (it is ${place.instance.status.toLowerCase()})`,
    `Start it: anklume start ${name}`,
  );
}

/**
 * Returns a machine that is on the host, running or not.
 * @throws UserError if it is not on the host
 */
export async function findOnHost(
  incus: IncusClient,
  workspace: Workspace,
  name: string,
  signal: AbortSignal,
): Promise<FoundMachine> {
  const place = findMachine(workspace.infra, name);
  const { live: [found] } = await findLive(incus, workspace, [place], signal);
  if (found !== undefined) return found;
  throw new UserError(
    `${name} is declared, but is not on this host yet`,
    `Create it: anklume apply --domain ${place.domain.name}`,
  );
}

export function machineNames(infra: Infra): string[] {
  return placesOf(infra).map(({ machine }) => machine.name);
}

export function domainNames(infra: Infra): string[] {
  return [...infra.copies.keys(), ...infra.domains.map((domain) => domain.name)];
}

function placesOf(infra: Infra): PlacedMachine[] {
  return infra.domains.flatMap((domain) => domain.machines.map((machine) => ({ domain, machine })));
}
