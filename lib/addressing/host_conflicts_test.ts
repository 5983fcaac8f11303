import assert from "node:assert/strict";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { assignAddresses } from "./assign_addresses.ts";
import { findHostConflicts, type HostNetworks } from "./host_conflicts.ts";
import { sketchInfra } from "./infra_fixture.ts";

const INFRA = sketchInfra([{ name: "pro", subnetId: 3 }, { name: "lab", subnetId: 4 }], {
  ipv6: true,
});
const ADDRESSING = assignAddresses(INFRA, undefined, {
  newUuid: "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00",
}).addressing!;
const ULA = ADDRESSING.domains.get("pro")!.ipv6!.subnet;

function conflictsOf(host: Partial<HostNetworks>): Diagnostic[] {
  return findHostConflicts(INFRA, ADDRESSING, {
    routes: [],
    interfaces: [],
    ownedBridges: new Set(),
    ...host,
  });
}

/** `severity code line` of each. */
function shortOf(host: Partial<HostNetworks>): string[] {
  return conflictsOf(host).map(({ severity, code, range }) =>
    `${severity} ${code} ${range?.start.line}`
  );
}

Deno.test("findHostConflicts() is content with an ordinary host", () => {
  assert.deepEqual(
    shortOf({
      routes: [
        { dst: "default", dev: "eth0", gateway: "192.168.1.1" },
        { dst: "default", dev: "eth0", gateway: "fe80::1" },
        { dst: "192.168.1.0/24", dev: "eth0" },
        { dst: "172.17.0.0/16", dev: "docker0" },
        { dst: "10.120.2.0/24", dev: "virbr0" },
        { dst: "10.120.5.0/24", dev: "virbr1" },
        { dst: "fe80::/64", dev: "eth0" },
        // As numbers, our IPv4 subnets are in it.
        { dst: "::/32", dev: "eth0" },
      ],
      interfaces: [{ name: "lo", addresses: ["127.0.0.1/8", "::1/128"] }],
    }),
    [],
  );
});

for (
  const [what, route] of [
    ["the same network", { dst: "10.120.3.0/24", dev: "docker0" }],
    ["a part of it", { dst: "10.120.3.128/25", dev: "docker0" }],
    ["one address of it", { dst: "10.120.3.9", dev: "wg0" }],
    ["a black hole in it", { dst: "10.120.3.64/26" }],
    ["a next hop in it", { dst: "default", dev: "eth0", gateway: "10.120.3.1" }],
    ["the same IPv6 network", { dst: ULA, dev: "docker0" }],
  ] as const
) {
  Deno.test(`findHostConflicts() refuses a route to ${what}`, () => {
    assert.deepEqual(shortOf({ routes: [route] }), ["error HOST_NETWORK 100"]);
  });
}

Deno.test("findHostConflicts() reports each domain at its own place", () => {
  assert.deepEqual(
    shortOf({
      routes: [{ dst: "10.120.3.0/24", dev: "a" }, { dst: "10.120.4.0/25", dev: "b" }],
    }),
    ["error HOST_NETWORK 100", "error HOST_NETWORK 200"],
  );
});

Deno.test("findHostConflicts() warns once of a wider route, whatever the number of domains", () => {
  const conflicts = conflictsOf({ routes: [{ dst: "10.0.0.0/8", dev: "tun0" }] });
  assert.deepEqual(conflicts.map(({ code, severity }) => `${severity} ${code}`), [
    "warning HOST_ROUTE_SHADOWED",
  ]);
  assert.match(conflicts[0]?.summary ?? "", /10\.0\.0\.0\/8 over tun0.*`lab`, `pro`/);
});

Deno.test("findHostConflicts() takes a default route in two halves for what it is", () => {
  assert.deepEqual(
    shortOf({
      routes: [{ dst: "0.0.0.0/1", dev: "tun0" }, { dst: "128.0.0.0/1", dev: "tun0" }, {
        dst: "8000::/1",
        dev: "tun0",
      }],
    }),
    [],
  );
});

Deno.test("findHostConflicts() passes over a wider black hole: it leads nowhere anyway", () => {
  assert.deepEqual(shortOf({ routes: [{ dst: "10.0.0.0/8" }] }), []);
});

Deno.test("findHostConflicts() refuses an address of the host in a subnet, also of a wider network", () => {
  assert.deepEqual(shortOf({ interfaces: [{ name: "eth0", addresses: ["10.120.3.7/8"] }] }), [
    "error HOST_NETWORK 100",
  ]);
  assert.deepEqual(shortOf({ interfaces: [{ name: "eth0", addresses: ["10.1.3.7/8"] }] }), []);
});

Deno.test("findHostConflicts() says an interface and its own route once", () => {
  assert.deepEqual(
    shortOf({
      interfaces: [{ name: "docker0", addresses: ["10.120.3.1/24"] }],
      routes: [{ dst: "10.120.3.0/24", dev: "docker0" }],
    }),
    ["error HOST_NETWORK 100"],
  );
});

Deno.test("findHostConflicts() names each network that is in the way of one domain", () => {
  const conflicts = conflictsOf({
    routes: [{ dst: "10.120.3.0/24", dev: "docker0" }, { dst: "10.120.3.9", dev: "wg0" }],
  });
  assert.deepEqual(
    conflicts.map(({ summary }) => /over (\S+)$/.exec(summary)?.[1]),
    ["docker0", "wg0"],
  );
});

Deno.test("findHostConflicts() leaves the bridges of declared domains to the plan", () => {
  const live = {
    interfaces: [{ name: "net-pro", addresses: ["10.120.4.254/24"] }],
    routes: [{ dst: "10.120.4.0/24", dev: "net-pro" }],
  };
  assert.deepEqual(shortOf({ ...live, ownedBridges: new Set(["net-pro"]) }), []);
  assert.deepEqual(shortOf(live), ["error HOST_NETWORK 200"]);
});

Deno.test("findHostConflicts() refuses the subnet of a bridge that stayed behind", () => {
  const conflicts = conflictsOf({
    routes: [{ dst: "10.120.3.0/24", dev: "net-old" }],
    ownedBridges: new Set(["net-old"]),
  });
  assert.equal(conflicts.length, 1);
  assert.match(conflicts[0]?.remedy ?? "", /apply --prune/);
});

Deno.test("findHostConflicts() names the other infra that has the subnet", () => {
  const conflicts = conflictsOf({
    routes: [{ dst: "10.120.3.0/24", dev: "net-x" }],
    otherInfras: new Map([["net-x", "school"]]),
  });
  assert.equal(conflicts.length, 1);
  assert.match(conflicts[0]?.detail ?? "", /`school`/);
});

Deno.test("findHostConflicts() passes over what is no address", () => {
  assert.deepEqual(
    shortOf({
      routes: [{ dst: "unspec", dev: "x" }, { dst: "10.120.3.0/33", dev: "x" }],
      interfaces: [{ name: "x", addresses: ["", "abc/24"] }],
    }),
    [],
  );
});
