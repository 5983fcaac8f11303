import assert from "node:assert/strict";
import { isLocalInterface, LOCAL_KINDS, localReturns } from "./local_interface.ts";

/** Kinds that lead to a network outside, or that carry no traffic. */
const OUTSIDE_KINDS = [
  ...[
    "bond",
    "dsa",
    "dummy",
    "hsr",
    "ifb",
    "ipoib",
    "ipvlan",
    "ipvtap",
    "macsec",
    "macvlan",
    "macvtap",
  ],
  ...[
    "netdevsim",
    "netkit",
    "nlmon",
    "prp",
    "rmnet",
    "team",
    "vcan",
    "veth",
    "virt_wifi",
    "vlan",
    "vrf",
  ],
  ...["vxcan", "wwan", "lowpan", "can"],
];

Deno.test("every kind of interface that `ip` knows is either local or outside", async () => {
  const { stderr } = await new Deno.Command("ip", { args: ["link", "help"] }).output();
  const list = /TYPE := \{([^}]*)\}/.exec(new TextDecoder().decode(stderr))?.[1] ?? "";
  const kinds = list.split("|").map((each) => each.trim()).filter((each) =>
    each !== "" && !each.endsWith("_slave")
  );
  assert.ok(kinds.includes("bridge") && kinds.includes("vxlan"), list);
  assert.deepEqual(
    kinds.filter((kind) => LOCAL_KINDS.includes(kind) === OUTSIDE_KINDS.includes(kind)),
    [],
  );
});

Deno.test("isLocalInterface() knows by name what has no kind, and cards by having no kind", () => {
  const cases: readonly [string, string, boolean][] = [
    ["eth0", "", false],
    ["wlan0", "", false],
    ["docker0", "bridge", true],
    ["wg0", "wireguard", true],
    ["tailscale0", "tun", true],
    ["he-ipv6", "sit", true],
    ["vboxnet0", "", true],
    ["vmnet8", "", true],
    ["l2tpeth0", "", true],
    ["tun0", "ovpn-dco", true],
    ["bond0", "bond", false],
  ];
  for (const [name, kind, local] of cases) assert.equal(isLocalInterface(name, kind), local, name);
});

Deno.test("localReturns() asks for kinds and for the beginnings of names", () => {
  const [kinds, ...names] = localReturns("oif");
  assert.match(kinds ?? "", /^meta oifkind \{ "bridge", .* \} return$/);
  assert.deepEqual(names, [
    'oifname "vboxnet*" return',
    'oifname "vmnet*" return',
    'oifname "l2tpeth*" return',
  ]);
});
