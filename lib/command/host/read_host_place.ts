import {
  type HostPlace,
  hostPlace,
  type PlaceBridge,
  type PlaceNic,
  type PlaceRules,
} from "../../handover/host_place.ts";
import { RefusedRuleset } from "../../handover/refused_ruleset.ts";
import { PATIENCE_MS, runCommand } from "../../host/command.ts";
import { listDirectory, readTextFile } from "../../host/workspace_file.ts";
import { connectIncus, DEFAULT_SOCKETS, isSocket } from "../../incus/incus_client.ts";
import type { Instance } from "../../incus/wire/instance.ts";
import type { Network } from "../../incus/wire/network.ts";
import { readTakenPorts } from "../../nftables/taken_ports.ts";
import { RULES_DIRECTORY } from "../../nftables/ruleset.ts";
import { MARK } from "../../resource/mark.ts";
import { readAddresses, readRouting } from "../../live/host_networks.ts";
import { requestTimeout } from "../../live/request_timeout.ts";

/**
 * Reads what a ruleset from an admin container is checked against. If a part cannot be read, this
 * fails, and so does the request.
 */
export async function readHostPlace(
  owner: { readonly project: string; readonly infraId: string },
  signal: AbortSignal,
): Promise<HostPlace> {
  const run = async (...argv: [string, ...string[]]) =>
    (await runCommand(argv, { signal, timeoutMs: PATIENCE_MS })).stdout;
  const [addresses, ipv4, ipv6, neighbours, taken, incus] = await Promise.all([
    readAddresses(signal),
    readRouting("-4", signal),
    readRouting("-6", signal),
    run("ip", "-json", "neigh", "show"),
    readTakenPorts(owner.project, { signal }),
    readIncus(signal),
  ]);
  const { listeners, redirects } = taken;
  if (listeners === undefined || redirects === undefined) {
    throw new RefusedRuleset("cannot check who uses the host's ports (`ss`, `nft`)");
  }
  return hostPlace(owner, {
    addresses,
    routes: [ipv4, ipv6],
    neighbours,
    listeners,
    redirects,
    rules: readRules(),
    ...incus,
  });
}

/** Returns the bridges of an infra that exist, by Incus or by the kernel. */
export function standingBridges(place: HostPlace, infraId: string): string[] {
  const named = [...place.inForce].flatMap((element) =>
    /^inet bridges "([^"]+)"/.exec(element)?.[1] ?? []
  ).filter((name) => place.interfaces.get(name)?.kind === "bridge");
  const managed = place.bridges.filter((each) => each.infraId === infraId).map(({ name }) => name);
  return [...new Set([...managed, ...named])].toSorted();
}

async function readIncus(
  signal: AbortSignal,
): Promise<{ bridges: PlaceBridge[]; nics: PlaceNic[] }> {
  // Never the socket of an admin container: this is about the host itself.
  const socket = DEFAULT_SOCKETS.find(isSocket) ?? DEFAULT_SOCKETS[0];
  await using incus = await connectIncus({ socket, signal, timeoutMs: requestTimeout() });
  const [networks, instances] = await Promise.all([
    incus.networks.list({ signal }),
    incus.instances.list({ allProjects: true }, { signal }),
  ]);
  return {
    bridges: networks.filter(({ managed }) => managed).map(placeBridge),
    nics: instances.flatMap(placeNics),
  };
}

function placeBridge({ name, config }: Network): PlaceBridge {
  const addresses = ["ipv4.address", "ipv6.address"].flatMap((key) => config[key] ?? []);
  return {
    name,
    infraId: config[MARK.infra],
    addresses: addresses.filter((each) => each.includes("/")),
  };
}

/**
 * Returns the NICs of an instance. Names and addresses that Incus chose itself are in `volatile`.
 */
function placeNics(instance: Instance): PlaceNic[] {
  const { project, name, config, expanded_devices, devices } = instance;
  return Object.entries(expanded_devices ?? devices).filter(([, { type }]) => type === "nic")
    .map(([device, keys]) => ({
      owner: `${project}/${name}`,
      infraId: config[MARK.infra],
      port: keys["host_name"] || config[`volatile.${device}.host_name`],
      mac: (keys["hwaddr"] || config[`volatile.${device}.hwaddr`])?.toLowerCase(),
      addresses: ["ipv4.address", "ipv6.address"].flatMap((key) => keys[key] ?? []),
    }));
}

/** Reads the rules of all infras of the host; the files belong to root. */
function readRules(): PlaceRules[] {
  const root = RULES_DIRECTORY;
  return listDirectory(".", { root }).filter(({ name, kind }) =>
    kind === "file" && name.endsWith(".nft")
  ).map(({ name }) => ({ project: name.slice(0, -4), text: readTextFile(name, { root }) }));
}
