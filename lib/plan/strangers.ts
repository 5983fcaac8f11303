import { formatAddr } from "../resource/address.ts";
import type { ActualInstance } from "../resource/instance.ts";
import { strayDevice } from "../resource/isolation.ts";
import { ownership } from "../resource/mark.ts";
import type { ActualState } from "./actual_state.ts";
import type { DesiredState } from "./desired_state.ts";
import { comparePlaces } from "./sort_changes.ts";
import type { Stranger } from "./plan.ts";

/**
 * Returns machines that do not belong to this infra and are in the Incus project of one of its
 * domains, or on its bridge: somebody launched them there. A foreign machine with a declared name
 * is an error instead.
 */
export function findStrangers(desired: DesiredState, actual: ActualState): Stranger[] {
  const all = [...desired.resources, ...desired.disabled];
  const declared = new Set(all.map(({ addr }) => formatAddr(addr)));
  const projects = new Map<string | undefined, string>();
  const bridges = new Map<string | undefined, string>();
  for (const { kind, addr, domain } of all) {
    if (kind === "project") projects.set(addr.name, domain);
    if (kind === "network") bridges.set(addr.name, domain);
  }
  return actual.resources.flatMap((found) => {
    if (found.kind !== "instance" || declared.has(formatAddr(found.addr))) return [];
    if (ownership(found.config, desired.owner).kind === "ours") return [];
    const home = projects.get(found.addr.project);
    const nics = Object.entries(found.expandedDevices).filter(([, { type }]) => type === "nic");
    const onBridge = nics.flatMap(([name, nic]) => {
      const bridge = nic.network || nic.parent;
      const domain = bridges.get(bridge);
      return domain === undefined ? [] : [{ name, bridge: bridge!, domain }];
    });
    const domain = home ?? onBridge[0]?.domain;
    if (domain === undefined) return [];
    return [{
      addr: found.addr,
      domain,
      state: found.status.toLowerCase(),
      // The rules do not know this port: its packets are dropped at the bridge.
      walled: onBridge.map(({ name, bridge }) => `${name} on ${bridge}`),
      doors: home === undefined ? [] : doorsOf(found, new Set(onBridge.map(({ name }) => name))),
    }];
  }).toSorted(comparePlaces);
}

/** Returns the devices that connect it with the outside: other NICs, and parts of the host. */
function doorsOf({ expandedDevices }: ActualInstance, walled: ReadonlySet<string>): string[] {
  return Object.entries(expandedDevices).flatMap(([name, device]) => {
    if (walled.has(name) || strayDevice(name, device) === undefined) return [];
    const where = device.network || device.parent || device.nictype || device.source ||
      device.connect;
    return [where ? `${name} (${device.type} ${where})` : `${name} (${device.type})`];
  });
}
