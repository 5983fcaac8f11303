import assert from "node:assert/strict";
import { parseIpAddresses, parseIpRoutes } from "./host_networks.ts";

// As iproute2 6.1 printed it, less some keys.
const ROUTES = `[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]},
{"type":"blackhole","dst":"10.8.0.0/16","flags":[]},
{"type":"throw","dst":"10.9.0.0/16","table":"52","flags":[]},
{"dst":"10.50.0.0/16","flags":[],"nexthops":[
 {"gateway":"10.9.0.5","dev":"d0","weight":1,"flags":[]},{"dev":"d1","weight":1,"flags":[]}]},
{"dst":"fd00::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
{"type":"local","dst":"127.0.0.1","dev":"lo","table":"local","protocol":"kernel"},
{"type":"broadcast","dst":"192.0.2.255","dev":"eth0","table":"local"},
{"type":"multicast","dst":"ff00::/8","dev":"eth0","table":"local"}]
`;
const ADDRESSES = `[{"ifindex":1,"ifname":"lo","addr_info":[
 {"family":"inet","local":"127.0.0.1","prefixlen":8},{"family":"inet6","local":"::1","prefixlen":128}]},
{"ifindex":3,"ifname":"d0","addr_info":[
 {"family":"inet","local":"10.77.0.1","address":"10.77.0.2","prefixlen":32}]},
{"ifindex":4,"ifname":"d1","addr_info":[]},{}]`;

Deno.test("parseIpRoutes() reads routes of both families, one per next hop", () => {
  assert.deepEqual(parseIpRoutes(ROUTES), [
    { dst: "default", dev: "eth0", gateway: "192.0.2.1" },
    { dst: "10.8.0.0/16" },
    { dst: "10.50.0.0/16", dev: "d0", gateway: "10.9.0.5" },
    { dst: "10.50.0.0/16", dev: "d1" },
    { dst: "fd00::/64", dev: "eth0" },
  ]);
});

Deno.test("parseIpAddresses() reads interfaces with their addresses", () => {
  assert.deepEqual(parseIpAddresses(ADDRESSES), [
    { name: "lo", addresses: ["127.0.0.1/8", "::1/128"] },
    { name: "d0", addresses: ["10.77.0.1/32"] },
    { name: "d1", addresses: [] },
  ]);
});

Deno.test("parseIpRoutes() and parseIpAddresses() take no output for nothing", () => {
  assert.deepEqual(parseIpRoutes("\n"), []);
  assert.deepEqual(parseIpAddresses("[]"), []);
});

Deno.test("parseIpRoutes() throws on what `ip -j` does not print", () => {
  for (const text of ["{}", "null", "default via 192.0.2.1", "[1"]) {
    assert.throws(() => parseIpRoutes(text), /Cannot read the output of ip -j route/);
  }
});
