/**
 * Tests the interface of packets with a domain's address: that domain's bridge or none, whatever
 * other routes say. Each with IPv4 and IPv6.
 */
import { type Port, port } from "./_arrivals.ts";
import { arp, BROADCAST, ethernet, ipFrame, newMark, UDP, udp, udp6 } from "./_frames.ts";
import { FORMER, FORMER6, GONE_B, GONE_B6, ORPHAN_NETWORK } from "./_everything.ts";
import { DOCKER, HOST, HOST6, type Lab, OUTSIDE, type Pair } from "./_lab.ts";

const pair = (lab: Lab, name: string): Pair => lab.addresses(name);

/** Runs `act` while a routing table before `main` sends all our packets to an interface. */
async function swallowedBy(
  lab: Lab,
  iface: string,
  subnets: readonly string[],
  act: () => Promise<string[]>,
): Promise<string[]> {
  const family = (subnet: string) => subnet.includes(":") ? "-6" : "-4";
  const routes = subnets.map((subnet) => ({ subnet, family: family(subnet) }));
  for (const { subnet, family } of routes) {
    await lab.host.run("ip", family, "route", "add", subnet, "dev", iface, "table", "52");
  }
  for (const each of ["-4", "-6"]) {
    await lab.host.run("ip", each, "rule", "add", "pref", "5270", "lookup", "52");
  }
  try {
    return await act();
  } finally {
    for (const each of ["-4", "-6"]) {
      await lab.host.run("ip", each, "rule", "del", "pref", "5270");
      await lab.host.ask("run", { argv: ["ip", each, "route", "flush", "table", "52"] });
    }
  }
}

function subnetsOf(lab: Lab): string[] {
  return [...lab.built.addressing.domains.values()].flatMap(({ subnet, ipv6 }) => [
    subnet,
    ...(ipv6 === undefined ? [] : [ipv6.subnet]),
  ]);
}

/** True if a frame with this trace is seen at a place, while `send` runs. */
async function seen(
  { agent, iface }: Port,
  trace: string,
  send: () => Promise<unknown>,
): Promise<boolean> {
  await agent.capture(iface);
  await send();
  return (await agent.captured(iface, 0.08)).some((frame) => frame.includes(trace));
}

/** Sends a datagram of an agent, with a mark in it. */
async function say(
  agent: Port["agent"],
  to: string,
  mark: Uint8Array,
  source?: string,
): Promise<void> {
  await agent.ask("tell", { host: to, port: 9, data: mark.toHex(), source: source ?? null });
}

/** Tests what leaves by the interface of another routing table. */
async function swallowed(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  const note = (what: string) => found.push(what);
  const outside = port(lab.agent("outside"));
  // A neighbour that answers for all addresses, as a tunnel accepts everything.
  const outsideMac = await outside.agent.mac();
  const left = [GONE_B, `${FORMER}.7`, GONE_B6, `${FORMER6}::7`];
  const targets = [...pair(lab, "victim"), ...pair(lab, "server"), ...left];
  const gone = left.map((each) => each.replace(/::\d+$/, "::/64").replace(/\.\d+$/, ".0/24"));
  await swallowedBy(lab, "wan0", [...subnetsOf(lab), ...gone], async () => {
    for (const to of targets) {
      await lab.host.run("ip", "neigh", "replace", to, "lladdr", outsideMac, "dev", "wan0");
    }
    for (const to of targets) {
      const mark = newMark();
      if (await seen(outside, mark.toHex(), () => say(lab.host, to, mark))) {
        note(`arrived: the host's packet for ${to} outside`);
      }
    }
    const senders = ["evil", "docker", "lan"];
    for (const name of senders) {
      const agent = lab.agent(name);
      for (const to of targets) {
        if (name !== "evil" && to.includes(":")) continue;
        const mark = newMark();
        if (await seen(outside, mark.toHex(), () => say(agent, to, mark))) {
          note(`arrived: a packet of ${name} for ${to} outside`);
        }
      }
    }
    for (const to of targets) {
      await lab.host.run("ip", "neigh", "del", to, "dev", "wan0");
    }
    return [];
  });
  // It must not leave by another domain's bridge either.
  const other = port(lab.agent("till"));
  const otherMac = await other.agent.mac();
  await swallowedBy(lab, "net-shop", subnetsOf(lab), async () => {
    for (const to of [...pair(lab, "victim"), ...pair(lab, "server")]) {
      const mark = newMark();
      await lab.host.run("ip", "neigh", "replace", to, "lladdr", otherMac, "dev", "net-shop");
      if (await seen(other, mark.toHex(), () => say(lab.host, to, mark))) {
        note(`arrived: the host's packet for ${to} in another domain`);
      }
      if (await seen(other, mark.toHex(), () => say(lab.agent("victim"), to, mark))) {
        note(`arrived: a packet of victim for ${to} in another domain`);
      }
      await lab.host.run("ip", "neigh", "del", to, "dev", "net-shop");
    }
    return [];
  });
  return found;
}

/** Tests packets of the host from a gateway's address to others. */
async function fromGateway(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  const { gateway, ipv6 } = lab.built.addressing.domains.get("pro")!;
  const cases: [string, string, string][] = [
    ["outside", OUTSIDE, gateway],
    ["outside", "2001:db8::10", ipv6!.gateway],
    ["docker", DOCKER, gateway],
    ["server", pair(lab, "server")[0], gateway],
    ["server", pair(lab, "server")[1], ipv6!.gateway],
  ];
  for (const [name, to, source] of cases) {
    const mark = newMark();
    if (await seen(port(lab.agent(name)), mark.toHex(), () => say(lab.host, to, mark, source))) {
      found.push(`arrived: the host's packet from ${source} at ${name}`);
    }
  }
  // Its own domain gets them, and the host itself too.
  for (const [i, source] of [gateway, ipv6!.gateway].entries()) {
    const mark = newMark(), to = pair(lab, "victim")[i]!;
    if (
      !(await seen(port(lab.agent("victim")), mark.toHex(), () => say(lab.host, to, mark, source)))
    ) {
      found.push(`refused: the host's packet from ${source} at victim`);
    }
    const own = await lab.host.udp(source, 53, { source });
    if (own.seen !== source) found.push(`refused: the host's packet from ${source} to itself`);
  }
  return found;
}

/**
 * Tests packets with an address of ours that arrive at another interface, for the host or to be
 * forwarded.
 */
async function cameElsewhere(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  const macs = { to: await lab.host.mac("wan0"), from: await lab.agent("outside").mac() };
  const victim = pair(lab, "victim");
  const sources = [...victim, GONE_B, `${FORMER}.7`];
  for (const source of sources) {
    const six = source.includes(":");
    const mark = newMark();
    const packet = (to: string) =>
      ipFrame(
        macs,
        source,
        to,
        UDP,
        six ? udp6(source, to, 4000, 123, mark) : udp(4000, 123, mark),
      );
    const [to, match] = six ? [HOST6, "ip6 saddr"] : [HOST, "ip saddr"];
    const send = () => lab.agent("outside").send(packet(to));
    if (await lab.hostReceives(`iifname "wan0" ${match} ${source}`, send)) {
      found.push(`arrived: a packet of ${source} from outside at the host`);
    }
    if (six) continue;
    const docker = port(lab.agent("docker"));
    if (await seen(docker, mark.toHex(), () => lab.agent("outside").send(packet(DOCKER)))) {
      found.push(`arrived: a packet of ${source} from outside at docker`);
    }
  }
  return found;
}

/**
 * Tests a neighbour of the host that uses a gateway's address: to reach a published port, and by
 * ARP.
 */
export async function gatewaysElsewhere(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  const outside = lab.agent("outside");
  const domains = [...lab.built.addressing.domains.values()];
  const gateways = domains.flatMap(({ gateway, ipv6 }) => [gateway, ipv6!.gateway]);
  await Promise.all(gateways.map(async (to) => {
    if ((await outside.tcp(to, 2207)).seen === undefined) return;
    found.push(`arrived: a connection to a published port of ${to}`);
  }));
  const ask = async (name: string, bridge: string, sender: string, target: string) => {
    const agent = lab.agent(name), mac = await agent.mac();
    const question = arp({ operation: 1, senderMac: mac, sender, target });
    const answer = arp({
      operation: 2,
      senderMac: await lab.host.mac(bridge),
      sender: target,
      targetMac: mac,
      target: sender,
    }).toHex();
    const send = () => agent.send(ethernet(BROADCAST, mac, 0x0806, question));
    if (await seen(port(agent), answer, send)) {
      found.push(`arrived: an answer about ${target} to ${sender} of ${name}`);
    }
  };
  const former = [`${ORPHAN_NETWORK}.254`, `${FORMER}.254`];
  for (const gateway of [...domains.map((each) => each.gateway), ...former]) {
    await ask("outside", "wan0", OUTSIDE, gateway);
    await ask("outside", "wan0", gateway.replace(/254$/, "77"), HOST);
  }
  await ask("gone-a", "net-gone", "0.0.0.0", HOST);
  return found;
}

export const WHEREABOUTS_CHECKS = [swallowed, fromGateway, cameElsewhere, gatewaysElsewhere];
