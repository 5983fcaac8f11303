/**
 * ICMP errors that quote a flow. Conntrack counts such an error as part of the flow that it quotes,
 * whoever sends it, if it goes to that packet's sender: so an error may do what the flow may do.
 */
import { arrived, port, type Probe } from "./_arrivals.ts";
import {
  bytes,
  ICMP,
  icmp,
  ICMPV6,
  icmpv6,
  ipFrame,
  ipv4,
  ipv6,
  newMark,
  UDP,
  udp,
  udp6,
} from "./_frames.ts";
import { HOST, HOST6, type Lab, OUTSIDE, OUTSIDE6, type Pair } from "./_lab.ts";

/** A packet of a flow that an error quotes. */
interface Quoted {
  readonly from: Pair;
  readonly to: Pair;
  readonly ports: readonly [number, number];
}

export interface ErrorFrame {
  readonly name: string;
  readonly sender: string;
  readonly source: Pair;
  readonly quoted: Quoted;
  /** The place where it is seen if it arrives: an agent, or the host's input chain. */
  readonly seenBy: string;
}

const FAR: Pair = [OUTSIDE, OUTSIDE6], NEAR: Pair = [HOST, HOST6];
const [INNER, OUTER, OWN] = [5100, 5101, 5102];

/** Returns errors about other machines' flows; none may arrive. */
export function forgedErrors(lab: Lab): ErrorFrame[] {
  const at = (name: string) => lab.addresses(name);
  const toServer: Quoted = { from: at("victim"), to: at("server"), ports: [INNER, 53] };
  // The answer, as the victim gets it.
  const toOutside: Quoted = { from: FAR, to: at("victim"), ports: [53, OUTER] };
  const ofHost: Quoted = { from: NEAR, to: FAR, ports: [OWN, 53] };
  return [
    {
      name: "another domain's machine to the one that began a flow",
      sender: "vpn-b",
      source: at("vpn-b"),
      quoted: toServer,
      seenBy: "victim",
    },
    {
      name: "a machine without internet to the outside, about another's flow",
      sender: "web",
      source: at("web"),
      quoted: toOutside,
      seenBy: "outside",
    },
    {
      name: "the outside to a machine, about a flow between domains",
      sender: "outside",
      source: FAR,
      quoted: toServer,
      seenBy: "victim",
    },
    {
      name: "a machine to the host, about the host's own flow",
      sender: "vpn-b",
      source: at("vpn-b"),
      quoted: ofHost,
      seenBy: "host",
    },
  ];
}

/** Returns errors about the sender's own flow, which must arrive. */
export function honestErrors(lab: Lab): ErrorFrame[] {
  const at = (name: string) => lab.addresses(name);
  return [{
    name: "the one that began a flow to its target",
    sender: "victim",
    source: at("victim"),
    quoted: { from: at("server"), to: at("victim"), ports: [53, INNER] },
    seenBy: "server",
  }];
}

/** Returns those that arrive, by name and family. First starts the flows that they quote. */
export async function arrivingErrors(lab: Lab, errors: readonly ErrorFrame[]): Promise<string[]> {
  const server = lab.addresses("server");
  for (const i of [0, 1] as const) {
    await lab.agent("victim").udp(server[i], 53, { source_port: INNER });
    await lab.agent("victim").udp(FAR[i], 53, { source_port: OUTER });
    await lab.host.udp(FAR[i], 53, { source_port: OWN });
  }
  const names: string[] = [], probes: Probe[] = [];
  for (const error of errors) {
    for (const i of [0, 1] as const) {
      const probe = await probeOf(lab, error, i);
      if (error.seenBy !== "host") probes.push(probe);
      else {
        const match = `iifname "net-*" ${i === 0 ? "icmp type 3" : "icmpv6 type 1"}`;
        const send = () => probe.from.agent.send(probe.frame);
        if (await lab.hostReceives(match, send)) names.push(probe.name);
      }
    }
  }
  names.push(...[...await arrived(probes)].map(({ name }) => name));
  return names.sort();
}

/** Returns the error in the IP version `i`; its mark is in the quoted part. */
async function probeOf(
  lab: Lab,
  { name, sender, source, quoted, seenBy }: ErrorFrame,
  i: 0 | 1,
): Promise<Probe> {
  const macs = {
    to: await lab.host.mac(lab.interfaceTo(sender)),
    from: await lab.agent(sender).mac(),
  };
  const [from, to, mark] = [quoted.from[i], quoted.to[i], newMark()];
  const unused = bytes(0, 0, 0, 0);
  const frame = i === 0
    ? ipFrame(
      macs,
      source[0],
      from,
      ICMP,
      icmp(3, 3, bytes(unused, ipv4(from, to, UDP, udp(...quoted.ports, mark)))),
    )
    : ipFrame(
      macs,
      source[1],
      from,
      ICMPV6,
      icmpv6(
        source[1],
        from,
        1,
        bytes(unused, ipv6(from, to, UDP, udp6(from, to, ...quoted.ports, mark))),
      ),
    );
  return {
    name: `${name}, IPv${i === 0 ? 4 : 6}`,
    from: port(lab.agent(sender)),
    to: port(lab.agent(seenBy)),
    frame,
    trace: mark.toHex(),
    passes: false,
  };
}

async function errors(lab: Lab): Promise<string[]> {
  const honest = honestErrors(lab);
  const missing = 2 * honest.length - (await arrivingErrors(lab, honest)).length;
  const forged = await arrivingErrors(lab, forgedErrors(lab));
  return [
    ...forged.map((name) => `arrived: an error, ${name}`),
    ...missing === 0 ? [] : ["refused: an error about the sender's flow"],
  ];
}

export const ERROR_CHECKS = [errors];
