import assert from "node:assert/strict";
import { buildInfra } from "../../tests/nftables/_infra.ts";
import { expectedVerdict } from "./expect.ts";
import type { ProbePlace, Service } from "./probe.ts";

const { infra } = buildInfra({
  domains: [
    { name: "pro", internet: { kind: "full" }, machines: ["dev", "mail"] },
    { name: "home", internet: { kind: "public-only" }, machines: ["print", "vault"] },
    { name: "lab", internet: { kind: "via", interfaces: ["wg0"] }, machines: ["box"] },
  ],
  policies: [
    { from: "pro", to: "print", ports: [631] },
    {
      from: "box",
      to: "dev",
      ports: [{ first: 10, last: 20 }],
      protocol: "udp",
      bidirectional: true,
    },
    { from: "vault", to: "host", ports: [22] },
    { from: "home", to: "198.51.100.0/24" },
  ],
});
const machine = (name: string, domain: string): ProbePlace => ({
  kind: "machine",
  machine: name,
  domain,
});
const outside = (
  address: string,
  change: Partial<ProbePlace & { kind: "outside" }> = {},
): ProbePlace => ({
  kind: "outside",
  address,
  private: address.startsWith("192.168."),
  interface: "eth0",
  isOutside: true,
  ...change,
});
const [dev, print, vault, box] = [
  machine("dev", "pro"),
  machine("print", "home"),
  machine("vault", "home"),
  machine("box", "lab"),
];
const tcp = (port: number): Service => ({ protocol: "tcp", port });
const udp = (port: number): Service => ({ protocol: "udp", port });
const icmp: Service = { protocol: "icmp", port: 0 };
const gateway = (domain: string): ProbePlace => ({ kind: "host", gatewayOf: domain });

const CASES: readonly (readonly [string, ProbePlace, ProbePlace, Service, boolean])[] = [
  ["within a domain", dev, machine("mail", "pro"), tcp(1), true],
  ["a policy's port", dev, print, tcp(631), true],
  ["the port beside it", dev, print, tcp(632), false],
  ["the other protocol", dev, print, udp(631), false],
  ["the other direction", print, dev, tcp(631), false],
  ["the neighbour of the machine that a policy names", dev, vault, tcp(631), false],
  ["a policy both ways, forth", box, dev, udp(15), true],
  ["a policy both ways, back", dev, box, udp(20), true],
  ["ICMP beside a policy with ports", box, dev, icmp, false],
  ["its own gateway's DNS", box, gateway("lab"), udp(53), true],
  ["another gateway's DNS", box, gateway("pro"), udp(53), false],
  ["a policy to the host", vault, { kind: "host" }, tcp(22), true],
  ["a policy to the host, at another gateway", vault, gateway("pro"), tcp(22), false],
  ["the host without a policy", dev, { kind: "host" }, tcp(22), false],
  ["the host's own way in", { kind: "host" }, vault, tcp(9), true],
  ["the internet", dev, outside("203.0.113.10"), tcp(443), true],
  ["a private address of it", dev, outside("192.168.1.1"), tcp(443), true],
  ["public-only, public", print, outside("203.0.113.10"), icmp, true],
  ["public-only, private", print, outside("192.168.1.1"), icmp, false],
  ["a CIDR", print, outside("198.51.100.9", { isOutside: false }), udp(9), true],
  ["via, by another interface", box, outside("203.0.113.10"), tcp(443), false],
  [
    "via, by that interface",
    box,
    outside("203.0.113.10", { interface: "wg0", isOutside: false }),
    tcp(1),
    true,
  ],

  [
    "via, by a rule of the host's routing",
    box,
    outside("203.0.113.10", { ways: new Map([["lab", "wg0"]]) }),
    tcp(443),
    true,
  ],
  [
    "via, whose own table leads elsewhere",
    box,
    outside("203.0.113.10", { interface: "wg0", ways: new Map([["lab", "eth0"]]) }),
    tcp(443),
    false,
  ],
  ["a tunnel that nobody names", dev, outside("203.0.113.10", { isOutside: false }), tcp(1), false],
];

for (const [name, from, to, service, open] of CASES) {
  Deno.test(`expectedVerdict(): ${name} is ${open ? "open" : "closed"}`, () => {
    assert.equal(expectedVerdict(infra, from, to, service).open, open);
  });
}
