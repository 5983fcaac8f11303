import { suggest } from "../../diag/suggest.ts";
import { type Infra, machinesOf } from "../../infra/infra.ts";
import { type Cidr, parseCidr } from "../../infra/ip.ts";
import { addressInterval, addressText, without } from "../../nftables/interval.ts";
import { MARK } from "../../resource/mark.ts";
import type { ActualInstance } from "../../resource/instance.ts";
import type { ProbePlace } from "../../verify/probe.ts";
import type { Live } from "../../live/open_live.ts";
import type { TraceSurroundings } from "./surroundings.ts";
import type { End } from "./trace_stage.ts";
import { UserError } from "../../session/user_error.ts";

/** The data in which ends are looked up, and the notes for the user. */
export interface EndContext {
  readonly infra: Infra;
  readonly live: Pick<Live, "addressing" | "actual" | "owner">;
  readonly around: TraceSurroundings;
  /** One line each: the example that was chosen for a name, and its peculiarities. */
  readonly notes: string[];
}

/**
 * Returns both ends of a flow, as addresses of one family.
 * @throws UserError if a name is unknown, or the flow is not anklume's
 */
export async function resolveEnds(
  from: string,
  to: string,
  version: 4 | 6,
  context: EndContext,
): Promise<[End, End]> {
  const source = await resolveEnd(from, version, context);
  const target = await resolveEnd(to, version, context);
  // This uplink does not count as the outside: there is no example of a sender from there.
  if (from === "outside" && source.place.kind === "outside" && !source.place.isOutside) {
    throw new UserError(
      `Traffic from this host leaves by ${source.place.interface}, which is not the outside`,
      "Name an address instead",
    );
  }
  if (source.address === target.address && source.place.kind === "machine") {
    throw new UserError(
      `\`${from}\` and \`${to}\` are the same machine`,
      "No rule applies between them",
    );
  }
  const isOurs = [source, target].some(({ place }) => place.kind === "machine");
  if (!isOurs && !(target.place.kind === "host" && source.place.kind === "outside")) {
    throw new UserError(
      `Neither \`${from}\` nor \`${to}\` is a machine of this infra`,
      "anklume's rules apply to traffic from or to a domain, and to published ports",
    );
  }
  return [asGateway(source, target, version, context), asGateway(target, source, version, context)];
}

/**
 * Gives the host the address of a machine's gateway if the other end is that machine. For the
 * outside it keeps the address of the uplink.
 */
function asGateway(end: End, other: End, version: 4 | 6, { live }: EndContext): End {
  if (end.name !== "host" || end.place.kind !== "host" || other.place.kind !== "machine") {
    return end;
  }
  const own = live.addressing.domains.get(other.place.domain);
  const address = version === 4 ? own?.gateway : own?.ipv6?.gateway;
  if (address === undefined) return end;
  return { ...end, address, place: { kind: "host", gatewayOf: other.place.domain } };
}

async function resolveEnd(text: string, version: 4 | 6, context: EndContext): Promise<End> {
  const { infra, live, around, notes } = context;
  if (live.addressing.machines.has(text)) return machineEnd(text, text, version, context);
  if (text === "host") return hostEnd(around, version);
  if (text === "outside") return outsideEnd(around, version);
  const domain = infra.domains.find(({ name }) => name === text) ??
    infra.domains.find(({ copy }) => copy?.of === text);
  if (domain !== undefined) {
    const first = domain.machines[0]?.name;
    if (first === undefined) throw new UserError(`The domain \`${text}\` has no machine`);
    note(notes, `${text}: using ${first} as an example`);
    return machineEnd(text, first, version, context);
  }
  const inCopy =
    infra.domains.filter(({ copy }) => copy !== undefined).flatMap(({ name, machines }) =>
      machines.filter((machine) => machine.name === `${name}-${text}`)
    )[0];
  if (inCopy !== undefined) {
    note(notes, `${text}: using ${inCopy.name} as an example of all copies`);
    return machineEnd(text, inCopy.name, version, context);
  }
  const cidr = parseCidr(text);
  if (cidr !== undefined) {
    return text.includes("/")
      ? await networkEnd(text, cidr, version, context)
      : await addressEnd(text, cidr.address, version, context);
  }
  const orphan = orphanEnd(text, version, context);
  if (orphan !== undefined) return orphan;
  const names = [
    ...machinesOf(infra).map(({ name }) => name),
    ...infra.domains.map(({ name }) => name),
    "host",
    "outside",
  ];
  const meant = suggest(text, names);
  throw new UserError(
    `There is no machine, domain or address \`${text}\``,
    meant === undefined
      ? "Name a machine, a domain, host, outside, an address or a network"
      : `Did you mean \`${meant}\`?`,
  );
}

function machineEnd(
  text: string,
  name: string,
  version: 4 | 6,
  { infra, live, notes }: EndContext,
): End {
  const machine = live.addressing.machines.get(name)!;
  const address = version === 4 ? machine.ip : machine.ipv6;
  if (address === undefined) {
    throw new UserError(`\`${name}\` has no IPv6 address`, "See `global.ipv6`");
  }
  const domain = infra.domains.find((each) => each.name === machine.domain);
  const instance = instancesOf(live).find(({ addr }) =>
    addr.name === name && addr.project === machine.domain
  );
  if (domain?.enabled === false) note(notes, `${machine.domain} is disabled; its rules stay`);
  if (instance === undefined) note(notes, `${name} does not exist yet: this is what its rules say`);
  else if (instance.status !== "Running") {
    note(notes, `${name} is not running (${instance.status}): this is what its rules say`);
  }
  const place: ProbePlace = { kind: "machine", machine: name, domain: machine.domain };
  // The name of a domain is kept; messages also name the machine that represents it.
  return { name: parseCidr(text) === undefined ? name : text, place, address };
}

function note(notes: string[], line: string): void {
  if (!notes.includes(line)) notes.push(line);
}

function instancesOf({ actual }: EndContext["live"]): ActualInstance[] {
  return actual.resources.filter((each) => each.kind === "instance");
}

function hostEnd(around: TraceSurroundings, version: 4 | 6): End {
  const address = around.hostAddresses.find((each) => each.includes(":") === (version === 6));
  if (address === undefined) {
    throw new UserError(
      `This host has no IPv${version} address of its own`,
      "Name an address instead",
    );
  }
  return { name: "host", place: { kind: "host" }, address };
}

function outsideEnd(around: TraceSurroundings, version: 4 | 6): End {
  const place = around.outside.find((each) => each.address.includes(":") === (version === 6));
  if (place === undefined) {
    throw new UserError("This host has no route to the outside", "Name an address instead");
  }
  return { name: "outside", place, address: place.address };
}

async function addressEnd(
  text: string,
  address: string,
  version: 4 | 6,
  context: EndContext,
): Promise<End> {
  const { live: { addressing }, around, notes } = context;
  if (/^(127\.|::1$)/.test(address)) {
    throw new UserError(
      `\`${text}\` is the loopback of every machine: packets to it never leave a machine`,
      "Name `host` or one of its addresses",
    );
  }
  const machine = [...addressing.machines.values()].find(({ ip, ipv6 }) =>
    ip === address || ipv6 === address
  );
  if (machine !== undefined) return machineEnd(machine.machine, machine.machine, version, context);
  const domains = [...addressing.domains.values()];
  const gateway = domains.find((each) =>
    each.gateway === address || each.ipv6?.gateway === address
  );
  if (gateway !== undefined) {
    return { name: text, place: { kind: "host", gatewayOf: gateway.domain }, address };
  }
  const other = around.otherGateways.find((each) => each.address === address);
  if (other !== undefined) {
    return { name: text, place: { kind: "host", gatewayOf: other.of }, address };
  }
  if (isHostAddress(address, around)) return { name: text, place: { kind: "host" }, address };
  const orphan = orphans(context).find((each) => each.address === address);
  if (orphan !== undefined) return orphan.end(text, notes);
  const own = domains.find(({ subnet, ipv6 }) =>
    [subnet, ipv6?.subnet].some((each) => each !== undefined && contains(each, address))
  );
  if (own !== undefined) {
    note(notes, `${address} belongs to the domain ${own.domain}, but no machine has it`);
    const place: ProbePlace = {
      kind: "machine",
      machine: address,
      domain: own.domain,
      nobody: true,
    };
    return { name: text, place, address };
  }
  return { name: text, place: await around.placeOf(address), address };
}

/**
 * Returns one address as the example of a network: the first machine of a domain's network,
 * otherwise an address that neither this infra nor the host uses.
 */
async function networkEnd(
  text: string,
  cidr: Cidr,
  version: 4 | 6,
  context: EndContext,
): Promise<End> {
  const { infra, live: { addressing }, around, notes } = context;
  const subnets = [...addressing.domains.values()].flatMap(({ domain, subnet, ipv6 }) =>
    [subnet, ipv6?.subnet].flatMap((each) =>
      each === undefined ? [] : [{ domain, text: each, ...addressInterval(each) }]
    )
  ).filter((each) => each.version === cidr.version);
  const within = subnets.find((each) => each.first <= cidr.first && cidr.last <= each.last);
  if (within !== undefined) {
    const machine = [...addressing.machines.values()].find((each) => {
      const address = cidr.version === 4 ? each.ip : each.ipv6;
      return each.domain === within.domain && address !== undefined && contains(cidr.text, address);
    });
    if (machine !== undefined) {
      note(notes, `${text}: using ${machine.machine} as an example`);
      return machineEnd(machine.machine, machine.machine, version, context);
    }
  }
  const outside = around.outside.find(({ address }) => contains(cidr.text, address));
  const covered = subnets.filter((each) => each.first <= cidr.last && cidr.first <= each.last);
  if (covered.length > 0 && within === undefined) {
    const names = covered.map(({ domain }) => domain).slice(0, 3).join(", ");
    note(
      notes,
      `${text} covers ${names}${covered.length > 3 ? "…" : ""}: ask about one of them instead`,
    );
  }
  const hosts = around.interfaces.flatMap(({ addresses }) => addresses)
    .map((each) => addressInterval(each.split("/")[0] ?? ""));
  const whole = { version: cidr.version, first: cidr.first, last: cidr.last };
  // The first address of a network belongs to no machine.
  const size = cidr.last - cidr.first;
  const usable = size > 1n ? { ...whole, first: whole.first + 1n, last: whole.last - 1n } : whole;
  const holes = [...(within === undefined ? subnets : []), ...hosts]
    .filter((each) => each.version === cidr.version);
  const free = without(usable, holes)[0] ?? whole;
  const address = outside?.address ?? addressText({ ...free, last: free.first });
  if (cidr.first !== cidr.last) note(notes, `${text}: using ${address} as an example`);
  const end = await addressEnd(address, address, version, { ...context, infra });
  // Advice for one address must not name a network that also covers domains.
  return { ...end, name: covered.length > 0 && within === undefined ? address : cidr.text };
}

function isHostAddress(address: string, { interfaces, hostAddresses }: TraceSurroundings): boolean {
  return hostAddresses.includes(address) ||
    interfaces.some(({ addresses }) => addresses.some((each) => each.split("/")[0] === address));
}

function contains(network: string, address: string): boolean {
  const [whole, one] = [addressInterval(network), addressInterval(address)];
  return whole.version === one.version && whole.first <= one.first && one.last <= whole.last;
}

interface OrphanMachine {
  readonly name: string;
  readonly project: string;
  readonly address: string;
  end(text: string, notes: string[]): End;
}

/**
 * Returns the machines with this infra's mark that are no longer in infra.yml: they are walled off,
 * but can still be asked about.
 */
function orphans({ live }: Pick<EndContext, "live">): OrphanMachine[] {
  const { addressing, owner } = live;
  return instancesOf(live).flatMap(({ addr, config, expandedDevices, status }): OrphanMachine[] => {
    const project = addr.project ?? "";
    if (config[MARK.infra] !== owner.infraId || addressing.machines.has(addr.name)) return [];
    const nic = Object.values(expandedDevices).find((each) =>
      each["type"] === "nic" && each["ipv4.address"] !== undefined
    );
    const [bridge, address] = [nic?.["network"] ?? nic?.["parent"], nic?.["ipv4.address"]];
    const [mac, port] = [nic?.["hwaddr"], nic?.["host_name"]];
    if (bridge === undefined || address === undefined || mac === undefined || port === undefined) {
      return [];
    }
    return [{
      name: addr.name,
      project,
      address,
      end: (text, notes) => {
        note(
          notes,
          `${addr.name} is no longer in infra.yml (${status}): the firewall isolates it`,
        );
        const place: ProbePlace = {
          kind: "machine",
          machine: addr.name,
          domain: project,
          orphan: true,
        };
        return { name: text, place, address, port: { bridge, name: port, mac } };
      },
    }];
  });
}

function orphanEnd(text: string, version: 4 | 6, context: EndContext): End | undefined {
  const found = orphans(context).find(({ name, project }) => name === text || project === text);
  if (found === undefined) return undefined;
  if (version === 6) throw new UserError(`\`${text}\` has no IPv6 address`, "See `global.ipv6`");
  return found.end(found.name, context.notes);
}
