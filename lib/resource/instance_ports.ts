import type { ActualInstance } from "./instance.ts";

/**
 * Returns the names of a machine's NICs on the host, as declared and as Incus chose them, each with
 * the bridge that Incus connects it to; an empty text for none.
 */
export function portsOf(
  { config, expandedDevices }: Pick<ActualInstance, "config" | "expandedDevices">,
): Map<string, string> {
  return new Map(
    Object.entries(expandedDevices).flatMap(([name, device]) => {
      if (device.type !== "nic") return [];
      const names = [device.host_name, config[`volatile.${name}.host_name`]];
      return names.filter((each) => each !== undefined)
        .map((each) => [each, device.network || device.parent || ""] as const);
    }),
  );
}
