import { PATIENCE_MS, runCommand } from "../host/command.ts";
import { INTERFACE_NAME } from "./element.ts";
import type { NftOptions } from "./run_nft.ts";
import { optional } from "../diag/optional.ts";

/** An interface of the host. */
export interface HostLink {
  readonly name: string;
  /** Its number in the kernel. */
  readonly index: number;
  /** The kernel's kind of link: `bridge`, `veth`, `wireguard`; empty for a network card. */
  readonly kind: string;
  readonly isUp: boolean;
  /** The bridge or bond whose port it is. */
  readonly master?: string;
  /** Addresses with prefix lengths, without link-local ones. */
  readonly addresses: readonly string[];
}

/**
 * Reads all interfaces from `ip -json -details address show` (iproute2's `ip/ipaddress.c`). Needs
 * no root.
 */
export async function readLinks({ signal }: NftOptions): Promise<HostLink[]> {
  const { stdout } = await runCommand(["ip", "-json", "-details", "address", "show"], {
    signal,
    timeoutMs: PATIENCE_MS,
  });
  return parseLinks(stdout);
}

interface IpAddress {
  readonly local?: string;
  readonly prefixlen?: number;
  readonly scope?: string;
}

function parseLinks(json: string): HostLink[] {
  const entries = JSON.parse(json) as {
    readonly ifname?: string;
    readonly ifindex?: number;
    readonly flags?: readonly string[];
    readonly master?: string;
    readonly linkinfo?: { readonly info_kind?: string };
    readonly addr_info?: readonly IpAddress[];
  }[];
  return entries.flatMap((entry): HostLink[] => {
    const { ifname, ifindex, flags = [], master, linkinfo, addr_info = [] } = entry;
    if (ifname === undefined || ifindex === undefined || !INTERFACE_NAME.test(ifname)) return [];
    return [{
      name: ifname,
      index: ifindex,
      kind: linkinfo?.info_kind ?? "",
      isUp: flags.includes("UP"),
      ...optional({ master }),
      addresses: addr_info.flatMap(({ local, prefixlen, scope }) =>
        local === undefined || prefixlen === undefined || scope === "link"
          ? []
          : [`${local}/${prefixlen}`]
      ),
    }];
  });
}
