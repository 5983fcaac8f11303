import assert from "node:assert/strict";
import { sketchInfra } from "../infra/_infra_builder.ts";
import type { Domain } from "../infra/infra.ts";
import { desiredOf, withDomains } from "../plan/_plan_fixture.ts";
import { MARK_PREFIX } from "./mark.ts";
import {
  addsDhcpLines,
  compareNetwork,
  type DesiredNetwork,
  networkUpdateBody,
} from "./network.ts";

function desired(patch: Partial<Domain> = {}, ipv6 = false): DesiredNetwork {
  const infra = withDomains(sketchInfra([{ name: "pro" }], { ipv6 }), { pro: patch });
  return desiredOf(infra).resources.find((resource) => resource.kind === "network")!;
}

function keys(network: DesiredNetwork): Record<string, string> {
  return Object.fromEntries(
    Object.entries(network.config).filter(([key]) => !key.startsWith(MARK_PREFIX)),
  );
}

/** Clients can choose neither their identity nor their name. */
const DHCP = "dhcp-ignore=tag:!known\ndhcp-ignore-clid\ndhcp-ignore-names";

Deno.test("desiredNetwork() makes a bridge without NAT, IPv6 or a resolver that leaks", () => {
  assert.deepEqual(keys(desired()), {
    "ipv4.address": "10.120.0.254/24",
    "ipv4.nat": "false",
    "ipv4.dhcp.ranges": "10.120.0.100-10.120.0.199",
    "ipv6.address": "none",
    "raw.dnsmasq": `no-hosts\n${DHCP}\nno-resolv`,
  });
});

Deno.test("desiredNetwork() lets a domain with internet resolve public names only", () => {
  for (const kind of ["full", "public-only"] as const) {
    assert.equal(
      keys(desired({ internet: { kind } }))["raw.dnsmasq"],
      `no-hosts\n${DHCP}\ndomain-needed\nbogus-priv`,
    );
  }
});

Deno.test("desiredNetwork() lets a domain with ways of its own ask by them alone, or nobody", () => {
  const interfaces = ["wg0", "wg1"];
  assert.equal(
    keys(desired({ internet: { kind: "via", interfaces } }))["raw.dnsmasq"],
    `no-hosts\n${DHCP}\nno-resolv`,
  );
  const dns = ["10.64.0.1", "fd64::1"];
  assert.deepEqual(
    keys(desired({ internet: { kind: "via", interfaces, dns } }))["raw.dnsmasq"]?.split("\n"),
    [
      ...["no-hosts", ...DHCP.split("\n"), "no-resolv", "domain-needed", "bogus-priv"],
      ...[
        "server=10.64.0.1@wg0",
        "server=10.64.0.1@wg1",
        "server=fd64::1@wg0",
        "server=fd64::1@wg1",
      ],
    ],
  );
});

Deno.test("desiredNetwork() hands out IPv6 addresses where the infra has them", () => {
  const config = keys(desired({}, true));
  assert.match(config["ipv6.address"] ?? "", /^fd[0-9a-f:]+::254\/64$/);
  assert.equal(config["ipv6.nat"], "false");
  assert.equal(config["ipv6.dhcp.stateful"], "true");
});

Deno.test("compareNetwork() calls every foreign key of our bridge drift, except notes", () => {
  const network = desired();
  const actual = {
    kind: "network",
    addr: network.addr,
    type: "bridge",
    managed: true,
    description: "",
    config: {
      ...network.config,
      "ipv4.nat": "true",
      "ipv4.firewall": "false",
      "user.note": "x",
      "volatile.bridge.hwaddr": "10:66:6a:00:00:01",
    },
  } as const;
  assert.deepEqual(compareNetwork(network, actual).map(({ path }) => path), [
    "config.ipv4.firewall",
    "config.ipv4.nat",
  ]);
  const { config } = networkUpdateBody(network, actual);
  assert.equal(config["ipv4.nat"], "false");
  assert.equal("ipv4.firewall" in config, false);
  assert.equal(config["user.note"], "x");
  assert.equal(config["volatile.bridge.hwaddr"], "10:66:6a:00:00:01");
});

Deno.test("addsDhcpLines() knows what an older anklume wrote from an edit of infra.yml", () => {
  const interfaces = ["wg0"];
  const domains: Partial<Domain>[] = [
    { internet: { kind: "none" } },
    { internet: { kind: "full" } },
    { internet: { kind: "via", interfaces, dns: ["10.64.0.1"] } },
  ];
  for (const domain of domains) {
    const path = "config.raw.dnsmasq";
    const after = keys(desired(domain))["raw.dnsmasq"] ?? "";
    const before = after.replace(`${DHCP}\n`, "");
    assert.equal(addsDhcpLines({ path, before, after, effect: "in-place" }), true);
    for (const edited of [after, `${before}\nserver=192.0.2.1`, "no-hosts"]) {
      assert.equal(
        addsDhcpLines({ path, before: edited, after, effect: "in-place" }),
        false,
        edited,
      );
    }
  }
});
