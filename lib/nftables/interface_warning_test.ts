import assert from "node:assert/strict";
import { parseInfra } from "../infra/parse_infra.ts";
import { interfaceWarnings } from "./interface_warning.ts";

const TEXT = `
project_name: home
global: { outside: [eth0, eth7] }
domains:
  vpn: { internet: { via: [wg0, tun0], dns: [] }, machines: { vpn-a: {} } }
`;

Deno.test("interfaceWarnings() names each that this host has not, or has as a machine's port", () => {
  const { infra } = parseInfra([{ file: "infra.yml", text: TEXT }]);
  assert.ok(infra !== undefined);
  const port = { machine: "vpn-a", domain: "vpn", ip: "10.0.0.1", hwaddr: "", hostName: "tun0" };
  const addressing = {
    infraId: "",
    freed: [],
    domains: new Map(),
    machines: new Map([["vpn-a", port]]),
  };
  const warnings = interfaceWarnings(
    infra,
    addressing,
    new Set(["lo", "eth0", "eth1", "tun0", "wg1"]),
  );
  assert.deepEqual(
    warnings.map(({ code, summary, range, remedy }) => [
      code,
      summary.split(":")[0],
      range?.start.line,
      /did you mean `(\w+)`/.exec(remedy ?? "")?.[1],
    ]),
    [
      ["INTERFACE_MISSING", "This host has no interface `wg0` now", 5, "wg1"],
      ["INTERFACE_MISSING", "`tun0` is the port of vpn-a", 5, undefined],
      ["INTERFACE_MISSING", "This host has no interface `eth7` now", 3, "eth0"],
    ],
  );
});
