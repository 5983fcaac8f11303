import { type EndContext, resolveEnds } from "./resolve_end.ts";
import type { Infra } from "../../infra/infra.ts";
import { parseCidr } from "../../infra/ip.ts";
import { UserError } from "../../session/user_error.ts";
import type { Service } from "../../verify/probe.ts";
import type { TraceQuestion } from "./trace_stage.ts";

/** A flow as the user names it. */
export interface AskedFlow {
  readonly from: string;
  readonly to: string;
  /** undefined: the services that matter between the two. */
  readonly service: Service | undefined;
}

/**
 * Returns the questions about a flow: one for each IP version that both ends have, and for each
 * service.
 */
export async function whyQuestions(
  { from, to, service }: AskedFlow,
  context: EndContext,
): Promise<TraceQuestion[]> {
  const questions: TraceQuestion[] = [];
  for (const version of versionsOf(from, to, context.infra)) {
    const ends = await resolveEnds(from, to, version, context).catch((error) => {
      // An end without an IPv6 address has been answered for IPv4.
      if (error instanceof UserError && questions.length > 0) return undefined;
      throw error;
    });
    if (ends === undefined) continue;
    const [source, target] = ends;
    const services = service === undefined ? servicesBetween(context.infra, target) : [service];
    questions.push(...services.map((each) => ({ from: source, to: target, service: each })));
  }
  return questions;
}

/** Returns the IP versions of a flow: an address has one; names mean all that the machines have. */
function versionsOf(from: string, to: string, { global }: Infra): readonly (4 | 6)[] {
  const addresses = [from, to].map(parseCidr).filter((each) => each !== undefined);
  if (addresses.length === 2 && addresses[0]?.version !== addresses[1]?.version) {
    throw new UserError(
      `\`${from}\` and \`${to}\` are not both IPv4 or both IPv6`,
      "Name two IPv4 or two IPv6 addresses",
    );
  }
  const [first] = addresses;
  if (first !== undefined) return [first.version];
  const special = [from, to].some((each) => each === "outside" || each === "host");
  return global.ipv6 && !special ? [4, 6] : [4];
}

/** Parses `631`, `631/tcp`, `tcp/631`, `icmp`. */
export function parseService(text: string): Service {
  if (text === "icmp") return { protocol: "icmp", port: 0 };
  const match = /^(?:(tcp|udp)\/)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  const port = Number(match?.[2]);
  const wrong = match === null || (match[1] !== undefined && match[3] !== undefined);
  if (wrong || port < 1 || port > 65535) {
    throw new UserError(`\`${text}\` is not a port`, "Write 631, 631/tcp, 53/udp, icmp or all");
  }
  return { protocol: (match[1] ?? match[3]) === "udp" ? "udp" : "tcp", port };
}

/**
 * Returns the services for a question without a port: those that policies name or machines publish,
 * one that none names, and icmp.
 */
function servicesBetween(
  { policies, domains }: Infra,
  { place }: TraceQuestion["to"],
): Service[] {
  const named = policies.flatMap(({ ports, protocol }): Service[] =>
    ports === "all" ? [] : ports.map(({ first }) => ({ protocol: protocol ?? "tcp", port: first }))
  );
  const published = place.kind !== "host" ? [] : domains.flatMap(({ machines }) => machines)
    .flatMap(({ publish }) => publish)
    .map(({ protocol, host }): Service => ({ protocol, port: host }));
  const all: Service[] = [
    ...named,
    ...published,
    { protocol: "tcp", port: 47613 },
    { protocol: "icmp", port: 0 },
  ];
  return [...new Map(all.map((each) => [`${each.port}/${each.protocol}`, each])).values()];
}
