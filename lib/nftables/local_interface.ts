/**
 * Kinds of interface, as the kernel names them, that are no way to the outside: switches of the host, and tunnels. A tunnel
 * is reached by the domains that name it under `via` alone. `tun` is also `tap`, and so OpenVPN, Tailscale, ZeroTier; `ovpn-dco` and
 * `amneziawg` are modules from outside the kernel, of OpenVPN and of a WireGuard in disguise.
 */
export const LOCAL_KINDS = [
  ...["bridge", "openvswitch"],
  ...["wireguard", "amneziawg", "tun", "ovpn", "ovpn-dco", "ppp", "xfrm", "vti", "vti6"],
  ...["gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan", "ipip", "sit", "ip6tnl"],
  ...["vxlan", "geneve", "bareudp", "amt", "gtp", "pfcp"],
];

/** Beginnings of names of what has no kind: networks of VirtualBox and VMware, switches of the host, and L2TP tunnels. */
export const LOCAL_NAMES = ["vboxnet", "vmnet", "l2tpeth"];

/**
 * Kinds that are the outside where they carry a default route: a server's `br0`; `ppp0`, which is a modem's or a DSL line's
 * way out as well as some VPNs'.
 */
export const UPLINK_KINDS = ["bridge", "openvswitch", "ppp"];

/** Whether the rules count an interface among the host's own switches and tunnels. */
export function isLocalInterface(name: string, kind: string): boolean {
  return LOCAL_KINDS.includes(kind) || LOCAL_NAMES.some((each) => name.startsWith(each));
}

/** The rules that leave a chain at such an interface; `side` is the one that is no domain's. */
export function localReturns(side: "iif" | "oif"): string[] {
  return [
    `meta ${side}kind { ${LOCAL_KINDS.map((kind) => `"${kind}"`).join(", ")} } return`,
    ...LOCAL_NAMES.map((name) => `${side}name "${name}*" return`),
  ];
}
