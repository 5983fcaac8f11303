import assert from "node:assert/strict";
import { dhcp, newMark } from "./_frames.ts";
import { buildInfra, type InfraSpec, type PolicySpec } from "./_infra.ts";
import { type Agent, type Answer, Lab } from "./_lab.ts";
import { rulesetOf } from "./_rules.ts";

const OUTSIDE = "203.0.113.10";
const PRIVATE_OUTSIDE = "192.168.77.10";
const LAN = "198.51.100.10";
const DOCKER = "172.17.0.2";

/** Four domains, one for each form of `internet`, and one more machine beside the first. */
const SPEC: InfraSpec = {
  domains: [
    { name: "pro", internet: { kind: "full" }, machines: ["pro-dev", "pro-other"] },
    {
      name: "print",
      machines: ["printer", {
        name: "web",
        publish: [{ host: 2207, to: 22, protocol: "tcp" }, { host: 1053, to: 53, protocol: "udp" }],
      }],
    },
    { name: "shop", internet: { kind: "public-only" }, machines: ["till"] },
    { name: "vpn", internet: { kind: "via", interfaces: ["tun0"] }, machines: ["vpn-a"] },
  ],
};

const PRO_DEV = "10.120.0.1", PRO_OTHER = "10.120.0.2", PRO_GATEWAY = "10.120.0.254";
const PRINTER = "10.120.1.1", WEB = "10.120.1.2";

/**
 * Starts a lab with the rules of `spec`, with br_netfilter on (as Incus and Docker set it) or off.
 */
async function labWith(
  spec: InfraSpec,
  { localUplinks = [] as string[], brNetfilter = true } = {},
): Promise<Lab> {
  const built = buildInfra(spec);
  const lab = await Lab.start(built);
  await lab.brNetfilter(brNetfilter);
  await lab.host.nft(rulesetOf(built, { localUplinks }).text);
  return lab;
}

const withPolicies = (...policies: PolicySpec[]): InfraSpec => ({ ...SPEC, policies });

function passes(answer: Answer, seen?: string): void {
  assert.equal(answer.error, undefined);
  if (seen !== undefined) assert.equal(answer.seen, seen);
}

function blocked(...answers: Answer[]): void {
  for (const answer of answers) assert.deepEqual({ ...answer, id: 0 }, { id: 0, error: "timeout" });
}

Deno.test("a lab without rules lets everything through, so that what the others block is the rules' work", async () => {
  await using lab = await Lab.start(buildInfra(SPEC));
  const pro = lab.agent("pro-dev");
  passes(await pro.tcp(PRINTER, 22), PRO_DEV);
  passes(await pro.tcp("10.120.1.254", 22));
  passes(await pro.udp(PRO_GATEWAY, 123));
  passes(await pro.tcp("203.0.113.1", 22));
  passes(await pro.tcp(DOCKER, 80));
  passes(await lab.agent("docker").tcp(PRO_DEV, 80));
  passes(await lab.agent("outside").tcp(PRO_DEV, 80), OUTSIDE);
  passes(await lab.agent("docker").tcp(PRO_GATEWAY, 53), DOCKER);
  passes(await lab.agent("outside").tcp(PRO_GATEWAY, 53), OUTSIDE);
  passes(await pro.ping(PRO_GATEWAY));
});

for (const brNetfilter of [true, false]) {
  Deno.test(`machines of one domain reach each other, br_netfilter ${brNetfilter ? "on" : "off"}`, async () => {
    await using lab = await labWith(SPEC, { brNetfilter });
    const pro = lab.agent("pro-dev");
    passes(await pro.tcp(PRO_OTHER, 80), PRO_DEV);
    passes(await pro.udp(PRO_OTHER, 5353), PRO_DEV);
    passes(await pro.ping(PRO_OTHER));
  });
}

Deno.test("domains do not reach each other", async () => {
  await using lab = await labWith(SPEC);
  const machines = [...lab.built.addressing.machines.values()];
  const probes = machines.flatMap((from) =>
    machines.filter((to) => to.domain !== from.domain).flatMap((to) => {
      const agent = lab.agent(from.machine);
      return [agent.tcp(to.ip, 80), agent.udp(to.ip, 53), agent.ping(to.ip)];
    })
  );
  blocked(...await Promise.all(probes));
});

Deno.test("a domain reaches its gateway's DNS and DHCP and nothing else of the host", async () => {
  await using lab = await labWith(SPEC);
  const pro = lab.agent("pro-dev");
  passes(await pro.udp(PRO_GATEWAY, 53), PRO_DEV);
  passes(await pro.tcp(PRO_GATEWAY, 53), PRO_DEV);
  const message = { chaddr: await pro.mac(), ciaddr: PRO_DEV, type: 3, mark: newMark() };
  const data = dhcp(message).toHex();
  passes(await pro.udp(PRO_GATEWAY, 67, { source_port: 68, data }), PRO_DEV);
  await pro.ip("route add 127.5.0.0/16 via 10.120.0.254");
  await pro.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
  blocked(
    ...await Promise.all([
      pro.tcp(PRO_GATEWAY, 22),
      pro.udp(PRO_GATEWAY, 123),
      pro.ping(PRO_GATEWAY),
      // Other gateways, the host's own addresses, and its addresses towards other networks.
      ...["10.120.1.254", "203.0.113.1", "172.17.0.1", "198.51.100.1", "127.5.0.1"].flatMap(
        (
          address,
        ) => [pro.udp(address, 53), pro.tcp(address, 53), pro.tcp(address, 22), pro.ping(address)],
      ),
    ]),
  );
});

Deno.test("the host reaches every machine", async () => {
  await using lab = await labWith(SPEC);
  passes(await lab.host.tcp(PRO_DEV, 80), PRO_GATEWAY);
  passes(await lab.host.udp(PRINTER, 123));
  passes(await lab.host.ping(PRINTER));
});

Deno.test("a policy opens its ports in its direction, with the true source", async () => {
  await using lab = await labWith(
    withPolicies({ from: "pro", to: "printer", ports: [631, { first: 22, last: 53 }] }),
  );
  const pro = lab.agent("pro-dev");
  passes(await pro.tcp(PRINTER, 631), PRO_DEV);
  passes(await pro.tcp(PRINTER, 53), PRO_DEV);
  passes(await lab.agent("pro-other").tcp(PRINTER, 22), PRO_OTHER);
  blocked(
    ...await Promise.all([
      pro.tcp(PRINTER, 80),
      pro.udp(PRINTER, 53),
      pro.ping(PRINTER),
      // The policy is not for the machine's domain.
      pro.tcp(WEB, 631),
      lab.agent("printer").tcp(PRO_DEV, 631),
      // The port of an answer opens nothing.
      lab.agent("printer").tcp(PRO_DEV, 22, { source_port: 6310 }),
      lab.agent("till").tcp(PRINTER, 631),
    ]),
  );
});

Deno.test("a policy from a machine is that machine's alone", async () => {
  await using lab = await labWith(withPolicies({ from: "pro-dev", to: "print", ports: [80] }));
  passes(await lab.agent("pro-dev").tcp(PRINTER, 80), PRO_DEV);
  passes(await lab.agent("pro-dev").tcp(WEB, 80), PRO_DEV);
  blocked(await lab.agent("pro-other").tcp(PRINTER, 80));
});

Deno.test("a policy for all ports means every protocol, and bidirectional both sides", async () => {
  await using lab = await labWith(withPolicies({ from: "pro", to: "print", bidirectional: true }));
  const [pro, printer] = [lab.agent("pro-dev"), lab.agent("printer")];
  passes(await pro.tcp(PRINTER, 443), PRO_DEV);
  passes(await pro.udp(PRINTER, 5353), PRO_DEV);
  passes(await pro.ping(PRINTER));
  passes(await printer.tcp(PRO_DEV, 443), PRINTER);
  passes(await printer.ping(PRO_DEV));
});

Deno.test("an ICMP error about an allowed flow comes through", async () => {
  await using lab = await labWith(
    withPolicies({ from: "pro", to: "print", ports: [999], protocol: "udp" }),
  );
  const answer = await lab.agent("pro-dev").udp(PRINTER, 999);
  assert.equal(answer.error, "Connection refused");
});

Deno.test("removing a policy ends the flows it allowed", async () => {
  await using lab = await labWith(withPolicies({ from: "pro", to: "print", ports: [80] }, {
    from: "print",
    to: "pro",
    ports: [443],
  }));
  const [pro, printer] = [lab.agent("pro-dev"), lab.agent("printer")];
  for (const [agent, host, port] of [[pro, PRINTER, 80], [printer, PRO_DEV, 443]] as const) {
    passes(await agent.ask("open", { name: "flow", host, port, timeout: 2 }));
    passes(await agent.ask("say", { name: "flow", timeout: 2 }));
  }
  const without = buildInfra(withPolicies({ from: "print", to: "pro", ports: [443] }));
  await lab.host.nft(rulesetOf(without).text);
  blocked(await pro.ask("say", { name: "flow", timeout: 0.5 }));
  passes(await printer.ask("say", { name: "flow", timeout: 2 }));
});

Deno.test("full internet reaches the outside, masqueraded, and no other local bridge", async () => {
  await using lab = await labWith(SPEC);
  const pro = lab.agent("pro-dev");
  passes(await pro.tcp(OUTSIDE, 80), "203.0.113.1");
  passes(await pro.udp(OUTSIDE, 53), "203.0.113.1");
  passes(await pro.tcp(PRIVATE_OUTSIDE, 80), "192.168.77.1");
  passes(await pro.ping(OUTSIDE));
  await lab.host.ip(
    "link add later type bridge",
    "address add 10.9.9.1/24 dev later",
    "link set later up",
  );
  blocked(
    ...await Promise.all([
      pro.tcp(DOCKER, 80),
      pro.ping(DOCKER),
      pro.tcp(LAN, 80),
      pro.tcp("10.9.9.1", 80),
    ]),
  );
  // Another wifi, another name: the rules contain no names.
  await lab.host.ip(
    "link set wan0 down",
    "link set wan0 name wlan7",
    "link set wlan7 up",
    "route add default via 203.0.113.10",
  );
  passes(await pro.tcp(OUTSIDE, 80), "203.0.113.1");
  blocked(await lab.agent("outside").tcp(PRO_DEV, 80));
});

Deno.test("taking the internet from a domain ends its flows", async () => {
  await using lab = await labWith(SPEC);
  const pro = lab.agent("pro-dev");
  passes(await pro.ask("open", { name: "flow", host: OUTSIDE, port: 80, timeout: 2 }));
  const domains = SPEC.domains.map((domain) => ({
    ...domain,
    internet: { kind: "none" as const },
  }));
  await lab.host.nft(rulesetOf(buildInfra({ ...SPEC, domains })).text);
  blocked(await pro.ask("say", { name: "flow", timeout: 0.5 }));
});

Deno.test("no internet reaches nothing outside", async () => {
  await using lab = await labWith(SPEC);
  const printer = lab.agent("printer");
  blocked(
    ...await Promise.all([
      printer.tcp(OUTSIDE, 80),
      printer.udp(OUTSIDE, 53),
      printer.ping(OUTSIDE),
    ]),
  );
});

Deno.test("public-only reaches public addresses and no private one", async () => {
  await using lab = await labWith(SPEC);
  const till = lab.agent("till");
  passes(await till.tcp(OUTSIDE, 80), "203.0.113.1");
  blocked(...await Promise.all([till.tcp(PRIVATE_OUTSIDE, 80), till.ping(PRIVATE_OUTSIDE)]));
});

Deno.test("a bridge that carries the default route is outside, both ways round", async () => {
  await using lab = await labWith(withPolicies({ from: "outside", to: "printer", ports: [80] }), {
    localUplinks: ["br0"],
  });
  passes(await lab.agent("pro-dev").tcp(LAN, 80), "198.51.100.1");
  passes(await lab.agent("lan").tcp(PRINTER, 80), LAN);
  blocked(await lab.agent("pro-dev").tcp(DOCKER, 80));
});

/** Adds a tunnel with a route; returns a function for the sources of the packets sent into it. */
async function tunnel(lab: Lab): Promise<() => Promise<Set<string>>> {
  await lab.host.ask("tun", { interface: "tun0" });
  await lab.host.ip("address add 10.99.0.1/24 dev tun0", "link set tun0 up");
  return async () =>
    new Set((await lab.host.captured("tun0")).filter((each) => each.startsWith("4")).map(sourceOf));
}

/** Returns the source address of an IPv4 packet in hexadecimal. */
function sourceOf(packet: string): string {
  return packet.slice(24, 32).match(/../g)!.map((byte) => parseInt(byte, 16)).join(".");
}

Deno.test("a tunnel is reached by the domain that names it and no other, which reaches nothing else", async () => {
  await using lab = await labWith(SPEC);
  const sources = await tunnel(lab);
  await Promise.all(
    [...lab.built.addressing.machines.keys()].map((name) => lab.agent(name).ping("10.99.0.7")),
  );
  assert.deepEqual(await sources(), new Set(["10.99.0.1"]));
  blocked(await lab.agent("vpn-a").tcp(OUTSIDE, 80));
  await lab.agent("pro-dev").ping("10.99.0.7");
  assert.deepEqual(await sources(), new Set());
});

Deno.test("a tunnel over the uplink is not the outside, whichever way round, but for the domain that names it", async () => {
  const policies: PolicySpec[] = [{ from: "outside", to: "printer", ports: [80] }];
  const domains = SPEC.domains.map((domain) =>
    domain.name === "vpn"
      ? { ...domain, internet: { kind: "via" as const, interfaces: ["vxlan7"] } }
      : domain
  );
  const built = buildInfra({ ...SPEC, domains, policies });
  await using lab = await Lab.start(built);
  const outside = lab.agent("outside");
  const link = (dev: string, local: string, remote: string, address: string) => [
    `link add vxlan7 type vxlan id 7 dev ${dev} local ${local} remote ${remote} dstport 4789`,
    `address add ${address}/24 dev vxlan7`,
    "link set vxlan7 up",
  ];
  await lab.host.ip(...link("wan0", "203.0.113.1", OUTSIDE, "10.77.0.1"));
  await outside.ip(
    ...link("eth0", OUTSIDE, "203.0.113.1", "10.77.0.10"),
    `route add ${PRINTER}/32 via 10.77.0.1`,
  );
  const [pro, vpn] = [lab.agent("pro-dev"), lab.agent("vpn-a")];
  const attacks = () => [
    pro.tcp("10.77.0.10", 80),
    outside.tcp(PRINTER, 80, { source: "10.77.0.10" }),
  ];
  const { text } = rulesetOf(built);
  await lab.host.nft(text.replaceAll('"vxlan", ', ""));
  for (const each of attacks()) passes(await each);
  await lab.host.nft(text);
  blocked(...await Promise.all(attacks()));
  assert.equal((await outside.tcp("10.77.0.1", 2207)).error, "Connection refused");
  passes(await vpn.tcp("10.77.0.10", 80), "10.77.0.1");
  // The uplink under it is unchanged.
  passes(await pro.tcp(OUTSIDE, 80), "203.0.113.1");
  blocked(await vpn.tcp(OUTSIDE, 80));
});

Deno.test("networks of VirtualBox and VMware and tunnels of L2TP, which have no kind, are not the outside", async () => {
  await using lab = await labWith(withPolicies({ from: "outside", to: "printer", ports: [80] }));
  const pro = lab.agent("pro-dev");
  const places = [["vboxnet0", false], ["vmnet8", false], ["l2tpeth0", false], [
    "card0",
    true,
  ]] as const;
  for (const [i, [name, isOutside]] of places.entries()) {
    const there = await lab.neighbour(name, `10.88.${i}`);
    const answers = [await pro.tcp(`10.88.${i}.10`, 80), await there.tcp(PRINTER, 80)];
    if (isOutside) { for (const each of answers) passes(each); }
    else blocked(...answers);
    const published = await there.tcp(`10.88.${i}.1`, 2207);
    assert.equal(published.error, isOutside ? undefined : "Connection refused", name);
  }
});

Deno.test("an interface that has no kind, like a network card, is outside", async () => {
  await using lab = await labWith(SPEC);
  // Only loopback has no kind here; a packet that leaves by it comes back and leaves again until
  // its TTL ends.
  await lab.host.nft(
    `table inet probe { chain seen { type filter hook forward priority 0; oifname "lo" counter; }; }`,
  );
  await lab.host.ip("route add 100.66.0.0/24 dev lo", "route add 5.5.5.0/24 dev lo");
  const counted = async (agent: Agent, address: string) => {
    const before = await packets(lab.host);
    await agent.ping(address);
    return (await packets(lab.host)) - before;
  };
  assert.ok(await counted(lab.agent("pro-dev"), "100.66.0.7") > 0);
  assert.ok(await counted(lab.agent("till"), "5.5.5.5") > 0);
  assert.equal(await counted(lab.agent("till"), "100.66.0.7"), 0);
  assert.equal(await counted(lab.agent("printer"), "5.5.5.5"), 0);
});

async function packets(host: Agent): Promise<number> {
  const listing = await host.run("nft", "list", "table", "inet", "probe");
  return Number(/counter packets (\d+)/.exec(listing)?.[1]);
}

Deno.test("an outside named by hand is that and nothing else", async () => {
  await using lab = await labWith({ ...SPEC, outside: ["br0"] });
  passes(await lab.agent("pro-dev").tcp(LAN, 80), "198.51.100.1");
  blocked(await lab.agent("pro-dev").tcp(OUTSIDE, 80));
});

Deno.test("nobody outside and no foreign bridge starts a connection into a domain", async () => {
  await using lab = await labWith(SPEC);
  const probes = ["outside", "docker", "lan"].flatMap((name) => {
    const agent = lab.agent(name);
    return [PRO_DEV, PRINTER, "10.120.2.1"].flatMap((
      to,
    ) => [agent.tcp(to, 80), agent.udp(to, 53), agent.ping(to)]);
  });
  blocked(...await Promise.all(probes));
});

Deno.test("nobody but the domain reaches its gateway's address, where its resolver is", async () => {
  await using lab = await labWith(SPEC);
  const others = ["outside", "docker", "lan", "printer"];
  blocked(
    ...await Promise.all(others.flatMap((name) => {
      const agent = lab.agent(name);
      return [agent.tcp(PRO_GATEWAY, 53), agent.tcp(PRO_GATEWAY, 22), agent.ping(PRO_GATEWAY)];
    })),
  );
  passes(await lab.host.udp(PRO_GATEWAY, 53), PRO_GATEWAY);
});

Deno.test("taking a published port or a policy to the host away ends their flows", async () => {
  const policies: PolicySpec[] = [{ from: "pro-dev", to: "host", ports: [22] }];
  await using lab = await labWith(withPolicies(...policies));
  const [outside, pro] = [lab.agent("outside"), lab.agent("pro-dev")];
  passes(
    await outside.ask("open", { name: "flow", host: "203.0.113.1", port: 2207, timeout: 2 }),
  );
  passes(await pro.ask("open", { name: "flow", host: PRO_GATEWAY, port: 22, timeout: 2 }));
  for (const agent of [outside, pro]) passes(await agent.ask("say", { name: "flow", timeout: 2 }));
  const domains = SPEC.domains.map((domain) => ({
    ...domain,
    machines: domain.machines.map((each) => typeof each === "string" ? each : each.name),
  }));
  await lab.host.nft(rulesetOf(buildInfra({ ...SPEC, domains })).text);
  blocked(
    await outside.ask("say", { name: "flow", timeout: 0.5 }),
    await pro.ask("say", { name: "flow", timeout: 0.5 }),
  );
});

Deno.test("multicast and broadcast of a domain reach no service of the host", async () => {
  const built = buildInfra(SPEC);
  await using lab = await Lab.start(built);
  // A service such as Avahi joins the group on each interface.
  const targets = ["224.0.0.251", "239.1.2.3", "255.255.255.255", "10.120.0.255"];
  const script = targets.filter((each) => each.startsWith("2") && each !== "255.255.255.255")
    .map((group) => `address add ${group}/32 dev net-pro autojoin`);
  await lab.host.ip(...script);
  await lab.host.nft(
    "table inet probe { chain seen { type filter hook input priority 100; udp dport 5353 counter; }; }",
  );
  const pro = lab.agent("pro-dev");
  await pro.ip("route add 224.0.0.0/4 dev eth0");
  const send = async () => {
    const before = await packets(lab.host);
    for (const address of targets) await pro.ask("cast", { host: address, port: 5353 });
    return (await packets(lab.host)) - before;
  };
  assert.equal(await send(), targets.length);
  await lab.host.nft(rulesetOf(built).text);
  assert.equal(await send(), 0);
});

Deno.test("policies from the outside and from a CIDR open what they say", async () => {
  await using lab = await labWith(withPolicies(
    { from: "outside", to: "web", ports: [443] },
    { from: "172.17.0.0/16", to: "web", ports: [80] },
    { from: "printer", to: "172.17.0.2/32", ports: [22] },
    { from: "printer", to: "outside", ports: [53], protocol: "udp" },
    // Covers the other domains too, but does not open them.
    { from: "10.0.0.0/8", to: "web", ports: [22] },
  ));
  passes(await lab.agent("outside").tcp(WEB, 443), OUTSIDE);
  passes(await lab.agent("docker").tcp(WEB, 80), DOCKER);
  passes(await lab.agent("printer").tcp(DOCKER, 22), PRINTER);
  passes(await lab.agent("printer").udp(OUTSIDE, 53), "203.0.113.1");
  blocked(
    ...await Promise.all([
      lab.agent("outside").tcp(WEB, 80),
      lab.agent("outside").tcp(PRINTER, 443),
      lab.agent("docker").tcp(WEB, 443),
      lab.agent("printer").tcp(OUTSIDE, 53),
      lab.agent("pro-dev").tcp(WEB, 443),
      lab.agent("pro-dev").tcp(WEB, 22),
    ]),
  );
});

Deno.test("nobody outside uses an address of a domain", async () => {
  await using lab = await labWith(withPolicies({ from: "pro", to: "print", ports: [80] }));
  await lab.agent("outside").ip("address add 10.120.0.77/32 dev eth0");
  await lab.agent("printer").capture();
  await lab.agent("outside").tcp(PRINTER, 80, { source: "10.120.0.77" });
  const frames = await lab.agent("printer").captured();
  assert.deepEqual(frames.filter((each) => each.includes("0a78004d")), []);
});

Deno.test("a policy to the host opens its ports, at any address but another domain's gateway", async () => {
  await using lab = await labWith(withPolicies({ from: "pro-dev", to: "host", ports: [22] }));
  const pro = lab.agent("pro-dev");
  passes(await pro.tcp(PRO_GATEWAY, 22), PRO_DEV);
  passes(await pro.tcp("203.0.113.1", 22), PRO_DEV);
  blocked(
    ...await Promise.all([
      pro.tcp(PRO_GATEWAY, 80),
      pro.tcp("10.120.1.254", 22),
      pro.ping(PRO_GATEWAY),
      lab.agent("pro-other").tcp(PRO_GATEWAY, 22),
    ]),
  );
});

Deno.test("a published port leads from the outside to its machine, and from nowhere else", async () => {
  await using lab = await labWith(SPEC);
  passes(await lab.agent("outside").tcp("203.0.113.1", 2207), OUTSIDE);
  passes(await lab.agent("outside").udp("203.0.113.1", 1053), OUTSIDE);
  blocked(
    ...await Promise.all([
      // The machine's own port stays closed, and so does the host's towards domains.
      lab.agent("outside").tcp(WEB, 22),
      lab.agent("pro-dev").tcp("203.0.113.1", 2207),
      lab.agent("pro-dev").tcp(PRO_GATEWAY, 2207),
    ]),
  );
  assert.equal((await lab.agent("docker").tcp("172.17.0.1", 2207)).error, "Connection refused");
  assert.equal((await lab.host.tcp("127.0.0.1", 2207)).error, "Connection refused");
});

Deno.test("a bridge that left infra.yml stays walled off", async () => {
  const built = buildInfra(withPolicies({ from: "pro", to: "print", ports: [80] }));
  await using lab = await Lab.start(built);
  const { infra, addressing } = buildInfra(SPEC);
  const remaining = <T>(all: ReadonlyMap<string, T & { domain: string }>) =>
    new Map([...all].filter(([, each]) => each.domain !== "pro"));
  const left = {
    infra: { ...infra, domains: infra.domains.filter((domain) => domain.name !== "pro") },
    addressing: {
      ...addressing,
      domains: remaining(addressing.domains),
      machines: remaining(addressing.machines),
    },
  };
  await lab.host.nft(rulesetOf(left, { orphanBridges: ["net-pro"] }).text);
  const pro = lab.agent("pro-dev");
  passes(await pro.tcp(PRO_OTHER, 80), PRO_DEV);
  blocked(
    ...await Promise.all([
      pro.tcp(PRINTER, 80),
      pro.tcp(OUTSIDE, 80),
      pro.tcp(DOCKER, 80),
      pro.udp(PRO_GATEWAY, 53),
      pro.tcp("203.0.113.1", 22),
      lab.agent("outside").tcp(PRO_DEV, 80),
    ]),
  );
});

Deno.test("a subnet that a domain gave up is shut, unless somebody else on the host took it over", async () => {
  const built = buildInfra({ ...SPEC, freed: ["10.120.7.0/24", "172.17.0.0/24"] });
  await using lab = await Lab.start(built);
  await lab.host.ip("address add 10.120.7.1/24 dev docker0");
  await lab.agent("docker").ip("address add 10.120.7.2/24 dev eth0");
  const docker = (addresses: string[]) => [{ name: "docker0", addresses }];
  // A network that only covers it is not that subnet.
  const before = rulesetOf(built, { interfaces: docker(["172.17.0.1/16"]) }).text;
  await lab.host.nft(before);
  blocked(await lab.host.tcp("10.120.7.2", 80), await lab.host.tcp(DOCKER, 80));
  const both = docker(["172.17.0.1/16", "10.120.7.1/24"]);
  await lab.host.nft(rulesetOf(built, { interfaces: both }).text);
  passes(await lab.host.tcp("10.120.7.2", 80));
  blocked(await lab.host.tcp(DOCKER, 80));
});

Deno.test("what neither enters nor leaves a domain is untouched", async () => {
  await using lab = await labWith(SPEC);
  passes(await lab.agent("docker").tcp(OUTSIDE, 80));
  passes(await lab.agent("docker").tcp("172.17.0.1", 22));
  passes(await lab.agent("docker").ping(LAN));
  passes(await lab.agent("outside").tcp("203.0.113.1", 22));
  passes(await lab.agent("lan").tcp("198.51.100.1", 22));
});

for (
  const [how, command] of [
    ["is down", "link set net-print down"],
    ["has lost its address", "address flush dev net-print"],
    ["is gone", "link delete net-print"],
  ] as const
) {
  Deno.test(`a domain whose bridge ${how} is not looked for outside`, async () => {
    const built = buildInfra(withPolicies({ from: "pro", to: "print", ports: [80] }));
    await using lab = await Lab.start(built);
    const outside = async () => {
      await lab.agent("outside").capture();
      const tries = await Promise.all([
        lab.agent("pro-dev").tcp(PRINTER, 80),
        lab.agent("pro-dev").tcp(PRINTER, 443),
        lab.host.udp(PRINTER, 53),
        lab.host.tcp(PRINTER, 80),
        lab.agent("docker").tcp(PRINTER, 80),
      ]);
      for (const { seen } of tries) assert.equal(seen, undefined);
      const frames = await lab.agent("outside").captured();
      return frames.filter((each) => each.slice(24, 28) === "0800" && each.includes("0a780101"));
    };
    await lab.host.ip(command);
    assert.ok((await outside()).length > 0, "without rules");
    await lab.host.nft(rulesetOf(built).text);
    assert.deepEqual(await outside(), []);
  });
}

Deno.test("with ipv6 the same rules hold for both families", async () => {
  await using lab = await labWith({
    ...withPolicies(
      { from: "pro", to: "printer", ports: [80] },
      { from: "till", to: "host", ports: [22] },
      { from: "outside", to: "web", ports: [443] },
    ),
    ipv6: true,
  });
  const pro = lab.agent("pro-dev");
  const [printer6, gateway6, outside6] = ["fd00:0:0:2::1", "fd00:0:0:1::254", "2001:db8::10"];
  passes(await pro.tcp("fd00:0:0:1::2", 80), "fd00:0:0:1::1");
  passes(await pro.tcp(printer6, 80), "fd00:0:0:1::1");
  passes(await pro.tcp(outside6, 80), "2001:db8::1");
  passes(await pro.udp(gateway6, 53), "fd00:0:0:1::1");
  passes(await lab.agent("till").tcp("fd00:0:0:3::254", 22));
  passes(await lab.agent("till").tcp(outside6, 80), "2001:db8::1");
  passes(await lab.agent("outside").tcp("fd00:0:0:2::2", 443), outside6);
  passes(await lab.agent("outside").tcp("2001:db8::1", 2207), outside6);
  passes(await lab.host.tcp(printer6, 80));
  const local = await linkLocal(lab.host, "net-pro");
  blocked(
    ...await Promise.all([
      pro.tcp(printer6, 443),
      pro.ping(printer6),
      pro.tcp("fd00:0:0:2::2", 80),
      lab.agent("printer").tcp("fd00:0:0:1::1", 80),
      pro.tcp(gateway6, 22),
      pro.ping(gateway6),
      pro.tcp("fd00:0:0:2::254", 53),
      pro.tcp("2001:db8::1", 22),
      pro.ping(`${local}%eth0`),
      pro.tcp(`${local}%eth0`, 22),
      lab.agent("printer").tcp(outside6, 80),
      lab.agent("outside").tcp("fd00:0:0:1::1", 80),
    ]),
  );
});

async function linkLocal(agent: Agent, iface: string): Promise<string> {
  const text = await agent.run("ip", "-6", "address", "show", "dev", iface, "scope", "link");
  return /inet6 (fe80:[0-9a-f:]+)/.exec(text)?.[1] ?? "none";
}

Deno.test("without ipv6 nothing of it passes, link-local included", async () => {
  await using lab = await Lab.start(buildInfra(SPEC));
  const pro = lab.agent("pro-dev");
  const other = `${await linkLocal(lab.agent("pro-other"), "eth0")}%eth0`;
  const host = `${await linkLocal(lab.host, "net-pro")}%eth0`;
  passes(await pro.ping(other));
  passes(await pro.ping(host));
  await lab.host.nft(rulesetOf(lab.built).text);
  blocked(await pro.ping(other), await pro.ping(host));
});
