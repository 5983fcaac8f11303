/**
 * Sends the forged frames of `_attacks.ts` and `_honest.ts` through a lab with the machines `evil`,
 * `victim` and `server`.
 */
import { arrived, type Port, port, surprises } from "./_arrivals.ts";
import { ATTACKS } from "./_attacks.ts";
import { ethernet, ipv4, newMark, UDP, udp } from "./_frames.ts";
import { HONEST, HONEST_FRAGMENT } from "./_honest.ts";
import { HOST, type Lab } from "./_lab.ts";
import { RESERVED } from "./_reserved.ts";
import { EVIL, type SentFrame } from "./_sent_frame.ts";

async function probes<T extends SentFrame>(lab: Lab, attacks: readonly T[], passes: boolean) {
  const gateway = await lab.host.mac("net-pro");
  const places: Record<SentFrame["target"], Port> = {
    victim: port(lab.agent("victim")),
    server: port(lab.agent("server")),
    host: port(lab.host, "net-pro"),
  };
  const from = port(lab.agent("evil"));
  return attacks.map(({ name, target, frame, trace }) => ({
    name,
    from,
    to: places[target],
    frame: frame(gateway),
    trace,
    passes,
  }));
}

/** Returns the names of the attacks that arrive. */
export async function arrivals(lab: Lab, attacks: readonly SentFrame[]): Promise<string[]> {
  const seen = await arrived(await probes(lab, attacks, false));
  return [...seen].map(({ name }) => name);
}

/** The reserved addresses to which the host accepts IP: the kernel drops PAUSE (:01). */
export const TAKEN = RESERVED.filter((address) => !address.endsWith(":01"));

/** Returns how many frames to reserved addresses the host answers. */
export async function reservedAnswers(lab: Lab): Promise<number> {
  const evil = lab.agent("evil");
  await evil.capture();
  for (const to of RESERVED) {
    const packet = ipv4(EVIL.ip, HOST, UDP, udp(4000, 123, newMark()));
    await evil.send(ethernet(to, EVIL.mac, 0x0800, packet));
  }
  // From port 123 to port 4000.
  return (await evil.captured()).filter((each) => each.includes("007b0fa0")).length;
}

async function forgedFrames(lab: Lab): Promise<string[]> {
  return [
    ...await surprises(await probes(lab, HONEST, true)),
    ...await surprises(await probes(lab, ATTACKS, false)),
  ];
}

async function reservedFrames(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  if (await reservedAnswers(lab) > 0) found.push("answered: a frame to a reserved address");
  // A frame from a foreign address is not accepted either.
  const stranger = "192.0.2.9";
  const send = () =>
    lab.agent("evil").sendAll(RESERVED.map((to) => {
      const packet = ipv4(stranger, HOST, UDP, udp(4000, 123, newMark()));
      return ethernet(to, EVIL.mac, 0x0800, packet);
    }));
  if (await lab.hostReceives(`ip saddr ${stranger}`, send)) {
    found.push(`arrived: a frame to a reserved address from ${stranger}`);
  }
  return found;
}

/**
 * Runs without br_netfilter. With it, the host reassembles fragments before the rules see them, and
 * drops malformed packets.
 */
function withoutBrNetfilter(lab: Lab): Promise<string[]> {
  return lab.withoutBrNetfilter(async () =>
    await surprises([
      ...await probes(lab, [HONEST_FRAGMENT], true),
      ...await probes(lab, ATTACKS, false),
    ])
  );
}

export const FORGERY_CHECKS = [forgedFrames, reservedFrames, withoutBrNetfilter];
