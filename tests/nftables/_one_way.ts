/**
 * Packets in one direction: the answer may be blocked elsewhere, so a missing answer proves
 * nothing.
 */
import { port, type Probe, surprises } from "./_arrivals.ts";
import { KINDLESS } from "./_everything.ts";
import { ipFrame, ipv4, ipv6, newMark, syn, TCP, UDP, udp, udp6 } from "./_frames.ts";
import { DOCKER, type Lab, OUTSIDE } from "./_lab.ts";

/** Senders that must not send a first packet to these targets. */
const SHUT: readonly (readonly [from: string, to: string, port: number])[] = [
  ["evil", "docker", 80],
  ...KINDLESS.map(([name]) => ["evil", name, 80] as const),
  ["till", "docker", 80],
  ["vpn-b", "outside", 80],
  ["vpn-b", "docker", 80],
  ["docker", "web", 443],
  ...KINDLESS.map(([name]) => [name, "web", 443] as const),
  ["outside", "evil", 80],
];

/**
 * Returns another port each time, or conntrack would know the flow; a port that the firewall does
 * not translate.
 */
function freshPort(): number {
  return 40_000 + Math.floor(Math.random() * 10_000);
}

function addressOf(lab: Lab, name: string): string {
  const network = KINDLESS.find(([each]) => each === name)?.[1];
  if (network !== undefined) return `${network}.10`;
  return { outside: OUTSIDE, docker: DOCKER }[name] ?? lab.addresses(name)[0];
}

async function firstPackets(lab: Lab): Promise<string[]> {
  const probes: Probe[] = [];
  for (const [from, to, service] of SHUT) {
    const sender = lab.agent(from), mark = newMark();
    const macs = { to: await lab.host.mac(lab.interfaceTo(from)), from: await sender.mac() };
    const [source, target] = [addressOf(lab, from), addressOf(lab, to)];
    const own = freshPort();
    probes.push({
      name: `the first packet ${from} -> ${to}`,
      from: port(sender),
      to: port(lab.agent(to)),
      frame: ipFrame(macs, source, target, TCP, syn(source, target, own, service, mark)),
      trace: mark.toHex(),
      passes: false,
    });
  }
  return await surprises(probes);
}

/** Tests an answer that comes out of the tunnel. */
async function answersOfTunnel(lab: Lab): Promise<string[]> {
  const failures: string[] = [];
  const vpn = lab.agent("vpn-a");
  for (const [far, near] of [["10.99.0.7", "10.99.0.1"], ["fd99::7", "fd99::1"]] as const) {
    const own = freshPort(), mark = newMark();
    await vpn.udp(far, 9, { source_port: own, timeout: 0.1 });
    const packet = far.includes(":")
      ? ipv6(far, near, UDP, udp6(far, near, 9, own, mark))
      : ipv4(far, near, UDP, udp(9, own, mark));
    await vpn.capture();
    await lab.host.ask("arrive", { interface: "tun0", data: packet.toHex() });
    const frames = await vpn.captured("eth0", 0.1);
    if (!frames.some((frame) => frame.includes(mark.toHex()))) {
      failures.push(`refused: the answer of ${far}`);
    }
  }
  return failures;
}

export const ONE_WAY_CHECKS = [firstPackets, answersOfTunnel];
