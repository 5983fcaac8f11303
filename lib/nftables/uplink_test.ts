import assert from "node:assert/strict";
import { findLocalUplinks } from "./uplink.ts";

const link = (ifname: string, kind?: string) => ({
  ifname,
  ...(kind === undefined ? {} : { linkinfo: { info_kind: kind } }),
});
const LINKS = [
  link("eth0"),
  link("br0", "bridge"),
  link("br-ex", "openvswitch"),
  link("docker0", "bridge"),
  link("ppp0", "ppp"),
  link("tun0", "tun"),
  link("wg0", "wireguard"),
];

Deno.test("findLocalUplinks() finds bridges and modem links with a default route, no tunnel and no card", () => {
  const routes = LINKS.filter(({ ifname }) => ifname !== "docker0")
    .map(({ ifname }) => ({ dst: "default", dev: ifname }));
  assert.deepEqual(findLocalUplinks(routes, LINKS), ["br-ex", "br0", "ppp0"]);
});

Deno.test("findLocalUplinks() looks at default routes of the main table alone, also at those by several ways", () => {
  assert.deepEqual(
    findLocalUplinks([
      { dst: "172.17.0.0/16", dev: "docker0" },
      { dst: "default", table: "100", dev: "br-ex" },
      { dst: "default", nexthops: [{ dev: "br0" }, { dev: "eth0" }] },
    ], LINKS),
    ["br0"],
  );
});
