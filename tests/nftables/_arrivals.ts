import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, REFUSED_AFTER } from "./_lab.ts";

/** An interface where frames are sent, or captured. */
export interface Port {
  readonly agent: Agent;
  readonly iface: string;
}

/** A frame, and the place where it is seen if it arrives. */
export interface Probe {
  readonly name: string;
  readonly from: Port;
  readonly to: Port;
  readonly frame: Uint8Array;
  /** Text that only this frame contains, in hexadecimal. */
  readonly trace: string;
  /** Whether it should arrive. */
  readonly passes: boolean;
}

/** Returns the interface of a namespace that leads to the host, unless another is named. */
export function port(agent: Agent, iface = "eth0"): Port {
  return { agent, iface };
}

/** Sends all, in this order, and then returns those that have arrived. `wait` in seconds. */
export async function arrived(
  probes: readonly Probe[],
  wait = REFUSED_AFTER / 4,
): Promise<Set<Probe>> {
  const key = ({ agent, iface }: Port) => `${agent.pid} ${iface}`;
  const places = new Map(probes.map(({ to }) => [key(to), to]));
  await Promise.all([...places.values()].map(({ agent, iface }) => agent.capture(iface)));
  for (const { from, frame } of probes) await from.agent.send(frame, from.iface);
  await sleep(wait * 1000);
  const seen = new Map(
    await Promise.all(
      [...places].map(async ([place, { agent, iface }]) =>
        [place, await agent.captured(iface, 0)] as const
      ),
    ),
  );
  return new Set(
    probes.filter(({ to, trace }) => seen.get(key(to))?.some((frame) => frame.includes(trace))),
  );
}

/** Returns the unexpected results, as text. */
export async function surprises(probes: readonly Probe[]): Promise<string[]> {
  const seen = await arrived(probes);
  return probes.filter((probe) => seen.has(probe) !== probe.passes)
    .map(({ name, passes }) => `${passes ? "refused" : "arrived"}: ${name}`);
}
