import {
  arrivals,
  type Attack,
  ATTACKS,
  HONEST,
  HONEST_FRAGMENT,
  MARK,
  reservedAnswers,
  UDP,
} from "./_attacks.ts";
import {
  arp,
  BROADCAST,
  bytes,
  ethernet,
  icmpv6,
  ip4Bytes,
  ip6Bytes,
  ipv4,
  ipv6,
  udp,
  udp6,
} from "./_frames.ts";
import { arrivingErrors, forgedErrors, honestErrors } from "./_errors.ts";
import { linkLocal } from "../../lib/nftables/nic.ts";
import { buildInfra, type BuiltInfra, type InfraSpec } from "./_infra.ts";
import { type Agent, type Answer, Lab } from "./_lab.ts";
import { ONE_WAY_CHECKS, strayPackets } from "./_one_way.ts";

/** One thing that holds with the whole ruleset, and is asked again of each mutant of it. */
export interface Check {
  readonly name: string;
  readonly holds: (lab: Lab) => Promise<boolean>;
}

/** An infra with every form of everything, so that no set of its ruleset is empty. */
export const EVERYTHING: InfraSpec = {
  ipv6: true,
  domains: [
    { name: "pro", internet: { kind: "full" }, machines: ["evil", "victim"] },
    {
      name: "far",
      machines: ["server", {
        name: "web",
        publish: [
          { host: 2207, to: 22, protocol: "tcp" },
          { host: 1053, to: 53, protocol: "udp" },
          {
            host: 1999,
            to: 999,
            protocol: "udp",
          },
        ],
      }],
    },
    { name: "shop", internet: { kind: "public-only" }, machines: ["till", "till-b"] },
    { name: "vpn", internet: { kind: "via", interfaces: ["tun0"] }, machines: ["vpn-a", "vpn-b"] },
  ],
  policies: [
    { from: "victim", to: "server", ports: [53], protocol: "udp" },
    { from: "pro", to: "server", ports: [631] },
    { from: "shop", to: "vpn", bidirectional: true },
    { from: "till", to: "host", ports: [22] },
    { from: "till", to: "host", ports: [123], protocol: "udp" },
    { from: "vpn-a", to: "host" },
    { from: "server", to: "host", ports: [631] },
    { from: "victim", to: "host", ports: [443] },
    { from: "outside", to: "web", ports: [443] },
    { from: "outside", to: "server", ports: [123], protocol: "udp" },
    { from: "outside", to: "vpn-a" },
    { from: "server", to: "outside", ports: [53], protocol: "udp" },
    { from: "server", to: "outside", ports: [80] },
    { from: "vpn-a", to: "outside" },
    { from: "172.17.0.0/16", to: "web", ports: [80] },
    { from: "server", to: "172.17.0.2/32", ports: [22] },
    { from: "server", to: "10.88.0.0/16", ports: [22] },
  ],
};

export const everything: BuiltInfra = buildInfra(EVERYTHING);

const OUTSIDE = "203.0.113.10", OUTSIDE6 = "2001:db8::10", PRIVATE_OUTSIDE = "192.168.77.10";
const HOST = "203.0.113.1", DOCKER = "172.17.0.2", LAN = "198.51.100.10";

/** Networks of hypervisors that the kernel has no kind for, and the first three bytes of their addresses. */
const HYPERVISORS = [["vboxnet0", "10.88.0"], ["vmnet8", "10.88.8"]] as const;

/** A lab in which everything is to be found that the checks ask for; the rules are not loaded. */
export async function startBattery(): Promise<Lab> {
  const lab = await Lab.start(everything);
  await lab.host.ask("tun", { name: "tun0", interface: "tun0" });
  await lab.host.ip(
    "address add 10.99.0.1/24 dev tun0",
    "address add fd99::1/64 dev tun0 nodad",
    "link set tun0 up",
  );
  await lab.host.ip("route add default via 2001:db8::10");
  // Port 1999 is published to a machine that refuses it: here nobody refuses, so that a packet that stays here is told apart.
  await lab.host.ask("serve", { udp: [["::", 547], ["0.0.0.0", 1999], ["::", 1999]] });
  for (const family of ["iptables", "ip6tables", "arptables"]) {
    await lab.host.ask("run", { argv: ["sysctl", "-qw", `net.bridge.bridge-nf-call-${family}=1`] });
  }
  for (const [iface, network] of HYPERVISORS) await lab.neighbour(iface, network);
  return lab;
}

/** IPv4 and IPv6 address of a machine. */
function addresses(name: string): [string, string] {
  const machine = everything.addressing.machines.get(name);
  if (machine?.ipv6 === undefined) throw new Error(`no ${name}`);
  return [machine.ip, machine.ipv6];
}
function gateways(name: string): [string, string] {
  const domain = everything.addressing.domains.get(name);
  if (domain?.ipv6 === undefined) throw new Error(`no ${name}`);
  return [domain.gateway, domain.ipv6.gateway];
}

type Kind = "tcp" | "udp" | "ping";

function ask(agent: Agent, kind: Kind, address: string, port: number): Promise<Answer> {
  return kind === "ping" ? agent.ping(address) : agent[kind](address, port);
}

function open(from: string, kind: Kind, address: string, port = 0, seen?: string): Check {
  return {
    name: `${from} reaches ${kind} ${address} ${port}`,
    holds: async (lab) => {
      const agent = from === "host" ? lab.host : lab.agent(from);
      // Once more: what a busy machine lost is no rule's work.
      for (let attempt = 0; attempt < 2; attempt++) {
        const answer = await ask(agent, kind, address, port);
        if (answer.seen !== undefined) return seen === undefined || answer.seen === seen;
      }
      return false;
    },
  };
}

function shut(from: string, kind: Kind, address: string, port = 0): Check {
  return {
    name: `${from} does not reach ${kind} ${address} ${port}`,
    holds: async (lab) => (await ask(lab.agent(from), kind, address, port)).error === "timeout",
  };
}

function refused(from: string, kind: "tcp" | "udp", address: string, port: number): Check {
  return {
    name: `${from} is refused at ${kind} ${address} ${port}`,
    holds: async (lab) =>
      (await ask(from === "host" ? lab.host : lab.agent(from), kind, address, port)).error ===
        "Connection refused",
  };
}

/** The same of both families. */
function both<T>(pair: readonly [T, T], check: (each: T, i: number) => Check): Check[] {
  return pair.map(check);
}

const [evil, victim, server, web, till, vpn] = ["evil", "victim", "server", "web", "till", "vpn-a"]
  .map(addresses) as [string, string][] as [
    [string, string],
    [string, string],
    [string, string],
    [string, string],
    [string, string],
    [string, string],
  ];

/** Checks by plain packets; they may run side by side. */
export const PACKET_CHECKS: readonly Check[] = [
  // Within a domain, between domains.
  ...both(victim, (to, i) => open("evil", "tcp", to, 80, evil[i]!)),
  ...both(victim, (to) => open("evil", "udp", to, 5353)),
  ...both(victim, (to) => open("evil", "ping", to)),
  ...both(server, (to, i) => open("evil", "tcp", to, 631, evil[i]!)),
  ...both(server, (to, i) => open("victim", "udp", to, 53, victim[i]!)),
  ...both(server, (to) => shut("evil", "udp", to, 53)),
  ...both(server, (to) => shut("evil", "tcp", to, 80)),
  ...both(server, (to) => shut("evil", "ping", to)),
  ...both(web, (to) => shut("evil", "tcp", to, 631)),
  ...both(evil, (to) => shut("server", "tcp", to, 631)),
  ...both(vpn, (to, i) => open("till", "tcp", to, 80, till[i]!)),
  ...both(vpn, (to) => open("till", "udp", to, 123)),
  ...both(vpn, (to) => open("till", "ping", to)),
  ...both(till, (to, i) => open("vpn-a", "tcp", to, 443, vpn[i]!)),
  ...both(till, (to) => open("vpn-a", "ping", to)),
  ...both(till, (to) => shut("evil", "tcp", to, 80)),
  ...both(addresses("web"), (to) => open("server", "tcp", to, 80)),
  ...both(addresses("till-b"), (to) => open("till", "tcp", to, 80)),
  ...both(addresses("vpn-b"), (to) => open("vpn-a", "tcp", to, 80)),
  // To the host.
  ...[["evil", "pro"], ["web", "far"], ["till", "shop"], ["vpn-b", "vpn"]].flatMap((
    [machine, domain],
  ) =>
    both(gateways(domain!), (to, i) => ({
      name: `${machine} reaches its gateway's DHCP at ${to}`,
      holds: async (lab) => {
        const [port, from] = i === 0 ? [67, 68] : [547, 546];
        const answer = await lab.agent(machine!).udp(to, port, { source_port: from });
        return answer.seen !== undefined;
      },
    })).concat(both(gateways(domain!), (to) => open(machine!, "udp", to, 53)))
      .concat(both(gateways(domain!), (to) => open(machine!, "tcp", to, 53)))
  ),
  ...both(gateways("far"), (to) => open("server", "tcp", to, 631)),
  ...both(gateways("pro"), (to) => open("victim", "tcp", to, 443)),
  ...both(gateways("vpn"), (to) => shut("vpn-b", "tcp", to, 80)),
  ...both(gateways("pro"), (to, i) => open("evil", "udp", to, 53, evil[i]!)),
  ...both(gateways("pro"), (to) => shut("evil", "tcp", to, 22)),
  ...both(gateways("pro"), (to) => shut("evil", "ping", to)),
  ...both(gateways("far"), (to) => shut("evil", "udp", to, 53)),
  ...both(gateways("far"), (to) => shut("till", "tcp", to, 22)),
  ...both(gateways("shop"), (to, i) => open("till", "tcp", to, 22, till[i]!)),
  ...both(gateways("shop"), (to) => open("till", "udp", to, 123)),
  ...both(gateways("shop"), (to) => shut("till", "tcp", to, 80)),
  ...both(gateways("vpn"), (to) => open("vpn-a", "ping", to)),
  ...both(gateways("vpn"), (to) => open("vpn-a", "tcp", to, 80)),
  open("vpn-a", "tcp", HOST, 80),
  ...both([HOST, "2001:db8::1"], (to) => shut("evil", "tcp", to, 22)),
  shut("evil", "udp", "172.17.0.1", 53),
  shut("evil", "ping", "198.51.100.1"),
  ...both(evil, (to) => open("host", "tcp", to, 80)),
  ...both(server, (to) => open("host", "ping", to)),
  // Outwards.
  open("evil", "tcp", OUTSIDE, 80, HOST),
  open("evil", "tcp", OUTSIDE6, 80, "2001:db8::1"),
  open("evil", "ping", OUTSIDE),
  open("evil", "tcp", PRIVATE_OUTSIDE, 80),
  open("evil", "tcp", LAN, 80, "198.51.100.1"),
  shut("evil", "tcp", DOCKER, 80),
  open("till", "tcp", OUTSIDE, 80, HOST),
  open("till", "udp", OUTSIDE6, 53),
  shut("till", "tcp", PRIVATE_OUTSIDE, 80),
  shut("till", "ping", PRIVATE_OUTSIDE),
  shut("till", "tcp", DOCKER, 80),
  open("server", "udp", OUTSIDE, 53, HOST),
  open("server", "udp", OUTSIDE6, 53),
  open("server", "tcp", OUTSIDE, 80, HOST),
  open("server", "tcp", OUTSIDE6, 80),
  shut("server", "tcp", OUTSIDE, 443),
  shut("server", "tcp", OUTSIDE6, 443),
  shut("server", "ping", OUTSIDE),
  open("server", "tcp", DOCKER, 22, server[0]!),
  shut("server", "tcp", DOCKER, 80),
  open("vpn-a", "ping", OUTSIDE),
  open("vpn-a", "ping", OUTSIDE6),
  open("vpn-a", "tcp", OUTSIDE, 443, HOST),
  open("vpn-a", "tcp", OUTSIDE6, 443),
  // Inwards.
  ...both(web, (to, i) => open("outside", "tcp", to, 443, [OUTSIDE, OUTSIDE6][i]!)),
  ...both(server, (to) => open("outside", "udp", to, 123)),
  ...both(vpn, (to) => open("outside", "ping", to)),
  ...both(vpn, (to) => open("outside", "tcp", to, 80)),
  ...both(web, (to) => shut("outside", "tcp", to, 22)),
  ...both(evil, (to) => shut("outside", "tcp", to, 80)),
  ...both(evil, (to) => shut("outside", "udp", to, 53)),
  ...both(server, (to) => shut("outside", "ping", to)),
  ...both(till, (to) => shut("outside", "tcp", to, 80)),
  open("docker", "tcp", web[0]!, 80, DOCKER),
  shut("docker", "tcp", web[0]!, 443),
  shut("docker", "tcp", evil[0]!, 80),
  shut("docker", "ping", vpn[0]!),
  open("lan", "tcp", web[0]!, 443, LAN),
  shut("lan", "tcp", evil[0]!, 80),
  open("outside", "tcp", HOST, 2207, OUTSIDE),
  open("outside", "tcp", "2001:db8::1", 2207, OUTSIDE6),
  open("outside", "udp", HOST, 1053),
  open("outside", "udp", "2001:db8::1", 1053),
  open("lan", "tcp", "198.51.100.1", 2207, LAN),
  shut("evil", "tcp", HOST, 2207),
  ...["pro", "far", "shop", "vpn"].flatMap((domain) =>
    both(gateways(domain), (to) => shut("outside", "tcp", to, 53))
  ),
  {
    name: "vpn-a reaches its tunnel",
    holds: async (lab) =>
      await tunnels(lab, "vpn-a", "10.99.0.7") && await tunnels(lab, "vpn-a", "fd99::7"),
  },
  ...both(addresses("till-b"), (_, i) => open("till-b", "tcp", [OUTSIDE, OUTSIDE6][i]!, 80)),
  // Nobody listens there: the refusal is an ICMP error about a published flow.
  ...[HOST, "2001:db8::1"].map((address) => refused("outside", "udp", address, 1999)),
  // So is the refusal of what the host began.
  ...both(evil, (to) => refused("host", "udp", to, 9)),
  refused("docker", "tcp", "172.17.0.1", 2207),
  ...HYPERVISORS.flatMap(([name, network]) => [
    shut("evil", "tcp", `${network}.10`, 80),
    shut(name, "tcp", web[0]!, 443),
    open("server", "tcp", `${network}.10`, 22, server[0]!),
    // Nothing is published there, and the host itself serves nothing.
    refused(name, "tcp", `${network}.1`, 2207),
  ]),
  shut("docker", "tcp", gateways("pro")[0], 22),
  // What is not ours.
  open("docker", "tcp", OUTSIDE, 80),
  open("docker", "tcp", "172.17.0.1", 22),
  open("outside", "tcp", HOST, 22),
];

/** Whether a ping of that machine is sent into the tunnel. */
async function tunnels(lab: Lab, machine: string, address: string): Promise<boolean> {
  await lab.host.captured("tun0");
  await lab.agent(machine).ping(address);
  const version = address.includes(":") ? "6" : "4";
  return (await lab.host.captured("tun0")).some((packet) => packet.startsWith(version));
}

/** Beyond the outside: nobody has sent anything from there. */
const FAR_OFF: [string, string] = ["203.0.114.9", "2001:db8:9::9"];

async function reserved(lab: Lab): Promise<string[]> {
  const answers = await reservedAnswers(lab);
  return answers === 0 ? [] : ["answered: a frame to a reserved address"];
}

/** Protocols without ports, GRE for one: a policy for everything opens them, none with ports does. */
async function otherProtocols(lab: Lab): Promise<string[]> {
  const GRE = 47;
  const machine = (name: string) => everything.addressing.machines.get(name)!;
  const macOf = async (agent: Agent, name: string) =>
    /([0-9a-f]{2}(:[0-9a-f]{2}){5})/.exec(await agent.run("ip", "-br", "link", "show", name))
      ?.[1] ?? "";
  const failures: string[] = [];
  for (
    const [from, to, passes] of [
      ["till", "vpn-a", true],
      // In this order: without ports, conntrack takes the second for an answer to the first.
      ["outside", "vpn-a", true],
      ["vpn-a", "outside", true],
      ["vpn-a", "far off", true],
      ["evil", "server", false],
      ["outside", "server", false],
    ] as const
  ) {
    const places = [from, to].map((name): [string, string] =>
      name === "outside" ? [OUTSIDE, OUTSIDE6] : name === "far off" ? FAR_OFF : addresses(name)
    );
    const [source, target] = places as [[string, string], [string, string]];
    const into = from === "outside" ? "wan0" : `net-${machine(from).domain}`;
    const router = await macOf(lab.host, into);
    const mac = from === "outside" ? "02:00:00:00:00:77" : machine(from).hwaddr;
    const agent = lab.agent(to === "far off" ? "outside" : to);
    await agent.ask("capture", { name: "eth0", interface: "eth0" });
    for (
      const [version, frame] of [
        [
          4,
          ethernet(router, mac, 0x0800, ipv4(source[0], target[0], GRE, bytes(0, 0, 8, 0, MARK))),
        ],
        [
          6,
          ethernet(router, mac, 0x86dd, ipv6(source[1], target[1], GRE, bytes(0, 0, 8, 0, MARK))),
        ],
      ] as const
    ) {
      await agent.ask("captured", { name: "eth0", wait: 0 });
      await lab.agent(from).send(frame);
      const { frames = [] } = await agent.ask("captured", { name: "eth0", wait: 0.1 });
      const arrived = frames.some((each) => each.includes(MARK.toHex()));
      if (arrived !== passes) {
        failures.push(`GRE${version} ${from} -> ${to} ${arrived ? "arrived" : "was refused"}`);
      }
    }
  }
  return failures;
}

/** A packet from the outside that says it is of a domain, towards a port that is open to the outside. */
async function outsiders(lab: Lab): Promise<string[]> {
  const link = await lab.host.run("ip", "-br", "link", "show", "wan0");
  const router = /([0-9a-f]{2}(:[0-9a-f]{2}){5})/.exec(link)?.[1] ?? "";
  const places = [["server", "123"], ["vpn-a", "123"]] as const;
  const failures: string[] = [];
  for (const [name] of places) {
    await lab.agent(name).ask("capture", { name: "eth0", interface: "eth0" });
  }
  for (const { subnet, domain, ipv6: six } of everything.addressing.domains.values()) {
    const [target, target6] = domain === "far" ? vpn : server;
    const agent = lab.agent(domain === "far" ? "vpn-a" : "server");
    const mac = "02:00:00:00:00:77";
    const [from, from6] = [subnet.replace(".0/24", ".77"), six!.subnet.replace("::/64", "::77")];
    const data = udp(4000, 123, MARK);
    for (
      const frame of [
        ethernet(router, mac, 0x0800, ipv4(from, target, UDP, data)),
        ethernet(
          router,
          mac,
          0x86dd,
          ipv6(from6, target6, UDP, udp6(from6, target6, 4000, 123, MARK)),
        ),
      ]
    ) {
      await agent.ask("captured", { name: "eth0", wait: 0 });
      await lab.agent("outside").send(frame);
      const { frames = [] } = await agent.ask("captured", { name: "eth0", wait: 0.1 });
      if (frames.some((each) => each.includes(MARK.toHex()))) {
        failures.push(`arrived: ${from} from the outside`);
      }
    }
  }
  return failures;
}

const STRANGER_MAC = "02:00:00:00:00:55";

/** The bridge of the domain `pro`, as the host sees it. */
async function seenOn(lab: Lab, bridge: string, send: () => Promise<void>): Promise<string[]> {
  await lab.host.ask("captured", { name: bridge, wait: 0 });
  await send();
  const { frames = [] } = await lab.host.ask("captured", { name: bridge, wait: 0.06 });
  return frames;
}

/** What each machine says of its own addresses: it must get through, or nobody finds it. */
async function announcements(lab: Lab): Promise<string[]> {
  const failures: string[] = [];
  for (const { machine, domain, hwaddr, ipv6: own } of everything.addressing.machines.values()) {
    const bridge = `net-${domain}`;
    await lab.host.ask("capture", { name: bridge, interface: bridge });
    const local = linkLocal(hwaddr);
    const group = "ff02::1:ff00:1", groupMac = "33:33:ff:00:00:01";
    const solicit = icmpv6("::", group, 135, bytes(0, 0, 0, 0, ip6Bytes(own!), MARK));
    const frames = [["asks whether its address is free", "::", group, groupMac, solicit]] as [
      string,
      string,
      string,
      string,
      Uint8Array,
    ][];
    for (const target of [own!, local]) {
      const advert = icmpv6(local, "ff02::1", 136, bytes(0x20, 0, 0, 0, ip6Bytes(target), MARK));
      frames.push([`tells of ${target}`, local, "ff02::1", "33:33:00:00:00:01", advert]);
    }
    for (const [what, from, to, mac, message] of frames) {
      const frame = ethernet(mac, hwaddr, 0x86dd, ipv6(from, to, 58, message));
      const seen = await seenOn(lab, bridge, () => lab.agent(machine).send(frame));
      if (!seen.some((each) => each.includes(MARK.toHex()))) {
        failures.push(`refused: ${machine} ${what}`);
      }
    }
  }
  return failures;
}

/** Frames of a port that is no machine's, plugged into a domain's bridge by hand. */
async function strangers(lab: Lab): Promise<string[]> {
  if (!(await lab.host.run("ip", "-br", "link")).includes("stranger0")) {
    await lab.host.ip(
      "link add stranger0 type veth peer name stranger1",
      "link set stranger0 master net-pro",
      "link set stranger0 up",
      "link set stranger1 up",
    );
  }
  await lab.host.ask("capture", { name: "net-pro", interface: "net-pro" });
  const data = udp(4000, 9, MARK);
  const frames: (readonly [string, Uint8Array])[] = [];
  for (const { machine, hwaddr } of everything.addressing.machines.values()) {
    const packet = ipv4("192.0.2.9", "192.0.2.1", UDP, data);
    frames.push([`the MAC of ${machine}`, ethernet(BROADCAST, hwaddr, 0x0800, packet)]);
  }
  for (const { domain, subnet, ipv6: six } of everything.addressing.domains.values()) {
    const [ip, ip6] = [subnet.replace(".0/24", ".77"), six!.subnet.replace("::/64", "::77")];
    const question = arp({
      operation: 1,
      senderMac: STRANGER_MAC,
      sender: ip,
      target: "192.0.2.1",
    });
    frames.push(
      [
        `an address of ${domain}`,
        ethernet(BROADCAST, STRANGER_MAC, 0x0800, ipv4(ip, "192.0.2.1", UDP, data)),
      ],
      [`ARP of ${domain}`, ethernet(BROADCAST, STRANGER_MAC, 0x0806, bytes(question, MARK))],
      [
        `IPv6 of ${domain}`,
        ethernet(
          "33:33:00:00:00:01",
          STRANGER_MAC,
          0x86dd,
          ipv6(ip6, "ff02::1", UDP, udp6(ip6, "ff02::1", 1, 2, MARK)),
        ),
      ],
    );
  }
  const failures: string[] = [];
  for (const [what, frame] of frames) {
    const seen = await seenOn(lab, "net-pro", () => lab.host.send(frame, "stranger1"));
    if (seen.some((each) => each.includes(MARK.toHex()))) {
      failures.push(`arrived: ${what} from a stranger`);
    }
  }
  failures.push(...await strayPackets(lab, STRANGER_MAC));
  // Between a stranger and a machine nothing passes, either way.
  const [mac, address] = ["10:66:6a:00:00:01", evil[0]];
  await lab.agent("evil").ask("capture", { name: "eth0", interface: "eth0" });
  await lab.agent("evil").ask("captured", { name: "eth0", wait: 0 });
  await lab.host.send(
    ethernet(mac, STRANGER_MAC, 0x0800, ipv4("192.0.2.9", address, UDP, data)),
    "stranger1",
  );
  const { frames: got = [] } = await lab.agent("evil").ask("captured", {
    name: "eth0",
    wait: 0.06,
  });
  if (got.some((each) => each.includes(MARK.toHex()))) {
    failures.push("arrived: a stranger's packet at evil");
  }
  await lab.host.ask("capture", { name: "stranger1", interface: "stranger1" });
  const back = ethernet(STRANGER_MAC, mac, 0x0800, ipv4(address, "192.0.2.9", UDP, data));
  const seen = await seenOn(lab, "stranger1", () => lab.agent("evil").send(back));
  if (seen.some((each) => each.includes(MARK.toHex()))) {
    failures.push("arrived: evil's packet at a stranger");
  }
  return failures;
}

/** Addresses in ranges that `public-only` does not reach; the kernel itself routes none of 0/8, 127/8 and 224/3. */
const PRIVATE_SAMPLES = [
  ...["10.200.0.1", "100.64.0.1", "169.254.7.7", "172.20.0.1", "192.0.0.7", "192.168.9.9"],
  ...["198.18.0.1", "64:ff9b::1", "2002::1", "4000::1", "9000::1"],
];

/** Whether packets of `till` towards private ranges leave the host, and those of `evil`, who may, do. */
async function ranges(lab: Lab): Promise<string[]> {
  const outside = lab.agent("outside");
  await outside.ask("capture", { name: "eth0", interface: "eth0" });
  const leaving = async (machine: string) => {
    await outside.ask("captured", { name: "eth0", wait: 0 });
    await Promise.all(PRIVATE_SAMPLES.map((address) => lab.agent(machine).udp(address, 9)));
    const { frames = [] } = await outside.ask("captured", { name: "eth0", wait: 0.1 });
    // The target's address, of a packet and not of a question for its MAC.
    const packets = frames.filter((frame) => /^.{24}(0800|86dd)/.test(frame));
    return new Set(PRIVATE_SAMPLES.filter((address) => {
      const bytes = address.includes(":") ? ip6Bytes(address) : ip4Bytes(address);
      return packets.some((frame) => frame.includes(bytes.toHex()));
    }));
  };
  let left = await leaving("evil");
  // Once more: what a busy machine lost is no rule's work.
  if (left.size < PRIVATE_SAMPLES.length) left = left.union(await leaving("evil"));
  return [
    ...PRIVATE_SAMPLES.filter((each) => !left.has(each)).map((each) =>
      `evil does not reach ${each}`
    ),
    ...[...await leaving("till")].map((each) => `till reaches ${each}`),
  ];
}

async function frames(lab: Lab): Promise<string[]> {
  const names = (attacks: readonly Attack[]) => attacks.map(({ name }) => name);
  const honest = await arrivals(lab, HONEST);
  const forged = await arrivals(lab, ATTACKS);
  return [
    ...names(HONEST).filter((name) => !honest.includes(name)).map((name) => `refused: ${name}`),
    ...forged.map((name) => `arrived: ${name}`),
  ];
}

/** With br_netfilter the host puts fragments together before the rules see them: here it does not. */
async function fragments(lab: Lab): Promise<string[]> {
  const set = (value: string) =>
    lab.host.ask("run", {
      argv: ["sysctl", "-qw", `net.bridge.bridge-nf-call-ip6tables=${value}`],
    });
  await set("0");
  const forged = await arrivals(lab, ATTACKS.filter(({ name }) => name.startsWith("the rest of")));
  const honest = await arrivals(lab, [HONEST_FRAGMENT]);
  await set("1");
  return [
    ...forged.map((name) => `arrived: ${name}`),
    ...honest.length === 1 ? [] : [`refused: ${HONEST_FRAGMENT.name}`],
  ];
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

/** Checks by frames that an attacker writes, to be run one after the other: what each finds wrong. */
export const FRAME_CHECKS: readonly ((lab: Lab) => Promise<string[]>)[] = [
  frames,
  strangers,
  outsiders,
  announcements,
  otherProtocols,
  errors,
  ...ONE_WAY_CHECKS,
  reserved,
  fragments,
  ranges,
];
