import assert from "node:assert/strict";
import { parseIpAddresses, parseIpRouting } from "./host_networks.ts";

// Output of iproute2 6.1 with -batch, without some keys.
const ROUTING =
  `[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]},{"type":"blackhole","dst":"10.8.0.0/16","flags":[]},{"type":"throw","dst":"10.9.0.0/16","table":"52","flags":[]},{"dst":"10.50.0.0/16","flags":[],"nexthops":[{"gateway":"10.9.0.5","dev":"d0","weight":1,"flags":["dead","linkdown"]},{"dev":"d1","weight":1,"flags":[]}]},{"dst":"10.7.0.0/16","dev":"d2","flags":["dead","linkdown"]},{"dst":"fd00::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},{"dst":"10.6.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0","table":"main","flags":[]}]
[{"priority":0,"src":"all","table":"local"},{"priority":100,"src":"10.0.0.0","srclen":8,"dst":"10.1.0.0","dstlen":24,"iif":"d0","table":"52"},{"priority":101,"not":null,"src":"all","fwmark":"0xca6c","table":"51820"},{"priority":102,"src":"all","fwmark":"0x80000","fwmask":"0xff0000","uid_start":1000,"uid_end":2000,"table":"main","suppress_prefixlen":0},{"priority":103,"src":"all","ipproto":"tcp","dport_start":22,"dport_end":25,"table":"main","suppress_ifgroup":"5"},{"priority":104,"src":"all","l3mdev":null},{"priority":105,"src":"all","goto":32766},{"priority":106,"src":"all","goto":110,"unresolved":null},{"priority":107,"src":"all","action":"unreachable"},{"priority":111,"src":"all","nop":null},{"priority":112,"src":"all","novel":"x","table":"7"},{"priority":113,"src":"192.0.2.9","table":"main"}]
`;
const ADDRESSES = `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"addr_info":[
 {"family":"inet","local":"127.0.0.1","prefixlen":8},{"family":"inet6","local":"::1","prefixlen":128}]},
{"ifindex":3,"ifname":"d0","master":"v0","addr_info":[
 {"family":"inet","local":"10.77.0.1","address":"10.77.0.2","prefixlen":32}]},
{"ifindex":4,"ifname":"d1","flags":[],"linkinfo":{"info_kind":"bridge","info_data":{"vlan_filtering":0}},"addr_info":[]},
{"ifindex":5,"ifname":"v0","linkinfo":{"info_kind":"vrf","info_data":{"table":100}},"addr_info":[]},{}]`;

Deno.test("parseIpRouting() reads routes, one per next hop that is not dead", () => {
  assert.deepEqual(parseIpRouting(ROUTING).routes, [
    { dst: "default", dev: "eth0", gateway: "192.0.2.1" },
    { dst: "10.8.0.0/16", type: "blackhole" },
    { dst: "10.9.0.0/16", table: "52", type: "throw" },
    { dst: "10.50.0.0/16", dev: "d1" },
    { dst: "fd00::/64", dev: "eth0", metric: 256 },
    { dst: "10.6.0.0/16", dev: "eth0", gateway: "fe80::1" },
  ]);
});

Deno.test("parseIpRouting() reads rules, and names selectors that it does not know", () => {
  const { rules } = parseIpRouting(ROUTING);
  assert.deepEqual(
    rules.map(({ text: _, priority: __, ...rest }) => rest),
    [
      { action: "lookup", table: "local" },
      { from: "10.0.0.0/8", to: "10.1.0.0/24", iif: "d0", action: "lookup", table: "52" },
      { not: true, mark: { value: 0xca6c, mask: 0xffff_ffff }, action: "lookup", table: "51820" },
      {
        mark: { value: 0x80000, mask: 0xff0000 },
        uids: [1000, 2000],
        action: "lookup",
        table: "main",
        suppressLength: 0,
      },
      {
        others: ["ipproto", "dport_start", "dport_end"],
        action: "lookup",
        table: "main",
        suppressGroup: true,
      },
      { l3mdev: true, action: "lookup" },
      { action: "goto", target: 32_766 },
      { action: "nothing", target: 110 },
      { action: "drop" },
      { action: "nothing" },
      { others: ["novel"], action: "lookup", table: "7" },
      { from: "192.0.2.9", action: "lookup", table: "main" },
    ],
  );
  assert.deepEqual(rules.slice(1, 5).map(({ text }) => text), [
    "100: from 10.0.0.0/8 to 10.1.0.0/24 iif d0 lookup 52",
    "101: not from all fwmark 0xca6c lookup 51820",
    "102: from all fwmark 0x80000/0xff0000 uidrange 1000-2000 lookup main suppress_prefixlength 0",
    "103: from all ipproto tcp dport 22 lookup main",
  ]);
});

Deno.test("parseIpAddresses() reads interfaces with their addresses, state and kind", () => {
  assert.deepEqual(parseIpAddresses(ADDRESSES), [
    { name: "lo", addresses: ["127.0.0.1/8", "::1/128"], up: true },
    { name: "d0", addresses: ["10.77.0.1/32"], master: "v0" },
    { name: "d1", addresses: [], up: false, kind: "bridge", settings: { vlan_filtering: 0 } },
    { name: "v0", addresses: [], kind: "vrf", table: "100" },
  ]);
});

Deno.test("parseIpRouting() and parseIpAddresses() take no output for nothing", () => {
  assert.deepEqual(parseIpRouting("\n"), { routes: [], rules: [] });
  assert.deepEqual(parseIpAddresses("[]"), []);
});

Deno.test("parseIpRouting() throws on what `ip -json` does not print", () => {
  for (const text of ["{}", "null", "default via 192.0.2.1", "[1"]) {
    assert.throws(() => parseIpRouting(text), /Cannot read the output of ip -json route/);
  }
});
