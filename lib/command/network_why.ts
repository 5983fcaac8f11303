import { suggest } from "../diag/suggest.ts";
import { makeRoot } from "../host/make_root.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { parseCidr } from "../infra/ip.ts";
import { liveElement, traceFlows } from "../nftables/trace_flow.ts";
import { explain } from "../verify/explain.ts";
import { expectedVerdict } from "../verify/expect.ts";
import type { Place, Service } from "../verify/probe.ts";
import { readProber } from "../verify/sites.ts";
import { whyJson, type WhyLine, whyText } from "../view/why.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import { assertOnHost } from "./host_side.ts";
import { type Live, openLive } from "./live.ts";
import { readSurroundings, type Surroundings } from "./outside.ts";
import type { Session } from "./session.ts";
import { buildStage, type End } from "./stage.ts";
import { strayWay } from "./stray_way.ts";
import { UserError } from "./user_error.ts";
import { loadWorkspace } from "./workspace.ts";

export interface WhyOptions {
  readonly json?: true;
}

/** Says what the live rules do with a flow, and why. */
export async function networkWhy(
  from: string,
  to: string,
  service: string | undefined,
  options: WhyOptions,
  session: Session,
): Promise<ExitStatus> {
  const asked = service === undefined ? undefined : parseService(service);
  assertOnHost();
  const workspace = await loadWorkspace(session, options);
  if (workspace === undefined) return EXIT.wrongInput;
  const { infra } = workspace;
  await using live = await openLive(workspace, session, options);
  if (live === undefined) return EXIT.wrongInput;
  const { signal, terminal, out } = session;
  const around = await readSurroundings(infra, live.addressing, live.actual.resources, signal);
  const notes: string[] = [];
  const [source, target] = await resolveEnds(from, to, infra, live, around, notes);
  const services = asked === undefined ? servicesBetween(infra) : [asked];
  const ends = { from: source, to: target };
  const lines = source.place.kind === "host"
    ? await fromHost(ends, services, live, signal)
    : await traced(ends, services, infra, live, around, signal);
  const why = {
    project: infra.projectName,
    firewall: live.actual.firewall.state,
    lines,
    notes,
  };
  terminal.out(options.json ? whyJson(why) : whyText(why, out));
  return lines.some(({ explanation }) => explanation.disagrees) ? EXIT.failed : EXIT.done;
}

/** Asks the live rules about flows between two ends, of which the first is not the host. */
export async function traced(
  { from, to }: { readonly from: End; readonly to: End },
  services: readonly Service[],
  infra: Infra,
  live: Pick<Live, "addressing" | "ruleset">,
  around: Surroundings,
  signal: AbortSignal,
): Promise<WhyLine[]> {
  const stage = await buildStage(from, to, services, live.addressing, around, signal);
  await makeRoot("/etc/anklume");
  const traces = await traceFlows(live.ruleset, stage, readProber(), { signal });
  const lines = services.map(async (service, i): Promise<WhyLine> => {
    const expected = expectedVerdict(infra, from.place, to.place, service);
    const explanation = explain(infra, {
      from: from.place,
      to: to.place,
      service,
      source: from.address,
      target: to.address,
      steps: traces[i] ?? [],
      expected,
    });
    const { lookup } = explanation;
    const element = lookup &&
      await liveElement(live.ruleset.table, lookup.set, lookup.key, { signal });
    return { ...lineOf({ from, to }, service), explanation, element };
  });
  return await Promise.all(lines);
}

function lineOf(
  { from, to }: { readonly from: End; readonly to: End },
  { protocol, port }: Service,
) {
  return {
    from: from.name,
    to: to.name,
    service: protocol === "icmp" ? "icmp" : `${port}/${protocol}`,
    source: from.address,
    target: to.address,
  };
}

/** Nothing of anklume's stands in the host's own way out, but its routes may lead elsewhere. */
async function fromHost(
  ends: { readonly from: End; readonly to: End },
  services: readonly Service[],
  live: Live,
  signal: AbortSignal,
): Promise<WhyLine[]> {
  const { place, address } = ends.to;
  const domain = place.kind === "machine" ? live.addressing.domains.get(place.domain) : undefined;
  const stray = domain && await strayWay(address, domain, live, signal);
  const explanation = {
    passes: stray === undefined,
    reason: stray ?? "the host is trusted: no rule of anklume's stands in its way to a machine",
    change: stray === undefined ? [] : ["`anklume doctor` says what leads them back"],
    disagrees: stray !== undefined,
  };
  return services.map((service) => ({ ...lineOf(ends, service), explanation }));
}

/** `631`, `631/tcp`, `icmp`. */
export function parseService(text: string): Service {
  if (text === "icmp") return { protocol: "icmp", port: 0 };
  const match = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  const port = Number(match?.[1]);
  if (match === null || port < 1 || port > 65_535) {
    throw new UserError(`\`${text}\` is no port`, "Write 631, 631/tcp, 53/udp or icmp");
  }
  return { protocol: match[2] === "udp" ? "udp" : "tcp", port };
}

/** Where no port was asked for: one of each that policies name, and one that none does. */
function servicesBetween(infra: Infra): Service[] {
  const named = infra.policies.flatMap(({ ports, protocol }): Service[] =>
    ports === "all" ? [] : ports.map(({ first }) => ({ protocol: protocol ?? "tcp", port: first }))
  );
  const all: Service[] = [...named, { protocol: "tcp", port: 47_613 }, {
    protocol: "icmp",
    port: 0,
  }];
  return [...new Map(all.map((each) => [`${each.port}/${each.protocol}`, each])).values()];
}

async function resolveEnds(
  from: string,
  to: string,
  infra: Infra,
  live: Live,
  around: Surroundings,
  notes: string[],
): Promise<[End, End]> {
  const version = [from, to].some((each) => each.includes(":")) ? 6 : 4;
  const resolve = (text: string) => resolveEnd(text, version, infra, live, around, notes);
  const [source, target] = [await resolve(from), await resolve(to)];
  const known = source.place.kind === "machine" || target.place.kind === "machine";
  if (!known) {
    throw new UserError(
      `Neither \`${from}\` nor \`${to}\` is a machine of this infra`,
      "anklume's rules concern flows from or to a domain only",
    );
  }
  // The host as a machine's target is its own gateway, as the world's the address of the uplink.
  const host = (end: End, other: End): End => {
    if (end.name !== "host" || end.place.kind !== "host") return end;
    if (other.place.kind !== "machine") return end;
    const own = live.addressing.domains.get(other.place.domain);
    const address = version === 4 ? own?.gateway : own?.ipv6?.gateway;
    return {
      ...end,
      address: address ?? end.address,
      place: { kind: "host", gatewayOf: other.place.domain },
    };
  };
  return [host(source, target), host(target, source)];
}

async function resolveEnd(
  text: string,
  version: 4 | 6,
  infra: Infra,
  { addressing }: Live,
  around: Surroundings,
  notes: string[],
): Promise<End> {
  const machineEnd = (name: string): End => {
    const machine = addressing.machines.get(name)!;
    const address = version === 4 ? machine.ip : machine.ipv6;
    if (address === undefined) {
      throw new UserError(`\`${name}\` has no IPv6 address`, "See `global.ipv6`");
    }
    const place: Place = { kind: "machine", machine: name, domain: machine.domain };
    return { name, place, address };
  };
  if (addressing.machines.has(text)) return machineEnd(text);
  if (text === "host") {
    const address = around.hostAddresses.find((each) => each.includes(":") === (version === 6));
    return { name: "host", place: { kind: "host" }, address: address ?? "" };
  }
  if (text === "outside") {
    const place = around.outside.find((each) => each.address.includes(":") === (version === 6));
    if (place === undefined) {
      throw new UserError("This host has no way to the outside", "Name an address instead");
    }
    return { name: "outside", place, address: place.address };
  }
  const domain = infra.domains.find(({ name }) => name === text) ??
    infra.domains.find(({ copy }) => copy?.of === text);
  if (domain !== undefined) {
    const first = domain.machines[0]?.name;
    if (first === undefined) throw new UserError(`The domain \`${text}\` has no machine`);
    notes.push(`${text}: ${first} stands for it`);
    return machineEnd(first);
  }
  const cidr = parseCidr(text);
  if (cidr !== undefined && !text.includes("/")) {
    const machine = [...addressing.machines.values()].find(({ ip, ipv6 }) =>
      ip === cidr.address || ipv6 === cidr.address
    );
    if (machine !== undefined) return machineEnd(machine.machine);
    const gateway = [...addressing.domains.values()].find((each) =>
      each.gateway === cidr.address || each.ipv6?.gateway === cidr.address
    );
    if (gateway !== undefined) {
      const place: Place = { kind: "host", gatewayOf: gateway.domain };
      return { name: text, place, address: cidr.address };
    }
    const other = around.otherGateways.find(({ address }) => address === cidr.address);
    if (other !== undefined) {
      return { name: text, place: { kind: "host", gatewayOf: other.of }, address: cidr.address };
    }
    if (around.hostAddresses.includes(cidr.address)) {
      return { name: text, place: { kind: "host" }, address: cidr.address };
    }
    return { name: text, place: await around.placeOf(cidr.address), address: cidr.address };
  }
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
      ? "Name a machine, a domain, host, outside or an address"
      : `Did you mean \`${meant}\`?`,
  );
}
