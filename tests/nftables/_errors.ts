/**
 * ICMP errors that quote a flow. Conntrack takes one for a part of the flow that it quotes, whoever sends it, as long as it goes
 * to that packet's sender: so what the flow may do, an error about it may too.
 */
import { ICMP, ICMPV6, MARK, UDP } from "./_attacks.ts";
import { bytes, ethernet, icmp, icmpv6, ipv4, ipv6, udp, udp6 } from "./_frames.ts";
import type { Lab } from "./_lab.ts";

/** IPv4 and IPv6 address of a place. */
type Pair = readonly [string, string];

/** Where a packet of a flow goes, that an error quotes. */
interface Quoted {
  readonly from: Pair;
  readonly to: Pair;
  readonly ports: readonly [number, number];
}

export interface ErrorFrame {
  readonly name: string;
  readonly sender: string;
  readonly source: Pair;
  readonly quoted: Quoted;
  /** Where it is seen when it arrives: an agent, or the host's input chain. */
  readonly seenBy: string;
}

const OUTSIDE: Pair = ["203.0.113.10", "2001:db8::10"];
const HOST: Pair = ["203.0.113.1", "2001:db8::1"];
const [INNER, OUTER, OWN] = [5100, 5101, 5102];

export function addressesOf(lab: Lab, machine: string): Pair {
  const found = lab.built.addressing.machines.get(machine);
  if (found?.ipv6 === undefined) throw new Error(`no ${machine}`);
  return [found.ip, found.ipv6];
}

/** Errors about flows of others; none may arrive. */
export function forgedErrors(lab: Lab): ErrorFrame[] {
  const at = (name: string) => addressesOf(lab, name);
  const toServer: Quoted = { from: at("victim"), to: at("server"), ports: [INNER, 53] };
  // The answer, as the victim gets it.
  const toOutside: Quoted = { from: OUTSIDE, to: at("victim"), ports: [53, OUTER] };
  const ofHost: Quoted = { from: HOST, to: OUTSIDE, ports: [OWN, 53] };
  return [
    {
      name: "another domain's machine to the one that began a flow",
      sender: "vpn-b",
      source: at("vpn-b"),
      quoted: toServer,
      seenBy: "victim",
    },
    {
      name: "a machine without internet to the outside, about another's flow",
      sender: "web",
      source: at("web"),
      quoted: toOutside,
      seenBy: "outside",
    },
    {
      name: "the outside to a machine, about a flow between domains",
      sender: "outside",
      source: OUTSIDE,
      quoted: toServer,
      seenBy: "victim",
    },
    {
      name: "a machine to the host, about the host's own flow",
      sender: "vpn-b",
      source: at("vpn-b"),
      quoted: ofHost,
      seenBy: "host",
    },
  ];
}

/** Errors about the sender's own flow, which have to arrive. */
export function honestErrors(lab: Lab): ErrorFrame[] {
  const at = (name: string) => addressesOf(lab, name);
  return [{
    name: "the one that began a flow to its target",
    sender: "victim",
    source: at("victim"),
    quoted: { from: at("server"), to: at("victim"), ports: [53, INNER] },
    seenBy: "server",
  }];
}

/** Which of these arrive, by name and family. The flows that they quote are begun first. */
export async function arrivingErrors(lab: Lab, errors: readonly ErrorFrame[]): Promise<string[]> {
  const server = addressesOf(lab, "server");
  for (const i of [0, 1] as const) {
    await lab.agent("victim").udp(server[i], 53, { source_port: INNER });
    await lab.agent("victim").udp(OUTSIDE[i], 53, { source_port: OUTER });
    await lab.host.udp(OUTSIDE[i], 53, { source_port: OWN });
  }
  for (const name of new Set(errors.map(({ seenBy }) => seenBy))) {
    if (name !== "host") {
      await lab.agent(name).ask("capture", { name: "errors", interface: "eth0" });
    }
  }
  const arrived: string[] = [];
  for (const error of errors) {
    for (const i of [0, 1] as const) {
      const see = await watch(lab, error.seenBy, i);
      await lab.agent(error.sender).send(await frameOf(lab, error, i));
      if (await see()) arrived.push(`${error.name}, IPv${i === 0 ? 4 : 6}`);
    }
  }
  return arrived;
}

async function frameOf(
  lab: Lab,
  { sender, source, quoted }: ErrorFrame,
  i: 0 | 1,
): Promise<Uint8Array> {
  const machine = lab.built.addressing.machines.get(sender);
  const into = machine === undefined
    ? "wan0"
    : lab.built.addressing.domains.get(machine.domain)!.bridge;
  const link = await lab.host.run("ip", "-br", "link", "show", into);
  const router = /([0-9a-f]{2}(:[0-9a-f]{2}){5})/.exec(link)?.[1] ?? "";
  const mac = machine?.hwaddr ?? "02:00:00:00:00:77";
  const [from, to] = [quoted.from[i], quoted.to[i]];
  const unused = bytes(0, 0, 0, 0);
  if (i === 0) {
    const inner = ipv4(from, to, UDP, udp(...quoted.ports, MARK));
    return ethernet(
      router,
      mac,
      0x0800,
      ipv4(source[0], from, ICMP, icmp(3, 3, bytes(unused, inner))),
    );
  }
  const inner = ipv6(from, to, UDP, udp6(from, to, ...quoted.ports, MARK));
  return ethernet(
    router,
    mac,
    0x86dd,
    ipv6(source[1], from, ICMPV6, icmpv6(source[1], from, 1, bytes(unused, inner))),
  );
}

/** Whether the error has come to that place since. */
async function watch(lab: Lab, place: string, i: 0 | 1): Promise<() => Promise<boolean>> {
  if (place === "host") {
    const errors = i === 0 ? "icmp type 3" : "icmpv6 type 1";
    await lab.host.nft(
      `table inet seen { };delete table inet seen;table inet seen { chain in { type filter hook input priority 100; ` +
        `iifname "net-*" ${errors} counter; }; }`,
    );
    return async () => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      const listing = await lab.host.run("nft", "list", "table", "inet", "seen");
      return !/counter packets 0 /.test(listing);
    };
  }
  await lab.agent(place).ask("captured", { name: "errors", wait: 0 });
  return async () => {
    const { frames = [] } = await lab.agent(place).ask("captured", { name: "errors", wait: 0.06 });
    // Behind Ethernet and IP: the error itself, not the flow that it quotes.
    const kind = i === 0 ? /^.{24}0800.{40}0303/ : /^.{24}86dd.{80}0100/;
    return frames.some((frame) => kind.test(frame) && frame.includes(MARK.toHex()));
  };
}
