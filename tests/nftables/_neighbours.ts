/** The messages by which neighbours find each other: they must pass, or nothing is reachable. */
import { linkLocal } from "../../lib/nftables/nic.ts";
import { port, type Probe, surprises } from "./_arrivals.ts";
import {
  ALL_NODES,
  ALL_NODES_MAC,
  arp,
  BROADCAST,
  bytes,
  ethernet,
  ICMPV6,
  icmpv6,
  ip6Bytes,
  ipFrame,
  newMark,
  solicit,
  SOLICITED,
  SOLICITED_MAC,
} from "./_frames.ts";
import type { Lab } from "./_lab.ts";

/** Announcements and questions of each machine about its own addresses. */
async function announcements(lab: Lab): Promise<string[]> {
  const probes: Probe[] = [];
  for (const each of lab.built.addressing.machines.values()) {
    const { machine, domain, hwaddr, ip, ipv6: own } = each;
    const ports = {
      from: port(lab.agent(machine)),
      to: port(lab.host, `net-${domain}`),
      passes: true,
    };
    const { gateway } = lab.built.addressing.domains.get(domain)!;
    const asked = newMark();
    const question = arp({ operation: 1, senderMac: hwaddr, sender: ip, target: gateway });
    probes.push({
      ...ports,
      name: `${machine} asks for its gateway`,
      frame: ethernet(BROADCAST, hwaddr, 0x0806, bytes(question, asked)),
      trace: asked.toHex(),
    });
    const local = linkLocal(hwaddr);
    const free = newMark();
    probes.push({
      ...ports,
      name: `${machine} asks whether its address is free`,
      frame: ipFrame(
        { to: SOLICITED_MAC, from: hwaddr },
        "::",
        SOLICITED,
        ICMPV6,
        solicit(SOLICITED, own!, free),
      ),
      trace: free.toHex(),
    });
    for (const target of [own!, local]) {
      const mark = newMark();
      const message = icmpv6(local, ALL_NODES, 136, bytes(0x20, 0, 0, 0, ip6Bytes(target), mark));
      probes.push({
        ...ports,
        name: `${machine} tells of ${target}`,
        frame: ipFrame({ to: ALL_NODES_MAC, from: hwaddr }, local, ALL_NODES, ICMPV6, message),
        trace: mark.toHex(),
      });
    }
  }
  return await surprises(probes);
}

/** The host forgets its neighbours, and finds them again. */
async function rediscovery(lab: Lab): Promise<string[]> {
  const [, address] = lab.addresses("evil");
  await lab.host.run("ip", "-6", "neigh", "flush", "dev", "net-pro");
  for (let attempt = 0; attempt < 3; attempt++) {
    if ((await lab.host.tcp(address, 80, { timeout: 1.5 })).seen !== undefined) return [];
  }
  return ["the host does not find evil"];
}

export const NEIGHBOUR_CHECKS = [announcements, rediscovery];
