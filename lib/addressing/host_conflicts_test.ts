import assert from "node:assert/strict";
import type { Diagnostic } from "../diag/diagnostic.ts";
import type { Infra } from "../infra/infra.ts";
import { assignAddresses } from "./assign_addresses.ts";
import { findHostConflicts } from "./host_conflicts.ts";
import type { HostNetworks } from "./host_networks.ts";
import type { HostRoute } from "./host_networks.ts";
import type { HostRule } from "./host_rules.ts";
import { sketchInfra } from "../infra/_infra_builder.ts";

const INFRA = sketchInfra([{ name: "pro", subnetId: 3 }, { name: "lab", subnetId: 4 }], {
  ipv6: true,
});
const ADDRESSING = assignAddresses(INFRA, undefined, {
  newUuid: "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00",
}).addressing!;
const ULA = ADDRESSING.domains.get("pro")!.ipv6!.subnet;

/** Routes of both families together, as if each had its own table. */
interface Host extends Partial<Omit<HostNetworks, "routing">> {
  readonly routes?: readonly HostRoute[];
  readonly rules?: readonly HostRule[];
}

function conflictsOf(
  { routes = [], rules = [], ...host }: Host,
  infra: Infra = INFRA,
): Diagnostic[] {
  const isSix = ({ dst }: HostRoute) => dst.includes(":");
  const { conflicts, warnings } = findHostConflicts(infra, ADDRESSING, {
    routing: {
      ipv4: { routes: routes.filter((route) => !isSix(route)), rules },
      ipv6: { routes: routes.filter(isSix), rules: [] },
    },
    interfaces: [],
    ownedBridges: new Set(),
    ...host,
  });
  return [...conflicts.map(({ diagnostic }) => diagnostic), ...warnings];
}

/** Returns `severity code line` of each conflict. */
function shortOf(host: Host): string[] {
  return conflictsOf(host).map(({ severity, code, range }) =>
    `${severity} ${code} ${range?.start.line}`
  );
}

/** Rules as `ip rule add` takes them: `pref 100 fwmark 1 lookup 52`. */
function rule(priority: number, more: Partial<HostRule> = {}): HostRule {
  return { priority, action: "lookup", text: `${priority}: …`, ...more };
}

const USUAL = [rule(0, { table: "local" }), rule(32_766, { table: "main" })];
/** The route that the client of a company's VPN adds. */
const VPN: HostRoute = { dst: "10.120.0.0/16", dev: "tun0", table: "52" };

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
        // As plain numbers, the infra's IPv4 subnets would be in it.
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
  assert.match(conflicts[0]?.summary ?? "", /10\.0\.0\.0\/8 over tun0.*`pro`, `lab`/);
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

Deno.test("findHostConflicts() refuses a table that is asked before main and has the domains' addresses", () => {
  const found = conflictsOf({ routes: [VPN], rules: [...USUAL, rule(5270, { table: "52" })] });
  // The rules have their own order, whatever the order in this list.
  assert.deepEqual(found.map(({ code, severity }) => `${severity} ${code}`), [
    "warning HOST_ROUTE_SHADOWED",
  ]);
  const before = [
    USUAL[0]!,
    rule(5270, { table: "52", text: "5270: from all lookup 52" }),
    USUAL[1]!,
  ];
  const errors = conflictsOf({ routes: [VPN], rules: before });
  // Both domains share the one diagnostic.
  assert.deepEqual(errors.map(({ code, range }) => `${code} ${range?.start.line}`), [
    "HOST_NETWORK 100",
    "HOST_NETWORK 100",
  ]);
  assert.equal(errors[0], errors[1]);
  assert.match(
    errors[0]!.summary,
    /^`pro` and `\w+` cannot work: .* to them leave by tun0, not by their bridges.*5270: .*in table 52/,
  );
  assert.match(
    errors[0]!.remedy ?? "",
    /^`ip rule add pref 5269 lookup main suppress_prefixlength 0` makes the host use .* until the next boot/,
  );
});

Deno.test("findHostConflicts() advises another subnet only where that leads out of the route", () => {
  const ask = (dst: string) => {
    const rules = [
      USUAL[0]!,
      rule(5270, { table: "52", text: "5270: from all lookup 52" }),
      USUAL[1]!,
    ];
    return conflictsOf({ routes: [{ dst, dev: "tun0", table: "52" }], rules })[0]?.remedy ?? "";
  };
  assert.match(
    ask("10.120.3.0/25"),
    /to 10\.120\.3\.0\/24 lookup main`.* give `pro` another `subnet_id`$/,
  );
  for (const all of ["default", "0.0.0.0/1"]) assert.match(ask(all), /local networks\)$/, all);
  assert.match(ask("10.120.0.0/14"), /local networks\)(, or change `global\.addressing`)?$/);
});

for (
  const [what, more, rules] of [
    ["main is asked first, but for its default", [], [
      rule(100, { table: "main", suppressLength: 0 }),
    ]],
    ["it throws them on", [{ ...VPN, dst: "10.120.3.0/24", type: "throw" }, {
      ...VPN,
      dst: "10.120.4.0/24",
      type: "throw",
    }], []],
    ["a rule leads past it", [], [rule(100, { action: "goto", target: 32_000 })]],
    ["a rule sends each subnet to main", [], [
      rule(100, { to: "10.120.3.0/24", table: "main" }),
      rule(101, { to: "10.120.4.0/24", table: "main" }),
    ]],
  ] as const
) {
  Deno.test(`findHostConflicts() lets a table before main be where ${what}`, () => {
    const all = [USUAL[0]!, ...rules, rule(5270, { table: "52" }), USUAL[1]!];
    const found = conflictsOf({ routes: [VPN, ...more], rules: all });
    assert.deepEqual(found.filter(({ severity }) => severity === "error"), []);
  });
}

for (
  const [what, selector] of [
    ["a mark", { mark: { value: 1, mask: 0xff } }],
    ["a user", { uids: [1000, 1000] }],
    ["a source", { from: "192.0.2.0/24" }],
    ["an interface", { iif: "eth7" }],
    ["a port", { others: ["dport"] }],
  ] as const
) {
  Deno.test(`findHostConflicts() warns of a table that only packets with ${what} are looked up in`, () => {
    const rules = [USUAL[0]!, rule(100, { ...selector, table: "52" }), USUAL[1]!];
    assert.deepEqual(shortOf({ routes: [VPN], rules }), ["warning HOST_ROUTE_DIVERTED undefined"]);
  });
}

Deno.test("findHostConflicts() takes marks together: who marks packets to get past a VPN gets past it", () => {
  // The rules that tailscale adds.
  const mark = { value: 0x80000, mask: 0xff0000 };
  const rules = [
    USUAL[0]!,
    rule(5210, { mark, table: "main" }),
    rule(5250, { mark, action: "drop" }),
    rule(5270, { table: "52" }),
    USUAL[1]!,
  ];
  assert.deepEqual(shortOf({ routes: [{ ...VPN, dst: "100.64.0.0/10" }], rules }), []);
});

Deno.test("findHostConflicts() refuses what keeps a gateway's answers, or those from outside, from a domain", () => {
  const away: HostRoute = { dst: "default", dev: "wg0", table: "100" };
  const uplink: HostRoute = { dst: "default", dev: "eth0", gateway: "192.0.2.1" };
  const ruled = (more: Partial<HostRule>) => ({
    routes: [away, uplink],
    rules: [USUAL[0]!, rule(100, { table: "100", ...more }), USUAL[1]!],
  });
  // A rule sends a whole domain out by a VPN, and the answers of its name server too.
  assert.deepEqual(shortOf(ruled({ from: "10.120.3.0/24" })), [
    "error HOST_NETWORK 100",
    "warning HOST_ROUTE_DIVERTED undefined",
  ]);
  // A domain that sends nothing outside gets no answers from there.
  assert.deepEqual(shortOf(ruled({ iif: "eth0" })), ["warning HOST_ROUTE_DIVERTED undefined"]);
  const [pro, lab] = INFRA.domains;
  const online: Infra = { ...INFRA, domains: [{ ...pro!, internet: { kind: "full" } }, lab!] };
  const codes = conflictsOf(ruled({ iif: "eth0" }), online).map(({ code, range }) =>
    `${code} ${range?.start.line}`
  );
  assert.deepEqual(codes, ["HOST_NETWORK 100", "HOST_ROUTE_DIVERTED undefined"]);
});

Deno.test("findHostConflicts() warns of an equal route that loses, and refuses one that came first", () => {
  const theirs: HostRoute = { dst: "10.120.3.0/24", dev: "tun0", gateway: "192.0.2.1" };
  assert.deepEqual(shortOf({ routes: [{ ...theirs, metric: 600 }] }), [
    "warning HOST_ROUTE_SHADOWED undefined",
  ]);
  const ours: HostRoute = { dst: "10.120.3.0/24", dev: "net-pro" };
  const ownedBridges = new Set(["net-pro"]);
  assert.deepEqual(shortOf({ routes: [ours, theirs], ownedBridges }), [
    "warning HOST_ROUTE_SHADOWED undefined",
  ]);
  assert.deepEqual(shortOf({ routes: [theirs] }), ["error HOST_NETWORK 100"]);
});

Deno.test("findHostConflicts() sees a bridge that hangs in a VRF, and says how to get it out", () => {
  const [found] = conflictsOf({
    interfaces: [
      { name: "vrf0", addresses: [], kind: "vrf", table: "100" },
      { name: "net-pro", addresses: ["10.120.3.254/24"], master: "vrf0" },
    ],
    routes: [{ dst: "default", dev: "eth0", gateway: "192.0.2.1" }],
    rules: [USUAL[0]!, rule(1000, { l3mdev: true }), USUAL[1]!],
    ownedBridges: new Set(["net-pro"]),
  });
  assert.equal(found?.code, "HOST_NETWORK");
  assert.match(found?.remedy ?? "", /ip link set net-pro nomaster/);
});

Deno.test("findHostConflicts() only warns of a domain that is switched off", () => {
  const infra = sketchInfra([{ name: "pro", subnetId: 3, enabled: false }]);
  const { addressing } = assignAddresses(infra, undefined, { newUuid: ADDRESSING.infraId });
  const found = findHostConflicts(infra, addressing!, {
    interfaces: [{ name: "eth0", addresses: ["10.120.3.7/24"] }],
    ownedBridges: new Set(),
  });
  assert.deepEqual(found.conflicts, []);
  assert.deepEqual(found.warnings.map(({ severity, code }) => `${severity} ${code}`), [
    "warning HOST_NETWORK",
  ]);
});
