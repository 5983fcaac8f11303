/**
 * Ports of the host, and published ones, that a machine uses as source ports towards a peer before
 * that peer contacts them.
 */
import { port, type Probe, surprises } from "./_arrivals.ts";
import { ipFrame, newMark, syn, TCP, UDP, udp, udp6 } from "./_frames.ts";
import { HOST, HOST6, type Lab } from "./_lab.ts";

/** Addresses of a peer that answers nothing. */
const PEER = ["203.0.114.9", "2001:db8:9::9"] as const;

const SERVICES = [[TCP, 22], [TCP, 2207], [UDP, 123], [UDP, 1053], [UDP, 41999]] as const;

async function shadowedPorts(lab: Lab): Promise<string[]> {
  const [evil, outside] = [lab.agent("evil"), lab.agent("outside")];
  const outwards = { to: await lab.host.mac("net-pro"), from: await evil.mac() };
  const inwards = { to: await lab.host.mac("wan0"), from: await outside.mac() };
  const probes: Probe[] = [];
  // After a flow from a port, the kernel keeps the other port that it was given.
  await lab.host.ask("forget_flows");
  for (const [protocol, service] of SERVICES) {
    for (const i of [0, 1] as const) {
      const [peer, own, host] = [PEER[i], lab.addresses("evil")[i], [HOST, HOST6][i]!];
      const theirs = 30_000 + Math.floor(Math.random() * 10_000);
      const payload = (from: string, to: string, ports: [number, number], mark: Uint8Array) =>
        protocol === TCP
          ? syn(from, to, ...ports, mark)
          : i === 0
          ? udp(...ports, mark)
          : udp6(from, to, ...ports, mark);
      const first = payload(own, peer, [service, theirs], newMark());
      await evil.send(ipFrame(outwards, own, peer, protocol, first));
      const mark = newMark();
      const later = payload(peer, host, [theirs, service], mark);
      probes.push({
        name: `what a peer sends to ${host} ${service} at evil`,
        from: port(outside),
        to: port(evil),
        frame: ipFrame(inwards, peer, host, protocol, later),
        trace: mark.toHex(),
        passes: false,
      });
    }
  }
  return await surprises(probes);
}

export const PORT_SHADOWING_CHECKS = [shadowedPorts];
