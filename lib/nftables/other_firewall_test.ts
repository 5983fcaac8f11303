import assert from "node:assert/strict";
import type { ForeignChain } from "./host_facts.ts";
import { firewallOf, mendOf } from "./other_firewall.ts";

const base = (family: string, table: string, name: string, siblings: string[]): ForeignChain => ({
  family,
  table,
  name,
  hook: "forward",
  policy: "drop",
  knowsBridges: false,
  siblings: [name, ...siblings],
});

const DOCKER = base("ip", "filter", "FORWARD", ["DOCKER", "DOCKER-USER", "DOCKER-FORWARD"]);
const UFW = base("ip", "filter", "FORWARD", ["ufw-before-forward", "ufw-reject-forward"]);

Deno.test("firewallOf() knows whose a rule is by its table, its chain, or the chains beside it", () => {
  const of = (family: string, table: string, chain: string, ...chains: ForeignChain[]) =>
    firewallOf({ family, table, chain }, chains);
  assert.deepEqual(
    [
      of("ip", "filter", "FORWARD", DOCKER),
      of("ip", "raw", "PREROUTING", DOCKER, base("ip", "raw", "PREROUTING", [])),
      of("ip", "docker-bridges", "raw-PREROUTING"),
      of("ip", "filter", "FORWARD", UFW),
      of("ip6", "filter", "ufw6-reject-forward"),
      of("inet", "firewalld", "filter_FORWARD"),
      of("ip", "filter", "FORWARD_IN_ZONES"),
      of("ip", "libvirt_network", "guest_input"),
      of("inet", "anklume_other", "judge"),
      of("inet", "mine", "forward"),
      of("ip", "raw", "PREROUTING", base("ip", "raw", "PREROUTING", [])),
    ],
    [
      ...["docker", "docker", "docker-nftables", "ufw", "ufw", "firewalld", "firewalld"],
      ...["libvirt", "anklume", "other", "other"],
    ],
  );
});

Deno.test("mendOf() lets one way through where it is stopped, and Docker's own whole", () => {
  const way = { bridge: "net-pro", other: "172.17.0.2", direction: "in" } as const;
  const raw = mendOf({ family: "ip", table: "raw", chain: "PREROUTING" }, "docker", way);
  assert.deepEqual(raw.fix?.map((argv) => argv.join(" ")), [
    "nft insert rule ip raw PREROUTING iifname net-pro ip daddr 172.17.0.2 counter accept",
  ]);
  const forward = mendOf({ family: "ip6", table: "filter", chain: "FORWARD" }, "docker", way);
  assert.deepEqual(forward.fix?.map((argv) => argv.join(" ")), [
    "nft insert rule ip6 filter DOCKER-USER iifname net-* counter accept",
    "nft insert rule ip6 filter DOCKER-USER oifname net-* counter accept",
  ]);
  // A rule that the program rewrites is not changed behind its back.
  for (const kind of ["docker-nftables", "ufw", "firewalld", "other"] as const) {
    const { fix, remedy } = mendOf({ family: "ip", table: "t", chain: "c" }, kind, way);
    assert.equal(fix, undefined);
    assert.match(remedy, /net-pro/);
  }
});
