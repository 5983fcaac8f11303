/** The ranges that `internet: public-only` does not reach. */
import { ip4Bytes, ip6Bytes } from "./_frames.ts";
import { type Lab, REFUSED_AFTER } from "./_lab.ts";

/** An address in each range; but the kernel itself routes none of 0/8, 127/8 and 224/3. */
const SAMPLES = [
  ...["10.200.0.1", "100.64.0.1", "169.254.7.7", "172.20.0.1", "192.0.0.7", "192.168.9.9"],
  ...["198.18.0.1", "64:ff9b::1", "2002::1", "4000::1", "9000::1"],
];

/** Returns the addresses for which packets of that machine leave the host. */
async function leaving(lab: Lab, machine: string): Promise<Set<string>> {
  const outside = lab.agent("outside");
  await outside.capture();
  await Promise.all(
    SAMPLES.map((address) => lab.agent(machine).udp(address, 9, { timeout: REFUSED_AFTER / 4 })),
  );
  // The target's address in a packet, not in an ARP request.
  const packets = (await outside.captured("eth0", 0.1))
    .filter((frame) => /^.{24}(0800|86dd)/.test(frame));
  return new Set(SAMPLES.filter((address) => {
    const bytes = address.includes(":") ? ip6Bytes(address) : ip4Bytes(address);
    return packets.some((frame) => frame.includes(bytes.toHex()));
  }));
}

/**
 * Tests the ranges: `till` is in a domain that reaches only public addresses, `evil` in one that
 * reaches all.
 */
async function privateRanges(lab: Lab): Promise<string[]> {
  let left = await leaving(lab, "evil");
  // A second attempt: a packet lost by a busy machine is not a rule's work.
  if (left.size < SAMPLES.length) left = left.union(await leaving(lab, "evil"));
  return [
    ...SAMPLES.filter((each) => !left.has(each)).map((each) => `evil does not reach ${each}`),
    ...[...await leaving(lab, "till")].map((each) => `till reaches ${each}`),
  ];
}

export const PRIVATE_RANGE_CHECKS = [privateRanges];
