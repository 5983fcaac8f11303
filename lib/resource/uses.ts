import { formatAddr } from "./address.ts";
import type { Devices } from "./delta.ts";
import { networkAddr } from "./network.ts";
import { volumeAddr } from "./volume.ts";

/** Returns `formatAddr` of the networks and volumes that devices in a project use. */
export function usedByDevices(devices: Devices, project: string): string[] {
  return Object.values(devices).flatMap((device) => {
    if (device.type === "nic" && device.network !== undefined) {
      return [formatAddr(networkAddr(device.network))];
    }
    return device.type === "disk" && device.source !== undefined && device.pool !== undefined
      ? [formatAddr(volumeAddr(project, device.pool, device.source))]
      : [];
  });
}
