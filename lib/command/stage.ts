import type { Addressing } from "../addressing/addressing.ts";
import { isLocalInterface } from "../nftables/local_interface.ts";
import type { Stage, StageInterface } from "../nftables/trace_flow.ts";
import type { Place, Service } from "../verify/probe.ts";
import type { Surroundings } from "./outside.ts";

/** One end of a flow that is asked about. */
export interface End {
  /** As it was written. */
  readonly name: string;
  readonly place: Place;
  readonly address: string;
}

/** MAC of whoever is not one of our machines. */
const STRANGER = "02:00:00:00:00:99";

/** The interfaces of the host that a flow has to do with, for a copy of the live rules to look at. */
export async function buildStage(
  from: End,
  to: End,
  services: readonly Service[],
  addressing: Addressing,
  around: Surroundings,
  signal: AbortSignal,
): Promise<Stage> {
  const interfaces = new Map<string, StageInterface>();
  const routes: { to: string; via: string }[] = [];
  for (const end of [from, to]) {
    const name = await interfaceOf(end, addressing, around);
    if (interfaces.has(name)) continue;
    interfaces.set(name, await stageInterface(name, addressing, around, signal));
    if (end.place.kind === "outside") routes.push({ to: end.address, via: name });
  }
  const machine = (end: End) =>
    end.place.kind === "machine" ? addressing.machines.get(end.place.machine) : undefined;
  const [source, target] = [machine(from), machine(to)];
  const into = source?.hostName ?? await strangersPort(from, interfaces, addressing, around);
  const neighbours = source !== undefined && target !== undefined &&
    source.domain === target.domain;
  return {
    interfaces: [...interfaces.values()],
    routes,
    packets: services.map(({ protocol, port }) => ({
      into,
      fromMac: source?.hwaddr ?? STRANGER,
      ...(neighbours ? { toMac: target.hwaddr } : {}),
      from: from.address,
      to: to.address,
      protocol,
      port,
    })),
  };
}

/** Where a packet of nobody of ours comes in: by a card itself, by a port of a bridge. */
async function strangersPort(
  from: End,
  interfaces: Map<string, StageInterface>,
  addressing: Addressing,
  around: Surroundings,
): Promise<string> {
  const name = await interfaceOf(from, addressing, around);
  const found = interfaces.get(name);
  if (found?.kind !== "local") return name;
  const port = { name: "anklume-in", mac: STRANGER };
  interfaces.set(name, { ...found, ports: [...found.ports, port] });
  return port.name;
}

async function interfaceOf(
  end: End,
  addressing: Addressing,
  around: Surroundings,
): Promise<string> {
  const { place } = end;
  const domain = place.kind === "machine"
    ? place.domain
    : place.kind === "host"
    ? place.gatewayOf
    : undefined;
  const own = domain === undefined ? undefined : addressing.domains.get(domain);
  if (own !== undefined) return own.bridge;
  if (place.kind === "outside") return place.interface;
  const found = around.interfaces.find(({ addresses }) =>
    addresses.some((each) => each.split("/")[0] === end.address)
  );
  return found?.name ?? (await around.placeOf(end.address)).interface;
}

async function stageInterface(
  name: string,
  addressing: Addressing,
  around: Surroundings,
  signal: AbortSignal,
): Promise<StageInterface> {
  const domain = [...addressing.domains.values()].find(({ bridge }) => bridge === name);
  if (domain === undefined) {
    const addresses = around.interfaces.find((each) => each.name === name)?.addresses ?? [];
    const local = isLocalInterface(name, await around.kindOf(name, signal));
    return { name, kind: local ? "local" : "card", addresses, ports: [] };
  }
  return {
    name,
    kind: "local",
    addresses: [
      `${domain.gateway}/24`,
      ...(domain.ipv6 === undefined ? [] : [`${domain.ipv6.gateway}/64`]),
    ],
    ports: [...addressing.machines.values()].filter((each) => each.domain === domain.domain)
      .map(({ hostName, hwaddr }) => ({ name: hostName, mac: hwaddr })),
  };
}
