import { runCommand } from "../host/command.ts";
import { INTERFACE_NAME } from "./element.ts";
import type { NftOptions } from "./run_nft.ts";

/** An interface of the host. */
export interface HostLink {
  readonly name: string;
  /** The kernel's number for it. */
  readonly index: number;
  /** The kernel's word for what it is: `bridge`, `veth`, `wireguard`; empty of a network card. */
  readonly kind: string;
  readonly isUp: boolean;
  /** What it is a port of. */
  readonly master?: string;
  /** With prefix lengths; link-local ones left out. */
  readonly addresses: readonly string[];
}

/** All interfaces, as `ip -json -details address show` tells (iproute2's `ip/ipaddress.c`). Needs no root. */
export async function readLinks({ signal }: NftOptions): Promise<HostLink[]> {
  const { stdout } = await runCommand(["ip", "-json", "-details", "address", "show"], {
    signal,
    timeoutMs: 60_000,
  });
  return parseLinks(stdout);
}

interface IpAddress {
  readonly local?: string;
  readonly prefixlen?: number;
  readonly scope?: string;
}

export function parseLinks(json: string): HostLink[] {
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
      ...(master === undefined ? {} : { master }),
      addresses: addr_info.flatMap(({ local, prefixlen, scope }) =>
        local === undefined || prefixlen === undefined || scope === "link"
          ? []
          : [`${local}/${prefixlen}`]
      ),
    }];
  });
}
