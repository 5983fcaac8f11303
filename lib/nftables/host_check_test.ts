import assert from "node:assert/strict";
import { checkHost } from "./host_check.ts";
import {
  type DoctorWishes,
  type ForeignChain,
  type HostFacts,
  parseOtherTables,
} from "./host_facts.ts";

const HEALTHY: HostFacts = {
  nftVersion: "1.0.6",
  sysctls: { "net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "0" },
  chains: [],
  flowtables: [],
  strangers: [],
  missingInterfaces: [],
  uplinks: [{ name: "eth0", isOutside: true }],
  atBoot: [],
  firewall: "in-place",
  strayed: [],
  overlaps: [],
  diversions: [],
  brokenBridges: [],
  managers: [],
};
const WISHES: DoctorWishes = { ipv6: false, anyInternet: true, via: [] };
const chain = (change: Partial<ForeignChain>): ForeignChain => ({
  family: "ip",
  table: "filter",
  name: "FORWARD",
  hook: "forward",
  policy: "drop",
  knowsBridges: false,
  siblings: ["FORWARD"],
  ...change,
});

/** Findings that are not ok, as `check state`. */
function found(change: Partial<HostFacts>, wishes: Partial<DoctorWishes> = {}): string[] {
  return checkHost({ ...HEALTHY, ...change }, { ...WISHES, ...wishes })
    .filter(({ state }) => state !== "ok").map(({ check, state }) => `${check} ${state}`);
}

Deno.test("checkHost() finds nothing on a healthy host", () => assert.deepEqual(found({}), []));

const CASES: readonly (readonly [string, Partial<HostFacts>, string, Partial<DoctorWishes>?])[] = [
  ["no nft", { nftVersion: undefined }, "nft bad"],
  ["an nft without /etc/protocols", { knowsProtocols: false }, "nft bad"],
  ["an nft that is too old", { nftVersion: "0.9.8" }, "nft bad"],
  ["an nft that nobody tried", { nftVersion: "1.0.9" }, "nft warning"],
  ["rules that are not loaded", { firewall: "missing" }, "rules bad"],
  ["rules that do not come back", { atBoot: ["x is missing"] }, "boot bad"],
  ["forwarding off", { sysctls: { "net.ipv4.ip_forward": "0" } }, "forwarding bad"],
  [
    "forwarding of IPv6 off",
    { sysctls: { "net.ipv6.conf.all.forwarding": "0" } },
    "forwarding6 bad",
    { ipv6: true },
  ],
  ["Docker's drop", { chains: [chain({ siblings: ["DOCKER-USER"] })] }, "docker bad"],
  ["ufw's drop", { chains: [chain({ siblings: ["ufw-before-forward"] })] }, "ufw bad"],
  ["somebody's drop", { chains: [chain({})] }, "firewalls bad"],
  [
    "firewalld without a zone for the bridges",
    { chains: [chain({ table: "firewalld", policy: "accept" })] },
    "firewalld bad",
  ],
  ["a flowtable", { flowtables: [{ name: "fast", devices: ["net-pro"] }] }, "flowtables bad"],
  ["a foreign port", { strangers: [{ bridge: "net-pro", port: "eth1" }] }, "ports bad"],
  ["no uplink", { uplinks: [] }, "uplink warning"],
  ["a tunnel beside the uplink", {
    uplinks: [{ name: "eth0", isOutside: true }, { name: "tun0", isOutside: false }],
  }, "uplink warning"],
  ["a tunnel as uplink", { uplinks: [{ name: "wg0", isOutside: false }] }, "uplink bad"],
  [
    "a strict reverse path of a tunnel",
    { sysctls: { "net.ipv4.conf.all.rp_filter": "1" } },
    "rp_filter warning",
    { via: ["wg0"] },
  ],
  ["an overlap", { overlaps: [{ summary: "10.1.0.0/24 is in use" }] }, "routes bad"],
  [
    "a rule that may lead elsewhere",
    { diversions: [{ summary: "may not arrive" }] },
    "routes warning",
  ],
  ["a table that takes a domain's way out into a tunnel", {
    strayed: [
      { domain: "pro", bridge: "net-pro", name: "tun0", because: " (rule 9)", priority: 9 },
      { domain: "lab", bridge: "net-lab", name: "tun0", because: " (rule 9)", priority: 9 },
    ],
  }, "uplink bad"],
  ["a broken bridge", { brokenBridges: ["net-pro: it is down"] }, "bridges bad"],
  ["no root", { chains: undefined }, "firewalls unknown"],
];

for (const [name, facts, finding, wishes] of CASES) {
  Deno.test(`checkHost() finds ${name}`, () => assert.deepEqual(found(facts, wishes), [finding]));
}

Deno.test("checkHost() is content where the other firewall lets the bridges through", () => {
  assert.deepEqual(found({ chains: [chain({ knowsBridges: true })] }), []);
  assert.deepEqual(
    found({ sysctls: { "net.ipv4.conf.all.rp_filter": "2" } }, { via: ["wg0"] }),
    [],
  );
});

Deno.test("parseOtherTables() reads chains and flowtables of others, and sees their rule for our bridges", () => {
  const of = (rules: unknown[]) =>
    parseOtherTables(JSON.stringify({
      nftables: [
        { metainfo: { version: "1.0.6" } },
        {
          chain: {
            family: "inet",
            table: "anklume_x",
            name: "forward",
            hook: "forward",
            policy: "drop",
          },
        },
        {
          chain: {
            family: "ip",
            table: "filter",
            name: "FORWARD",
            hook: "forward",
            policy: "drop",
          },
        },
        { chain: { family: "ip", table: "filter", name: "DOCKER-USER" } },
        { flowtable: { family: "inet", table: "fast", name: "f", dev: "net-pro" } },
        ...rules,
      ],
    }));
  const rule = {
    rule: {
      family: "ip",
      table: "filter",
      chain: "DOCKER-USER",
      expr: [{ match: { right: "net-*" } }],
    },
  };
  assert.deepEqual(of([]), {
    chains: [chain({ siblings: ["FORWARD", "DOCKER-USER"] })],
    flowtables: [{ name: "f", devices: ["net-pro"] }],
  });
  assert.equal(of([rule]).chains[0]?.knowsBridges, true);
});

Deno.test("checkHost() names who may have taken a bridge's address, and how to keep it away", () => {
  const remedyWith = (managers: string[]) =>
    checkHost({ ...HEALTHY, brokenBridges: ["net-pro: it is down"], managers }, WISHES)
      .find(({ check }) => check === "bridges")?.remedy;
  assert.equal(remedyWith([]), "anklume network deploy");
  assert.match(remedyWith(["NetworkManager"]) ?? "", /unmanaged-devices=interface-name:net-\*/);
  assert.match(remedyWith(["systemd-networkd"]) ?? "", /Name=net-\* ak\*.*Unmanaged=yes/);
});
