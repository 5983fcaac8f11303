import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import { checkedName } from "./element.ts";
import { FirewallError } from "./firewall_error.ts";
import type { Ruleset } from "./ruleset.ts";
import { firewallError, type NftOptions } from "./run_nft.ts";
import { optional } from "../diag/optional.ts";

/**
 * Settings of a kernel bridge, by the names of ip-link(8) and of /sys/class/net/NAME/bridge. A
 * bridge handles frames to the addresses 01:80:c2:00:00:00-0f itself. Most of them pass no hook
 * where a rule could drop them (LLDP's :0e passes none, `br_handle_frame` in
 * net/bridge/br_input.c). Yet the bridge learns their source address at that port. The setting
 * lasts as long as the interface: Incus creates a bridge without it at each boot.
 */
export const BRIDGE_SETTINGS: Readonly<Record<string, number>> = { no_linklocal_learn: 1 };

/** The fields of `ip -json -details link` that are read. */
interface ListedLink {
  readonly ifname?: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: object };
}

/**
 * Returns what is wrong with a live bridge, one line each:
 * `net-pro: no_linklocal_learn is 0, not 1…`. Empty for other links.
 */
function wrongBridgeSettings({ ifname: name, linkinfo }: ListedLink): string[] {
  if (linkinfo?.info_kind !== "bridge") return [];
  const live = new Map<string, unknown>(Object.entries(linkinfo.info_data ?? {}));
  return Object.entries(BRIDGE_SETTINGS).filter(([key, value]) => live.get(key) !== value)
    .map(([key, value]) =>
      `${name}: ${key} is ${
        live.get(key) ?? "unknown to this kernel"
      }, not ${value}: a machine can ` +
      "intercept traffic for its neighbour"
    );
}

/** True if a difference is about one of these settings. */
export function isBridgeSetting(difference: string): boolean {
  return Object.keys(BRIDGE_SETTINGS).some((key) => difference.includes(`: ${key} is `));
}

/** Returns the bridges that a ruleset names, existing or not. */
export function bridgesOf({ text }: Pick<Ruleset, "text">): string[] {
  const set = /^\tset bridges \{\n(?:(?!\t\}).*\n)*/m.exec(text)?.[0] ?? "";
  return [...set.matchAll(/^\t\t\t"([^"]+)"/gm)].map(([, name]) => name!);
}

/**
 * Returns what is wrong with the existing ones of these bridges, as `wrongBridgeSettings`. Needs no
 * root.
 * @throws FirewallError
 */
export async function bridgeDifferences(
  names: readonly string[],
  options: NftOptions = {},
): Promise<string[]> {
  return (await wrongBridges(names, options)).flatMap(wrongBridgeSettings);
}

/**
 * Sets the existing ones of these bridges, clears the addresses they have learnt so far, and reads
 * the settings back.
 * @throws FirewallError if one could not be set: no machine may start on it
 */
export async function setBridges(
  names: readonly string[],
  options: NftOptions = {},
): Promise<void> {
  const wrong = await wrongBridges(names, options);
  if (wrong.length === 0) return;
  const settings = Object.entries(BRIDGE_SETTINGS).flat().join(" ");
  const script = wrong.map((link) =>
    `link set dev ${checkedName(link.ifname ?? "")} type bridge ${settings} fdb_flush\n`
  ).join("");
  try {
    await runIp(["-force", "-batch", "-"], { ...options, stdin: script });
  } catch (error) {
    // One of them may be gone now: what is read back decides.
    if (!(error instanceof CommandError) || error.reason === "interrupted") throw error;
  }
  const left = await bridgeDifferences(names, options);
  if (left.length === 0) return;
  throw new FirewallError(
    "differs",
    `A bridge could not be set: ${left.join("; ")}`,
    "No machine is started. This needs root, Linux 5.0 and iproute2 5.0",
  );
}

async function wrongBridges(
  names: readonly string[],
  options: NftOptions,
): Promise<ListedLink[]> {
  const ours = new Set(names);
  if (ours.size === 0) return [];
  return (await liveBridges(options)).filter((link) =>
    ours.has(link.ifname ?? "") && wrongBridgeSettings(link).length > 0
  );
}

async function liveBridges(options: NftOptions): Promise<ListedLink[]> {
  try {
    const text = await runIp(["-json", "-details", "link", "show", "type", "bridge"], options);
    return text.trim() === "" ? [] : JSON.parse(text) as ListedLink[];
  } catch (error) {
    throw firewallError("Cannot read the bridges", error);
  }
}

async function runIp(
  args: readonly string[],
  { signal, stdin }: NftOptions & { readonly stdin?: string },
): Promise<string> {
  const given = optional({ stdin });
  return (await runCommand(["ip", ...args], { signal, timeoutMs: PATIENCE_MS, ...given })).stdout;
}
