import { dhcp, newMark } from "./_frames.ts";
import { everything, GONE_B, GONE_B6, KINDLESS, PUBLIC_DOCKER } from "./_everything.ts";
import {
  type Agent,
  type Answer,
  DOCKER,
  HOST,
  HOST6,
  type Lab,
  LAN,
  OUTSIDE,
  OUTSIDE6,
  type Pair,
  PRIVATE_OUTSIDE,
} from "./_lab.ts";

/** One property of the whole ruleset, tested again for each mutant of it. */
export interface Check {
  readonly name: string;
  readonly holds: (lab: Lab) => Promise<boolean>;
}

type Kind = "tcp" | "udp" | "ping";

function ask(agent: Agent, kind: Kind, address: string, port: number): Promise<Answer> {
  return kind === "ping" ? agent.ping(address) : agent[kind](address, port);
}

function open(from: string, kind: Kind, address: string, port = 0, seen?: string): Check {
  return {
    name: `${from} reaches ${kind} ${address} ${port}`,
    holds: async (lab) => {
      const agent = lab.agent(from);
      // A second attempt: a packet lost by a busy machine is not a rule's work.
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
      (await ask(lab.agent(from), kind, address, port)).error === "Connection refused",
  };
}

/** Makes the same check for both families. */
function both<T>(pair: readonly [T, T], check: (each: T, i: number) => Check): Check[] {
  return pair.map(check);
}

/** Returns the IPv4 and IPv6 address of a machine. */
function addresses(name: string): Pair {
  const machine = everything.addressing.machines.get(name);
  if (machine?.ipv6 === undefined) throw new Error(`no ${name}`);
  return [machine.ip, machine.ipv6];
}
function gateways(name: string): Pair {
  const domain = everything.addressing.domains.get(name);
  if (domain?.ipv6 === undefined) throw new Error(`no ${name}`);
  return [domain.gateway, domain.ipv6.gateway];
}

const [evil, victim, server, web, till, vpn] = [
  addresses("evil"),
  addresses("victim"),
  addresses("server"),
  addresses("web"),
  addresses("till"),
  addresses("vpn-a"),
];

/** Checks by plain connections; they may run in parallel. */
export const CONNECTION_CHECKS: readonly Check[] = [
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
        const { hwaddr: chaddr, ip: ciaddr } = lab.built.addressing.machines.get(machine!)!;
        const request = dhcp({ chaddr, ciaddr, type: 3, mark: newMark() });
        const [port, from, data] = i === 0 ? [67, 68, request.toHex()] : [547, 546, "01"];
        const answer = await lab.agent(machine!).udp(to, port, { source_port: from, data });
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
  ...both([HOST, HOST6], (to) => shut("evil", "tcp", to, 22)),
  shut("evil", "udp", "172.17.0.1", 53),
  shut("evil", "ping", "198.51.100.1"),
  ...both(evil, (to) => open("host", "tcp", to, 80)),
  ...both(server, (to) => open("host", "ping", to)),
  // Outwards.
  open("evil", "tcp", OUTSIDE, 80, HOST),
  open("evil", "tcp", OUTSIDE6, 80, HOST6),
  open("evil", "ping", OUTSIDE),
  open("evil", "tcp", PRIVATE_OUTSIDE, 80),
  open("evil", "tcp", LAN, 80, "198.51.100.1"),
  shut("evil", "tcp", DOCKER, 80),
  open("till", "tcp", OUTSIDE, 80, HOST),
  open("till", "udp", OUTSIDE6, 53),
  shut("till", "tcp", PRIVATE_OUTSIDE, 80),
  shut("till", "ping", PRIVATE_OUTSIDE),
  shut("till", "tcp", DOCKER, 80),
  // Not because the address is private: this one is public.
  shut("till", "tcp", PUBLIC_DOCKER, 80),
  shut("evil", "tcp", PUBLIC_DOCKER, 80),
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
  open("outside", "tcp", HOST6, 2207, OUTSIDE6),
  open("outside", "udp", HOST, 1053),
  open("outside", "udp", HOST6, 1053),
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
  // No service listens there: the refusal is an ICMP error about a published flow.
  ...[HOST, HOST6].map((address) => refused("outside", "udp", address, 41999)),
  // So is the refusal of a flow that the host started.
  ...both(evil, (to) => refused("host", "udp", to, 9)),
  refused("docker", "tcp", "172.17.0.1", 2207),
  ...KINDLESS.flatMap(([name, network]) => [
    shut("evil", "tcp", `${network}.10`, 80),
    shut(name, "tcp", web[0]!, 443),
    open("server", "tcp", `${network}.10`, 22, server[0]!),
    // Nothing is published there, and the host itself serves nothing.
    refused(name, "tcp", `${network}.1`, 2207),
  ]),
  shut("docker", "tcp", gateways("pro")[0], 22),
  // A bridge that was removed from infra.yml.
  open("gone-a", "tcp", GONE_B, 80),
  refused("gone-a", "tcp", GONE_B6, 80),
  shut("gone-a", "tcp", evil[0], 80),
  shut("gone-a", "tcp", OUTSIDE, 80),
  shut("gone-a", "tcp", HOST, 22),
  shut("evil", "tcp", GONE_B, 80),
  shut("outside", "tcp", GONE_B, 80),
  // Traffic that is not ours.
  open("docker", "tcp", OUTSIDE, 80),
  open("docker", "tcp", "172.17.0.1", 22),
  open("outside", "tcp", HOST, 22),
];

/** True if a ping of that machine is sent into the tunnel. */
async function tunnels(lab: Lab, machine: string, address: string): Promise<boolean> {
  await lab.host.captured("tun0");
  await lab.agent(machine).ping(address);
  const version = address.includes(":") ? "6" : "4";
  return (await lab.host.captured("tun0")).some((packet) => packet.startsWith(version));
}
