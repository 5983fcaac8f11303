/**
 * Frames to the addresses that a bridge keeps for itself (IEEE 802.1Q, table 8-1): what a bridge,
 * and the host behind it, learn from them. `evil` claims to be `victim`, the gateway, or a new
 * machine.
 */
import { BRIDGE_SETTINGS } from "../../lib/nftables/bridge_setting.ts";
import { arp, BROADCAST, bytes, ethernet, ip4Bytes, ipv4, newMark, UDP, udp } from "./_frames.ts";
import { HOST, type Lab } from "./_lab.ts";
import { EVIL, GATEWAY, VICTIM } from "./_sent_frame.ts";

const hex = (byte: number) => byte.toString(16).padStart(2, "0");

/** All sixteen addresses. */
export const RESERVED: readonly string[] = Array.from(
  { length: 16 },
  (_, last) => `01:80:c2:00:00:${hex(last)}`,
);
/**
 * Addresses that other bridges and clocks use, and this one does not: all bridges, GMRP, GVRP, CFM,
 * PTP.
 */
const NEARLY_RESERVED = ["10", "20", "21", "2f", "30", "3f"].map((last) => `01:80:c2:00:00:${last}`)
  .concat("01:1b:19:00:00:00");

/**
 * Addresses whose frames a rule can see: the others pass no hook of the bridge, or the kernel drops
 * them (PAUSE).
 */
const HELD_BY_RULES = RESERVED.filter((address) => !/:0e$/.test(address));

/** Returns one payload of each kind sent there, from a MAC. */
function payloads(from: string): readonly (readonly [type: number, payload: Uint8Array])[] {
  const question = arp({ operation: 1, senderMac: from, sender: VICTIM.ip, target: GATEWAY });
  return [
    // LLDP, 802.1X, LACP, and by its length a BPDU.
    [0x88cc, bytes(2, 7, 4, new Uint8Array(43))],
    [0x888e, bytes(1, 1, new Uint8Array(44))],
    [0x8809, bytes(1, 1, new Uint8Array(108))],
    [38, bytes(0x42, 0x42, 3, new Uint8Array(43))],
    [0x0806, question],
    [0x0800, ipv4(VICTIM.ip, GATEWAY, UDP, udp(4000, 53, newMark()))],
    [0x0800, ipv4("0.0.0.0", "255.255.255.255", UDP, udp(68, 67, newMark()))],
  ];
}

const NOBODY = "02:00:00:00:77:01";

/**
 * Returns the bridge's port for a MAC once `isIt` accepts it, or the port after `patience`
 * milliseconds: frames wait for a processor.
 */
async function settled(
  lab: Lab,
  mac: string,
  isIt: (port: string | undefined) => boolean,
  patience: number,
): Promise<string | undefined> {
  const until = performance.now() + patience;
  for (;;) {
    const port = await portOf(lab, mac);
    if (isIt(port) || performance.now() > until) return port;
  }
}

/** Returns the bridge's port for a MAC; undefined if it is the bridge's own or unknown. */
async function portOf(lab: Lab, mac: string): Promise<string | undefined> {
  const shown = await lab.host.run("bridge", "fdb", "show", "br", "net-pro");
  return shown.split("\n").filter((line) => line.startsWith(mac))
    .map((line) => /dev (\S+)/.exec(line)?.[1]).find((port) => port !== "net-pro");
}

/**
 * Returns what the bridge has learnt from such frames of `evil`, or of another port, as text.
 * Learning may take `patience` milliseconds.
 */
async function learnt(
  lab: Lab,
  addresses: readonly string[],
  { from = { agent: lab.agent("evil"), iface: "eth0" }, patience = 10 } = {},
): Promise<string[]> {
  const gateway = await lab.host.mac("net-pro");
  const port = lab.built.addressing.machines.get("victim")!.hostName;
  const word = arp({ operation: 1, senderMac: VICTIM.mac, sender: VICTIM.ip, target: GATEWAY });
  const found: string[] = [];
  for (const to of addresses) {
    const nobody = NOBODY.replace(/..$/, to.slice(-2));
    const claim = async (mac: string, before: string | undefined, patience: number) => {
      const frames = payloads(mac).map(([type, payload]) => ethernet(to, mac, type, payload));
      await from.agent.sendAll(frames, from.iface);
      return await settled(lab, mac, (at) => at !== before, patience);
    };
    // The victim sends a frame, so that the bridge knows its port.
    await lab.agent("victim").send(ethernet(BROADCAST, VICTIM.mac, 0x0806, word));
    await settled(lab, VICTIM.mac, (at) => at === port, 2000);
    if (await claim(VICTIM.mac, port, patience) !== port) {
      found.push(`the bridge takes another for the victim after ${to}`);
    }
    // A bridge's own MAC never moved on the kernels tested, so there is no need to wait.
    if (await claim(gateway, undefined, 10) !== undefined) {
      found.push(`the bridge takes another for the gateway after ${to}`);
    }
    const at = await claim(nobody, undefined, patience);
    if (at !== undefined) {
      found.push(`the bridge learns a MAC from ${to}`);
      await lab.host.run("bridge", "fdb", "del", nobody, "dev", at, "master");
    }
  }
  return found;
}

/** Sets the bridges. */
export async function setLearning(lab: Lab, learns: boolean): Promise<void> {
  for (const { bridge } of lab.built.addressing.domains.values()) {
    const settings = Object.entries(BRIDGE_SETTINGS)
      .flatMap(([key, value]) => [key, String(learns ? 1 - value : value)]);
    await lab.host.run("ip", "link", "set", bridge, "type", "bridge", ...settings);
  }
}

/** Returns what it learns without the setting: waits for it. */
export const learntFreely = (lab: Lab, addresses = RESERVED): Promise<string[]> =>
  learnt(lab, addresses, { patience: 1000 });

/** Returns what it learns with the setting: nothing. */
export async function reservedLearning(lab: Lab): Promise<string[]> {
  await setLearning(lab, false);
  return await learnt(lab, [...RESERVED, ...NEARLY_RESERVED]);
}

/**
 * Returns what it learns without the setting, but with the rules, as far as they can prevent it.
 */
export async function reservedLearningByRules(lab: Lab): Promise<string[]> {
  await setLearning(lab, true);
  try {
    return await learnt(lab, [...HELD_BY_RULES, ...NEARLY_RESERVED]);
  } finally {
    await setLearning(lab, false);
  }
}

/** Tests a foreign port on the victim's bridge, which can do no more. */
export async function strangersLearning(lab: Lab): Promise<string[]> {
  await lab.host.ip(
    "link add stranger2 type veth peer name stranger3",
    "link set stranger2 master net-pro",
    "link set stranger2 up",
    "link set stranger3 up",
  );
  await setLearning(lab, true);
  try {
    const found = await learnt(lab, HELD_BY_RULES, {
      from: { agent: lab.host, iface: "stranger3" },
    });
    // The port of a foreign machine's own MAC does not matter.
    return found.filter((each) => !each.includes("learns"));
  } finally {
    await setLearning(lab, false);
    await lab.host.ip("link delete stranger2");
  }
}

/**
 * Returns the host's addresses that ARP in such frames gets answers for, and the neighbours that
 * the host records at the machine's port.
 */
export async function reservedArp(lab: Lab): Promise<string[]> {
  const evil = lab.agent("evil");
  const port = lab.built.addressing.machines.get("evil")!.hostName;
  const found: string[] = [];
  for (const to of RESERVED) {
    await evil.capture();
    const targets = [HOST, "172.17.0.1"];
    await evil.sendAll(targets.map((target) => {
      const question = arp({ operation: 1, senderMac: EVIL.mac, sender: EVIL.ip, target });
      return ethernet(to, EVIL.mac, 0x0806, question);
    }));
    const frames = await evil.captured("eth0", 0.05);
    if (targets.some((target) => frames.some((each) => isAnswerAbout(each, target)))) {
      found.push(`answered: ARP to ${to}`);
    }
  }
  const noted = await lab.host.run("ip", "neigh", "show", "dev", port);
  if (noted.includes("lladdr")) found.push("the host notes neighbours at evil's port");
  await lab.host.run("ip", "neigh", "flush", "dev", port);
  return found;
}

/**
 * The same from a sender without an address, to LLDP's address, which no rule of the bridge sees:
 * for each machine.
 */
export async function namelessArp(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  for (const { machine, hwaddr } of lab.built.addressing.machines.values()) {
    const agent = lab.agent(machine), sender = "0.0.0.0";
    await agent.capture();
    const question = arp({ operation: 1, senderMac: hwaddr, sender, target: HOST });
    await agent.send(ethernet("01:80:c2:00:00:0e", hwaddr, 0x0806, question));
    const frames = await agent.captured("eth0", 0.05);
    if (frames.some((frame) => isAnswerAbout(frame, HOST, sender))) {
      found.push(`answered: ARP of ${machine} from nowhere`);
    }
  }
  return found;
}

function isAnswerAbout(frame: string, address: string, asker = EVIL.ip): boolean {
  const answer = `0806${"0001080006040002"}`;
  return frame.slice(24, 44) === answer && frame.slice(56, 64) === ip4Bytes(address).toHex() &&
    frame.slice(76, 84) === ip4Bytes(asker).toHex();
}

/** Tests what the host tells a machine by ARP, and learns from it, without the table `bridge`. */
export async function arpAlone(lab: Lab): Promise<string[]> {
  return await lab.withoutTable("bridge", async () => {
    const evil = lab.agent("evil");
    const ask = async (sender: string, target: string) => {
      await evil.capture();
      const question = arp({ operation: 1, senderMac: EVIL.mac, sender, target });
      await evil.send(ethernet(BROADCAST, EVIL.mac, 0x0806, question));
      const frames = await evil.captured("eth0", 0.05);
      return frames.some((frame) => isAnswerAbout(frame, target, sender));
    };
    const found: string[] = [];
    for (const target of [HOST, "172.17.0.1", "10.120.1.254"]) {
      if (await ask(EVIL.ip, target)) found.push(`answered: ARP for ${target}`);
    }
    for (const sender of ["10.120.0.77", VICTIM.ip]) {
      if (await ask(sender, GATEWAY)) found.push(`answered: ARP of ${sender}`);
    }
    return found;
  });
}

/** Tests that each machine finds its gateway. */
export async function gatewayArp(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  for (const { machine, domain, ip, hwaddr } of lab.built.addressing.machines.values()) {
    const agent = lab.agent(machine);
    const { gateway } = lab.built.addressing.domains.get(domain)!;
    await agent.capture();
    const question = arp({ operation: 1, senderMac: hwaddr, sender: ip, target: gateway });
    await agent.send(ethernet(BROADCAST, hwaddr, 0x0806, question));
    const frames = await agent.captured("eth0", 0.05);
    if (!frames.some((frame) => isAnswerAbout(frame, gateway, ip))) {
      found.push(`${machine} does not find its gateway`);
    }
  }
  return found;
}

export const RESERVED_CHECKS = [
  reservedLearning,
  reservedLearningByRules,
  strangersLearning,
  reservedArp,
  namelessArp,
  arpAlone,
  gatewayArp,
];
