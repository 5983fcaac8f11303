import { readSysctls } from "../../nftables/host_facts.ts";
import type { LegacyDrop } from "../../nftables/parse_trace.ts";
import type { TraceRun } from "../../nftables/trace_flow.ts";
import type { BuiltStage } from "./trace_stage.ts";

/**
 * Returns, for each packet that no nftables rule ended, why it did not arrive; undefined if
 * unknown.
 */
export async function lostReasons(
  { traces }: TraceRun,
  { stage, ways }: BuiltStage,
  signal: AbortSignal,
): Promise<(string | undefined)[]> {
  const keys = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] as const;
  const sysctls = await readSysctls(keys, { signal });
  return ways.map(({ refused, target }, i) => {
    const packet = stage.packets[i];
    const key = packet?.from.includes(":") ? keys[1] : keys[0];
    const down = stage.interfaces.find(({ name, isUp, ports }) =>
      !isUp && (name === packet?.into || name === target ||
        ports.some((port) => port.name === packet?.into || port.name === target))
    );
    if (down !== undefined) return `${down.name} is down`;
    if (sysctls[key] === "0" && target !== "host" && packet?.into !== undefined) {
      return `the host forwards nothing: ${key} is 0`;
    }
    // Only after the check of forwarding: without it, the kernel has no route either.
    if (refused !== undefined) return `the host has no route for it: ${refused}`;
    const legacy = traces[i]?.legacy ?? [];
    return legacy.length === 0
      ? undefined
      : `iptables-legacy drops it (nft does not show these rules): ${legacyText(legacy)}`;
  });
}

function legacyText(drops: readonly LegacyDrop[]): string {
  return drops.map(({ family, table, chain, rule }) =>
    `table ${family} ${table}, chain ${chain}, ${rule === "policy" ? "policy" : `rule ${rule}`}`
  ).join("; ");
}
