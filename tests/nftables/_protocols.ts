/**
 * Protocols besides TCP, UDP and ICMP: a policy for all protocols opens them, a policy with ports
 * does not.
 */
import { port, type Probe, surprises } from "./_arrivals.ts";
import {
  bytes,
  fragments,
  GRE,
  ipFrame,
  newMark,
  SCTP,
  sctpInit,
  u16,
  UDP,
  udp,
  udp6,
} from "./_frames.ts";
import { type Lab, OUTSIDE, OUTSIDE6 } from "./_lab.ts";

/** The payload of a protocol; in the place of ports it has those of a policy for TCP. */
type Payload = (from: string, to: string, mark: Uint8Array) => Uint8Array;
const plain: Payload = (_from, _to, mark) => bytes(u16(631), u16(631), mark);
const PROTOCOLS: readonly (readonly [name: string, number: number, payload: Payload])[] = [
  ["IP in IP", 4, plain],
  ["IPv6 in IP", 41, plain],
  ["GRE", GRE, plain],
  ["ESP", 50, plain],
  ["SCTP", SCTP, (_from, _to, mark) => sctpInit(631, 631, mark)],
];

/** Beyond the outside: no packet has come from there. */
const FAR_OFF = ["203.0.114.9", "2001:db8:9::9"] as const;

const WAYS: readonly (readonly [from: string, to: string, passes: boolean])[] = [
  ["till", "vpn-a", true],
  // In this order: without ports, conntrack counts the second as an answer to the first.
  ["outside", "vpn-a", true],
  ["vpn-a", "outside", true],
  ["vpn-a", "far off", true],
  ["evil", "server", false],
  ["outside", "server", false],
];

async function otherProtocols(lab: Lab): Promise<string[]> {
  const addresses = (name: string) =>
    name === "outside"
      ? [OUTSIDE, OUTSIDE6] as const
      : name === "far off"
      ? FAR_OFF
      : lab.addresses(name);
  const probes: Probe[] = [];
  for (const [from, to, passes] of WAYS) {
    const sender = lab.agent(from);
    const macs = { to: await lab.host.mac(lab.interfaceTo(from)), from: await sender.mac() };
    for (const [name, protocol, payload] of PROTOCOLS) {
      for (const i of [0, 1] as const) {
        const mark = newMark();
        const [source, target] = [addresses(from)[i], addresses(to)[i]];
        probes.push({
          name: `${name} over IPv${i === 0 ? 4 : 6} ${from} -> ${to}`,
          from: port(sender),
          to: port(lab.agent(to === "far off" ? "outside" : to)),
          frame: ipFrame(macs, source, target, protocol, payload(source, target, mark)),
          trace: mark.toHex(),
          passes,
        });
      }
    }
  }
  return await surprises(probes);
}

/** Tests a datagram in fragments, of which the second has no ports. */
async function datagramInFragments(lab: Lab): Promise<string[]> {
  const probes: Probe[] = [];
  for (const [from, passes] of [["victim", true], ["evil", false]] as const) {
    const sender = lab.agent(from);
    const macs = { to: await lab.host.mac(lab.interfaceTo(from)), from: await sender.mac() };
    for (const i of [0, 1] as const) {
      const [source, target] = [lab.addresses(from)[i], lab.addresses("server")[i]];
      const marks = [newMark(), newMark()];
      const data = i === 0
        ? udp(4000, 53, bytes(...marks))
        : udp6(source, target, 4000, 53, bytes(...marks));
      const parts = fragments(macs, source, target, UDP, data);
      probes.push(...parts.map((frame, part) => ({
        name: `fragment ${part + 1} over IPv${i === 0 ? 4 : 6} ${from} -> server`,
        from: port(sender),
        to: port(lab.agent("server")),
        frame,
        trace: marks[part]!.toHex(),
        passes,
      })));
    }
  }
  return await surprises(probes);
}

export const PROTOCOL_CHECKS = [otherProtocols, datagramInFragments];
