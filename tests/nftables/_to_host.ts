/**
 * Probes of the packets that the host accepts from a machine with a policy for everything towards
 * it, and of those it drops even then.
 */
import {
  ALL_NODES,
  ALL_NODES_MAC,
  bytes,
  dhcp,
  GRE,
  ipFrame,
  newMark,
  UDP,
  udp,
  udp6,
} from "./_frames.ts";
import type { Lab } from "./_lab.ts";

async function toHost(lab: Lab): Promise<string[]> {
  const machine = lab.built.addressing.machines.get("vpn-a")!;
  const { bridge, gateway, ipv6: six } = lab.built.addressing.domains.get(machine.domain)!;
  const own6 = machine.ipv6!, data = newMark();
  const macs = { to: await lab.host.mac(bridge), from: machine.hwaddr };
  const gre = bytes(0, 0, 8, 0, data);
  const cases: readonly (readonly [string, string, Uint8Array, boolean])[] = [
    [
      "DHCP",
      "udp dport 67",
      ipFrame(
        macs,
        "0.0.0.0",
        "255.255.255.255",
        UDP,
        udp(68, 67, dhcp({ chaddr: machine.hwaddr, mark: data })),
      ),
      true,
    ],
    // Open with a policy for everything.
    ["GRE", "ip protocol 47", ipFrame(macs, machine.ip, gateway, GRE, gre), true],
    ["GRE over IPv6", "ip6 nexthdr 47", ipFrame(macs, own6, six!.gateway, GRE, gre), true],
    // Closed even then.
    [
      "loopback",
      "ip daddr 127.0.0.0/8 udp dport 123",
      ipFrame(macs, machine.ip, "127.5.0.1", UDP, udp(4000, 123, data)),
      false,
    ],
    [
      "multicast",
      "ip6 daddr ff02::1 udp dport 123",
      ipFrame(
        { ...macs, to: ALL_NODES_MAC },
        own6,
        ALL_NODES,
        UDP,
        udp6(own6, ALL_NODES, 4000, 123, data),
      ),
      false,
    ],
  ];
  const failures: string[] = [];
  for (const [name, match, frame, passes] of cases) {
    const send = () => lab.agent("vpn-a").send(frame);
    if (await lab.hostReceives(`iifname "${bridge}" ${match}`, send) !== passes) {
      failures.push(`${passes ? "refused" : "arrived"}: ${name} of vpn-a at the host`);
    }
  }
  return failures;
}

/** Tests a machine with a policy for everything towards the host at another domain's gateway. */
async function atOthersGateway(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  const machine = lab.built.addressing.machines.get("vpn-a")!;
  const { bridge } = lab.built.addressing.domains.get(machine.domain)!;
  const other = lab.built.addressing.domains.get("far")!;
  const macs = { to: await lab.host.mac(bridge), from: machine.hwaddr };
  for (const to of [other.gateway, other.ipv6!.gateway]) {
    const from = to.includes(":") ? machine.ipv6! : machine.ip, data = newMark();
    const packet = to.includes(":") ? udp6(from, to, 4000, 123, data) : udp(4000, 123, data);
    const match = `iifname "${bridge}" ${to.includes(":") ? "ip6" : "ip"} daddr ${to}`;
    const send = () => lab.agent("vpn-a").send(ipFrame(macs, from, to, UDP, packet));
    if (await lab.hostReceives(match, send)) found.push(`arrived: vpn-a at the gateway ${to}`);
  }
  return found;
}

/** Tests that each machine gets its address, and the same again once it has it. */
async function dhcpOfEach(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  for (const { machine, domain, ip, hwaddr } of lab.built.addressing.machines.values()) {
    const { bridge, gateway } = lab.built.addressing.domains.get(domain)!;
    const macs = { to: await lab.host.mac(bridge), from: hwaddr };
    const asked = (ciaddr?: string) =>
      udp(68, 67, dhcp({ chaddr: hwaddr, mark: newMark(), ...ciaddr && { ciaddr, type: 3 } }));
    const frames = [
      ["first", "0.0.0.0", ipFrame(macs, "0.0.0.0", "255.255.255.255", UDP, asked())],
      ["again", ip, ipFrame(macs, ip, gateway, UDP, asked(ip))],
    ] as const;
    for (const [when, from, frame] of frames) {
      const match = `iifname "${bridge}" ip saddr ${from} udp dport 67`;
      if (!(await lab.hostReceives(match, () => lab.agent(machine).send(frame)))) {
        found.push(`refused: DHCP of ${machine}, ${when}`);
      }
    }
  }
  return found;
}

export const TO_HOST_CHECKS = [toHost, atOthersGateway, dhcpOfEach];
