/** What goes one way only: the answer may be stopped elsewhere, so that its absence says nothing of the way there. */
import { MARK, UDP } from "./_attacks.ts";
import { addressesOf } from "./_errors.ts";
import { bytes, ethernet, ip4Bytes, ipv4, ipv6, udp, udp6 } from "./_frames.ts";
import { type Lab, REFUSED_AFTER } from "./_lab.ts";

const GRE = 47;
const OUTSIDE = "203.0.113.10", HOST = "203.0.113.1";

/** Who must not send a first packet to whom. */
const SHUT: readonly (readonly [from: string, to: string, address: string, port: number])[] = [
  ["evil", "docker", "172.17.0.2", 80],
  ["evil", "vboxnet0", "10.88.0.10", 80],
  ["evil", "vmnet8", "10.88.8.10", 80],
  ["till", "docker", "172.17.0.2", 80],
  ["vpn-b", "outside", OUTSIDE, 80],
  ["vpn-b", "docker", "172.17.0.2", 80],
  ["docker", "web", "10.120.1.2", 443],
  ["vboxnet0", "web", "10.120.1.2", 443],
  ["vmnet8", "web", "10.120.1.2", 443],
  ["outside", "evil", "10.120.0.1", 80],
];

async function arrivesAt(lab: Lab, to: string, address: string, send: () => Promise<unknown>) {
  const agent = lab.agent(to);
  await agent.ask("capture", { name: "one-way", interface: "eth0" });
  await agent.ask("captured", { name: "one-way", wait: 0 });
  await send();
  const { frames = [] } = await agent.ask("captured", { name: "one-way", wait: REFUSED_AFTER / 4 });
  // An IPv4 packet to it; its source may have been rewritten.
  return frames.some((frame) =>
    frame.slice(24, 28) === "0800" && frame.slice(60, 68) === ip4Bytes(address).toHex()
  );
}

async function firstPackets(lab: Lab): Promise<string[]> {
  const failures: string[] = [];
  for (const [from, to, address, port] of SHUT) {
    const send = () => lab.agent(from).tcp(address, port, { timeout: 0.1 });
    if (await arrivesAt(lab, to, address, send)) failures.push(`arrived: ${from} -> ${to}`);
  }
  return failures;
}

/** Frames of `machine` towards the host, as seen behind the rules. */
async function reachesHost(lab: Lab, match: string, send: () => Promise<void>): Promise<boolean> {
  await lab.host.nft(
    "table inet seen { };delete table inet seen;" +
      `table inet seen { chain in { type filter hook input priority 100; ${match} counter; }; }`,
  );
  await send();
  await new Promise((resolve) => setTimeout(resolve, 60));
  return !/counter packets 0 /.test(await lab.host.run("nft", "list", "table", "inet", "seen"));
}

async function toHost(lab: Lab): Promise<string[]> {
  const machine = lab.built.addressing.machines.get("vpn-a")!;
  const { bridge, gateway, ipv6: six } = lab.built.addressing.domains.get(machine.domain)!;
  const link = await lab.host.run("ip", "-br", "link", "show", bridge);
  const router = /([0-9a-f]{2}(:[0-9a-f]{2}){5})/.exec(link)?.[1] ?? "";
  const agent = lab.agent("vpn-a");
  const frame4 = (to: string, protocol: number, payload: Uint8Array, from = machine.ip) =>
    ethernet(router, machine.hwaddr, 0x0800, ipv4(from, to, protocol, payload));
  const frame6 = (to: string, next: number, payload: Uint8Array) =>
    ethernet(router, machine.hwaddr, 0x86dd, ipv6(machine.ipv6!, to, next, payload));
  const multicast = ethernet(
    "33:33:00:00:00:01",
    machine.hwaddr,
    0x86dd,
    ipv6(machine.ipv6!, "ff02::1", UDP, udp6(machine.ipv6!, "ff02::1", 4000, 123, MARK)),
  );
  const gre = bytes(0, 0, 8, 0, MARK);
  const datagram = udp(4000, 123, MARK);
  const cases: readonly (readonly [string, string, Uint8Array, boolean])[] = [
    ["DHCP", "udp dport 67", frame4("255.255.255.255", UDP, udp(68, 67, MARK), "0.0.0.0"), true],
    // What a policy for everything opens.
    ["GRE", "ip protocol 47", frame4(gateway, GRE, gre), true],
    ["GRE6", "ip6 nexthdr 47", frame6(six!.gateway, GRE, gre), true],
    // And what not even that opens.
    ["loopback", "ip daddr 127.0.0.0/8 udp dport 123", frame4("127.5.0.1", UDP, datagram), false],
    ["multicast", "ip6 daddr ff02::1 udp dport 123", multicast, false],
  ];
  const failures: string[] = [];
  for (const [name, match, frame, passes] of cases) {
    if (
      await reachesHost(lab, `iifname "${bridge}" ${match}`, () => agent.send(frame)) !== passes
    ) {
      failures.push(`${passes ? "refused" : "arrived"}: ${name} of vpn-a at the host`);
    }
  }
  return failures;
}

/** The host forgets its neighbours of IPv6, and finds them again. */
async function neighbours(lab: Lab): Promise<string[]> {
  const address = addressesOf(lab, "evil")[1];
  await lab.host.run("ip", "-6", "neigh", "flush", "dev", "net-pro");
  for (let attempt = 0; attempt < 3; attempt++) {
    if ((await lab.host.tcp(address, 80, { timeout: 1.5 })).seen !== undefined) return [];
  }
  return ["the host does not find evil"];
}

/** An answer that comes out of the tunnel. */
async function answersOfTunnel(lab: Lab): Promise<string[]> {
  const failures: string[] = [];
  await lab.agent("vpn-a").ask("capture", { name: "tunnel", interface: "eth0" });
  const ways = [["10.99.0.7", "10.99.0.1"], ["fd99::7", "fd99::1"]] as const;
  for (const [i, [far, near]] of ways.entries()) {
    await lab.agent("vpn-a").udp(far, 9, { source_port: 5200, timeout: 0.1 });
    const packet = i === 0
      ? ipv4(far, near, UDP, udp(9, 5200, MARK))
      : ipv6(far, near, UDP, udp6(far, near, 9, 5200, MARK));
    await lab.agent("vpn-a").ask("captured", { name: "tunnel", wait: 0 });
    await lab.host.ask("arrive", { name: "tun0", data: packet.toHex() });
    const { frames = [] } = await lab.agent("vpn-a").ask("captured", { name: "tunnel", wait: 0.1 });
    if (!frames.some((frame) => frame.includes(MARK.toHex()))) {
      failures.push(`refused: the answer of ${far}`);
    }
  }
  return failures;
}

/** A stranger's packet with an address of nobody's, which the bridge lets through to the host. */
export async function strayPackets(lab: Lab, strangerMac: string): Promise<string[]> {
  const link = await lab.host.run("ip", "-br", "link", "show", "net-pro");
  const router = /([0-9a-f]{2}(:[0-9a-f]{2}){5})/.exec(link)?.[1] ?? "";
  const send = (to: string) =>
    lab.host.send(
      ethernet(router, strangerMac, 0x0800, ipv4("192.0.2.9", to, UDP, udp(4000, 123, MARK))),
      "stranger1",
    );
  const failures: string[] = [];
  if (await arrivesAt(lab, "outside", OUTSIDE, () => send(OUTSIDE))) {
    failures.push("arrived: a stranger's packet outside");
  }
  if (await reachesHost(lab, 'iifname "net-pro" udp dport 123', () => send(HOST))) {
    failures.push("arrived: a stranger's packet at the host");
  }
  return failures;
}

export const ONE_WAY_CHECKS = [firstPackets, toHost, neighbours, answersOfTunnel];
