import assert from "node:assert/strict";
import { type BridgeLink, compareLink, linkTrouble, needsSetup } from "./bridge_link.ts";

const CONFIG = { "ipv4.address": "10.120.3.254/24", "ipv6.address": "fd00:1:2:3::254/64" };
const SOUND: BridgeLink = {
  stands: true,
  up: true,
  addresses: ["10.120.3.254/24", "fd00:1:2:3::254/64"],
  routes: ["10.120.3.0/24", "fd00:1:2:3::/64", "fe80::/64"],
  listeners: [
    "10.120.3.254:53",
    "0.0.0.0%net-pro:67",
    "[fd00:1:2:3::254]:53",
    "[::]%net-pro:547",
    // A socket of another bridge.
    "0.0.0.0%net-lab:67",
  ],
  ports: { port1: "net-pro" },
  strangers: [],
};

/** Returns `path: before -> after`, with `!` for a breach. */
function found(live: Partial<BridgeLink>, config: Record<string, string> = CONFIG): string[] {
  return compareLink("net-pro", config, { ...SOUND, ...live }).map(
    ({ path, before, after, breach }) => `${breach ? "! " : ""}${path}: ${before} -> ${after}`,
  );
}

Deno.test("compareLink() has nothing to say of a bridge that stands as it was made", () => {
  assert.deepEqual(found({}), []);
});

for (
  const [what, live, fields, setup] of [
    ["a bridge that is gone", { stands: false }, ["link: missing -> up"], true],
    [
      "one that is down, and says nothing of the routes that went with it",
      {
        up: false,
        routes: [],
      },
      ["link: down -> up"],
      true,
    ],
    [
      "a missing address, without its route",
      {
        addresses: ["fd00:1:2:3::254/64"],
        routes: ["fd00:1:2:3::/64"],
      },
      ["link.address.10.120.3.254/24: undefined -> present"],
      true,
    ],
    ["a missing address of IPv6", { addresses: ["10.120.3.254/24"] }, [
      "link.address.fd00:1:2:3::254/64: undefined -> present",
    ], true],
    ["a foreign address", { addresses: [...SOUND.addresses, "10.9.0.1/24"] }, [
      "link.address.10.9.0.1/24: present -> undefined",
    ], true],
    ["a route that somebody took away", { routes: ["fd00:1:2:3::/64"] }, [
      "link.route.10.120.3.0/24: undefined -> present",
    ], true],
    ["a dead name server", { listeners: [] }, ["name_server: no DNS and DHCP -> running"], true],
    [
      "a name server without its DHCP",
      {
        listeners: SOUND.listeners!.filter((each) => !each.endsWith(":67")),
      },
      ["name_server: no DHCP -> running"],
      true,
    ],
    ["a machine that is not plugged in", { ports: { port1: "" } }, [
      "link.ports.port1: undefined -> net-pro",
    ], false],
    ["a machine that is plugged in elsewhere", { ports: { port1: "br0" } }, [
      "link.ports.port1: br0 -> net-pro",
    ], false],
    ["a stranger's port", { strangers: ["veth9"] }, [
      "! link.ports.veth9: net-pro -> undefined",
    ], false],
    ["a bridge that hangs in a switch or a VRF", { master: "ovs0" }, [
      "! link.master: ovs0 -> undefined",
    ], false],
  ] as const
) {
  Deno.test(`compareLink() sees ${what}`, () => {
    assert.deepEqual(found(live), fields);
    const compared = compareLink("net-pro", CONFIG, { ...SOUND, ...live });
    assert.equal(needsSetup(compared), setup);
  });
}

Deno.test("compareLink() asks for no IPv6 where there is none, and for no name server where nobody could look", () => {
  const config = { "ipv4.address": "10.120.3.254/24", "ipv6.address": "none" };
  const { listeners: _, ...unseen } = SOUND;
  const live = { ...unseen, addresses: ["10.120.3.254/24"], routes: ["10.120.3.0/24"] };
  assert.deepEqual(compareLink("net-pro", config, live), []);
});

Deno.test("linkTrouble() tells in words what is amiss, and leaves doors to others", () => {
  const trouble = (live: Partial<BridgeLink>) =>
    linkTrouble("net-pro", CONFIG, { ...SOUND, ...live });
  assert.deepEqual(trouble({ stands: false }), ["there is no such interface"]);
  assert.deepEqual(
    trouble({ up: false, addresses: ["10.9.0.1/24"], listeners: [], ports: { port1: "" } }),
    [
      "it is down",
      "no address 10.120.3.254/24",
      "no address fd00:1:2:3::254/64",
      "it has the foreign address 10.9.0.1/24",
      "port1 is not plugged in",
      "nobody answers for DNS and DHCP",
    ],
  );
  assert.deepEqual(trouble({ strangers: ["veth9"], master: "ovs0" }), []);
});
