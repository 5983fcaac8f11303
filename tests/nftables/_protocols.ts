/** Protocols without ports, GRE for one: a policy for everything opens them, none with ports does. */
import { port, type Probe, surprises } from "./_arrivals.ts";
import { bytes, GRE, ipFrame, newMark } from "./_frames.ts";
import { type Lab, OUTSIDE, OUTSIDE6 } from "./_lab.ts";

/** Beyond the outside: nobody has sent anything from there. */
const FAR_OFF = ["203.0.114.9", "2001:db8:9::9"] as const;

const WAYS: readonly (readonly [from: string, to: string, passes: boolean])[] = [
  ["till", "vpn-a", true],
  // In this order: without ports, conntrack takes the second for an answer to the first.
  ["outside", "vpn-a", true],
  ["vpn-a", "outside", true],
  ["vpn-a", "far off", true],
  ["evil", "server", false],
  ["outside", "server", false],
];

async function withoutPorts(lab: Lab): Promise<string[]> {
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
    for (const i of [0, 1] as const) {
      const mark = newMark();
      const payload = bytes(0, 0, 8, 0, mark);
      probes.push({
        name: `GRE over IPv${i === 0 ? 4 : 6} ${from} -> ${to}`,
        from: port(sender),
        to: port(lab.agent(to === "far off" ? "outside" : to)),
        frame: ipFrame(macs, addresses(from)[i], addresses(to)[i], GRE, payload),
        trace: mark.toHex(),
        passes,
      });
    }
  }
  return await surprises(probes);
}

export const PROTOCOL_CHECKS = [withoutPorts];
