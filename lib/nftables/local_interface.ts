/**
 * Kinds of interface, as the kernel names them, that do not lead to the outside: virtual switches,
 * and tunnels. Only the domains that name a tunnel under `via` reach it. `tun` is also `tap`, and
 * so OpenVPN, Tailscale, ZeroTier. `ovpn-dco` and `amneziawg` are modules from outside the kernel,
 * of OpenVPN and of a disguised WireGuard.
 */
export const LOCAL_KINDS = [
  ...["bridge", "openvswitch"],
  ...["wireguard", "amneziawg", "tun", "ovpn", "ovpn-dco", "ppp", "xfrm", "vti", "vti6"],
  ...["gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan", "ipip", "sit", "ip6tnl"],
  ...["vxlan", "geneve", "bareudp", "amt", "gtp", "pfcp"],
];

/**
 * Name prefixes of interfaces that have no kind: networks of VirtualBox and VMware, which are
 * switches of the host, and L2TP tunnels.
 */
const LOCAL_NAMES = ["vboxnet", "vmnet", "l2tpeth"];

/**
 * Kinds that are the outside if they have a default route: a server's `br0`; `ppp0`, which is the
 * way out of a modem or DSL line, and also of some VPNs.
 */
export const UPLINK_KINDS = ["bridge", "openvswitch", "ppp"];

/** True if the rules treat an interface as one of the host's own switches and tunnels. */
export function isLocalInterface(name: string, kind: string): boolean {
  return LOCAL_KINDS.includes(kind) || LOCAL_NAMES.some((each) => name.startsWith(each));
}

/**
 * Returns the rules that leave a chain at such an interface; `side` is the side that is not the
 * domain's.
 */
export function localReturns(side: "iif" | "oif"): string[] {
  return [
    `meta ${side}kind { ${LOCAL_KINDS.map((kind) => `"${kind}"`).join(", ")} } return`,
    ...LOCAL_NAMES.map((name) => `${side}name "${name}*" return`),
  ];
}
