import assert from "node:assert/strict";
import type { Addressing } from "../addressing/addressing.ts";
import type { Infra, Publish } from "../infra/infra.ts";
import { type Listener, parseListeners } from "./listener.ts";
import { findPublishConflicts } from "./publish_conflict.ts";
import { parseAnklumeTables, parsePublished, parseRedirects } from "./redirect.ts";
import type { TakenPorts } from "./taken_ports.ts";

const range = { file: "infra.yml", start: { line: 1, column: 1 }, end: { line: 1, column: 2 } };
const PUBLISH: Publish = { host: 22, to: 22, protocol: "tcp", range };

// Only the fields that are read.
const infra = (publish: Publish, ipv6: boolean) =>
  ({
    global: { ipv6 },
    domains: [{ machines: [{ name: "web", publish: [publish] }] }],
  }) as unknown as Infra;
const addressing = {
  domains: new Map([["one", { bridge: "net-one", gateway: "10.120.0.254" }]]),
} as unknown as Addressing;
const surface = {
  interfaces: [
    { name: "eth0", addresses: ["198.51.100.2/24"] },
    { name: "docker0", addresses: ["172.17.0.1/16"] },
  ],
  local: new Set(["docker0"]),
};

function conflicts(
  taken: Partial<TakenPorts>,
  { publish = PUBLISH, ipv6 = false }: { publish?: Publish; ipv6?: boolean } = {},
): string[] {
  const all = { listeners: [], redirects: [], published: [], ...taken };
  return findPublishConflicts(infra(publish, ipv6), addressing, all, surface)
    .map(({ severity, code }) => `${severity} ${code}`);
}

const at = (local: string): { listeners: Listener[] } => ({
  listeners: parseListeners(`tcp LISTEN 0 128 ${local} 0.0.0.0:*\n`),
});

Deno.test("parseListeners() reads what ss prints", () => {
  const text = [
    "udp UNCONN 0      0      127.0.0.53%lo:53   0.0.0.0:*",
    "udp UNCONN 0      0      0.0.0.0%net-one:67   0.0.0.0:*",
    "tcp LISTEN 0      5                    *:22         *:*",
    "tcp LISTEN 0      5      [::ffff:192.0.2.1]:80         *:*",
    "udp UNCONN 0      0      [fe80::1]%eth0:546    [::]:*",
    "???  UNCONN 0      0      *:icmp   *:*",
    "",
  ].join("\n");
  assert.deepEqual(parseListeners(text), [
    { protocol: "udp", port: 53, address: "127.0.0.53", interface: "lo" },
    { protocol: "udp", port: 67, address: "0.0.0.0", interface: "net-one" },
    { protocol: "tcp", port: 22, address: "*" },
    { protocol: "tcp", port: 80, address: "::ffff:192.0.2.1" },
    { protocol: "udp", port: 546, address: "fe80::1", interface: "eth0" },
  ]);
});

Deno.test("findPublishConflicts() names a listener that somebody outside reaches", () => {
  const error = ["error PUBLISH_TAKEN"];
  for (const local of ["*:22", "0.0.0.0:22", "198.51.100.2:22", "[::ffff:198.51.100.2]:22"]) {
    assert.deepEqual(conflicts(at(local)), error, local);
  }
  assert.deepEqual(conflicts(at("0.0.0.0%eth0:22")), error);
  assert.deepEqual(conflicts(at("[::]:22"), { ipv6: true }), error);
  assert.deepEqual(conflicts(at("*:22"), { publish: { ...PUBLISH, replaceHost: true } }), []);
  assert.deepEqual(conflicts(at("*:22"), { publish: { ...PUBLISH, protocol: "udp" } }), []);
  assert.deepEqual(conflicts(at("*:23")), []);
});

Deno.test("a listener that is not reachable from outside keeps its port, and is no conflict", () => {
  for (
    const local of [
      "127.0.0.1:22",
      "127.0.0.53%lo:22",
      "[::1]:22",
      "[::]:22",
      "10.120.0.254:22",
      "0.0.0.0%net-one:22",
      "172.17.0.1:22",
    ]
  ) assert.deepEqual(conflicts(at(local)), [], local);
});

Deno.test("what is published already is told of, and does not keep the rules from being loaded", () => {
  assert.deepEqual(conflicts({ ...at("*:22"), published: ["tcp 22"] }), ["warning PUBLISH_TAKEN"]);
  assert.deepEqual(conflicts({ ...at("*:22"), published: ["udp 22"] }), ["error PUBLISH_TAKEN"]);
});

Deno.test("what could not be looked at is said", () => {
  const seen = { redirects: [], published: [] };
  const diagnostics = findPublishConflicts(infra(PUBLISH, false), addressing, seen, surface);
  assert.deepEqual(diagnostics.map(({ code }) => code), ["PUBLISH_UNSEEN"]);
});

/** As nft 1.0.6 lists it: Incus's network forwards, and Docker's ports by iptables. */
function rule(table: string, chain: string, ...expr: unknown[]) {
  return { rule: { family: table === "nat" ? "ip" : "inet", table, chain, expr } };
}
const dport = (right: unknown, protocol = "tcp") => ({
  match: { op: "==", left: { payload: { protocol, field: "dport" } }, right },
});
const daddr = (right: string) => ({
  match: { op: "==", left: { payload: { protocol: "ip", field: "daddr" } }, right },
});
const comesIn = (right: string) => ({
  match: { op: "==", left: { meta: { key: "iifname" } }, right },
});
const dnat = { dnat: { family: "ip", addr: "10.0.0.2", port: 22 } };
const chain = (table: string, name: string, hook: string) => ({
  chain: { family: "inet", table, name, hook },
});
const LISTING = {
  nftables: [
    chain("incus", "fwdprert.net-x", "prerouting"),
    chain("incus", "fwdout.net-x", "output"),
    chain("anklume_other", "prerouting", "prerouting"),
    rule("incus", "fwdprert.net-x", daddr("198.51.100.2"), dport({ range: [21, 23] }), dnat),
    rule("incus", "fwdout.net-x", daddr("198.51.100.2"), dport(2222), dnat),
    rule("nat", "DOCKER", dport({ set: [80, { range: [90, 91] }] }), { xt: null }),
    rule("nat", "DOCKER", dport(81), { xt: { type: "target", name: "MASQUERADE" } }),
    rule("mine", "in", comesIn("lo"), dport(82), dnat),
    rule("mine", "in", daddr("203.0.113.9"), dnat),
    rule("mine", "in", dport(83), { accept: null }),
    rule("anklume_other", "publish", dport(84), dnat),
  ],
};

Deno.test("parseRedirects() reads destination NAT of what comes in, anklume's own aside", () => {
  assert.deepEqual(parseRedirects(JSON.stringify(LISTING)), [
    { protocol: "tcp", first: 21, last: 23, address: "198.51.100.2", table: "inet incus" },
    { protocol: "tcp", first: 80, last: 80, table: "ip nat" },
    { protocol: "tcp", first: 90, last: 91, table: "ip nat" },
    { first: 1, last: 65_535, address: "203.0.113.9", table: "inet mine" },
  ]);
  assert.deepEqual(parseAnklumeTables(JSON.stringify(LISTING)), ["anklume_other"]);
  const map = {
    elem: [
      [{ elem: { val: { concat: ["udp", 9001] }, comment: "web" } }, { concat: ["10.0.0.2", 9] }],
      [{ concat: ["tcp", 22] }, { concat: ["10.0.0.2", 22] }],
    ],
  };
  assert.deepEqual(parsePublished(JSON.stringify({ nftables: [{ map }] })), ["udp 9001", "tcp 22"]);
});

Deno.test("findPublishConflicts() names rules that send the port of an address of the host elsewhere", () => {
  const redirects = parseRedirects(JSON.stringify(LISTING));
  assert.deepEqual(conflicts({ redirects }), ["error PUBLISH_TAKEN"]);
  assert.deepEqual(conflicts({ redirects }, { publish: { ...PUBLISH, host: 24 } }), []);
  const other = { protocol: "tcp", first: 24, last: 24, table: "inet anklume_other" } as const;
  const [found] = findPublishConflicts(
    infra({ ...PUBLISH, host: 24 }, false),
    addressing,
    { listeners: [], redirects: [other], published: [] },
    surface,
  );
  assert.match(found!.summary, /another infra, `other`, publishes it/);
});
