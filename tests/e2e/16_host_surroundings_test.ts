/** Effects of the host on the domains: VPNs' routes, other networks, broken bridges. */
import assert from "node:assert/strict";
import {
  answerOf,
  connect,
  eventually,
  IMAGE,
  inMachine,
  Lab,
  must,
  OUTSIDE_ADDRESS,
  reaches,
  run,
  serve,
} from "./_lab.ts";

const INFRA = `
project_name: around
global: { default_os_image: "${IMAGE}", addressing: { zone_base: 160 } }
domains:
  left: { trust_level: trusted, internet: true, ephemeral: true, machines: { l1: {} } }
  right: { trust_level: untrusted, ephemeral: true, machines: { r1: {} } }
`;
const SUBNET = "10.170.0.0/24";
const GATEWAY = "10.170.0.254";
const BRIDGE = "net-left";

interface PlanJson {
  readonly changes: readonly {
    readonly resource: string;
    readonly fields: readonly { path: string }[];
  }[];
  readonly held: readonly { readonly resource: string }[];
  readonly diagnostics: readonly Diagnostic[];
}

interface Diagnostic {
  readonly code: string;
  readonly severity: string;
  readonly summary: string;
  readonly remedy?: string;
}

async function planOf(lab: Lab, expected = 0): Promise<PlanJson> {
  return JSON.parse((await lab.anklume(["check", "--json"], expected)).stdout) as PlanJson;
}

/** Applies, and waits until l1 can serve. */
async function applied(lab: Lab): Promise<string> {
  await lab.anklume(["apply", "--infra"]);
  await eventually(
    "l1 is up",
    async () =>
      /running|degraded/.test(
        (await inMachine("left", "l1", "systemctl", "is-system-running")).stdout,
      ),
    // This proves nothing, and systemd is slow on a busy machine.
    60,
  );
  await serve("left", "l1", 8080);
  return await lab.address("l1");
}

const sh = (script: string) => must(["bash", "-c", script]);

/** Returns the first `ip` command in a remedy. */
function shownCommand({ remedy = "" }: Pick<Diagnostic, "remedy">): string {
  return /`(ip [^`]+)`/.exec(remedy)?.[1] ?? assert.fail(`no command in: ${remedy}`);
}

Deno.test("networks and routes of the host are seen, and you can still inspect and close", async (t) => {
  await using lab = await Lab.create(INFRA);
  await t.step(
    "a network that was there first keeps its addresses, and the other domain is made",
    async () => {
      await sh(`ip netns add lan; ip link add lan0 type veth peer name lan1 netns lan
      ip addr add 10.170.0.50/24 dev lan0; ip link set lan0 up
      ip -n lan addr add 10.170.0.1/24 dev lan1; ip -n lan link set lan1 up`);
      try {
        // Its machine refuses the connection: the packets arrive.
        await answerOf("host", "10.170.0.1", 8080);
        const first = await lab.anklume(["apply", "--infra"], 1);
        assert.match(first.stderr, /HOST_NETWORK/);
        assert.match(first.stdout, /created instance right\/r1/);
        assert.doesNotMatch(first.stdout, /created (instance|network) (left|net-left)/);
        // The rules are loaded, and the host still reaches its own network.
        await lab.anklume(["network", "rules"]);
        await answerOf("host", "10.170.0.1", 8080);
      } finally {
        await sh("ip link del lan0; ip netns del lan");
      }
    },
  );

  const l1 = await applied(lab);
  const host = () => reaches("host", l1, 8080);
  const hostReaches = () => answerOf("host", l1, 8080);
  const fromLeft = [{ domain: "left", machine: "l1" }, OUTSIDE_ADDRESS, 443] as const;
  const outside = () => connect(...fromLeft);
  await hostReaches();
  await answerOf(...fromLeft);

  await t.step("VPNs' tables that are asked before main: said, with the ways back", async () => {
    await sh(`ip tuntap add dev tailscale0 mode tun && ip link set tailscale0 up
      ip route add 10.170.0.0/16 dev tailscale0 table 52 && ip rule add pref 5270 lookup 52
      ip route add default dev tailscale0 table 53 && ip rule add pref 5280 iif ${BRIDGE} lookup 53`);
    try {
      assert.equal(await host(), false);
      assert.equal(await outside(), undefined);
      const { diagnostics, held } = await planOf(lab, 1);
      assert.deepEqual(diagnostics.map(({ code }) => code), [
        "HOST_NETWORK",
        "HOST_ROUTE_DIVERTED",
      ]);
      assert.match(
        diagnostics[0]!.summary,
        /leave by tailscale0, not by net-left.*5270: from all lookup 52/,
      );
      // No change of it was pending.
      assert.deepEqual(held, []);
      const { findings } = JSON.parse((await lab.anklume(["doctor", "--json"], 1)).stdout) as {
        findings: { check: string; state: string; detail: string; remedy: string }[];
      };
      const bad = findings.filter(({ state }) => state === "bad");
      assert.deepEqual(bad.map(({ check }) => check).sort(), ["routes", "uplink"]);
      assert.match(
        bad.find(({ check }) => check === "uplink")!.detail,
        /left.* leaves by tailscale0/,
      );
      const why = await lab.anklume(["network", "why", "host", "l1", "22/tcp"], 1);
      assert.match(
        why.stdout.replaceAll(/\s+/g, " "),
        /go by tailscale0, not by net-left \(rule 5270/,
      );
      await sh(shownCommand(diagnostics[0]!));
      // The remedy works.
      await hostReaches();
      assert.equal(await outside(), undefined);
      await sh(shownCommand({ remedy: bad.find(({ check }) => check === "uplink")!.remedy }));
      await answerOf(...fromLeft);
      await lab.expectEmptyPlan("HOST_ROUTE_SHADOWED");
      await lab.anklume(["network", "why", "host", "l1", "22/tcp"]);
    } finally {
      await sh(
        "for pref in 5269 5270 5279 5280; do ip rule del pref $pref; done; ip link del tailscale0",
      );
    }
    await lab.expectEmptyPlan();
  });

  await t.step("a VPN that takes everything is said once, with one way back", async () => {
    await sh(`ip tuntap add dev tun7 mode tun && ip link set tun7 up
      ip route add default dev tun7 table 54 && ip rule add pref 5260 lookup 54`);
    try {
      const [told, ...others] = (await planOf(lab, 1)).diagnostics;
      assert.deepEqual(others, []);
      assert.match(
        told!.summary,
        /^`left` and `right` cannot work: .* leave by tun7, not by their/,
      );
      assert.doesNotMatch(told!.remedy ?? "", /subnet_id/);
      const status = JSON.parse((await lab.anklume(["status", "--json"])).stdout);
      assert.equal(status.conflicts.length, 2);
      assert.equal((await lab.anklume(["status"])).stdout.match(/^Conflict/gm)?.length, 1);
      // A tunnel has no gateway, and is a route all the same.
      const why = await lab.anklume(["network", "why", "l1", "outside", "443"]);
      assert.match(why.stdout.replaceAll(/\s+/g, " "), /is dropped.* tun7, a bridge or tunnel/);
      await sh(shownCommand(told!));
      await lab.expectEmptyPlan();
      await hostReaches();
      const verified = await lab.try(["network", "verify"]);
      assert.match(verified.stdout, /^left .*closed$/m);
    } finally {
      await sh("for pref in 5259 5260; do ip rule del pref $pref; done; ip link del tun7");
    }
    await lab.expectEmptyPlan();
  });

  await t.step("a wifi with the same subnet: everything but its domain goes on", async () => {
    await sh(`ip addr add 10.170.0.50/24 dev eth0`);
    try {
      const status = JSON.parse((await lab.anklume(["status", "--json"])).stdout);
      assert.deepEqual(status.conflicts.map(({ domain }: { domain: string }) => domain), ["left"]);
      assert.equal(status.firewall.state, "in-place");
      assert.equal(status.machines.length, 2);
      const shown = (await lab.anklume(["status"])).stdout;
      assert.ok(shown.indexOf("Conflict  The subnet of `left`") > 0, shown);
      assert.ok(shown.indexOf("Conflict") < shown.indexOf("DOMAIN"), shown);
      // Missing rules are loaded as usual.
      await sh("nft delete table inet anklume_around");
      await lab.anklume(["network", "rules"], 1);
      await lab.anklume(["network", "deploy"]);
      await lab.anklume(["network", "rules"]);
      const verify = await lab.try(["network", "verify"]);
      assert.match(verify.stdout, /from \\ to/);
      assert.match(verify.stderr, /HOST_NETWORK/);
      const why = await lab.anklume(["network", "why", "r1", "l1", "22/tcp"]);
      assert.match(why.stdout, /r1 -> l1 22\/tcp is dropped/);
      await lab.anklume(["snapshot", "list"]);
      assert.match((await lab.anklume(["doctor"], 1)).stdout, /BAD +routes/);

      const [left, right] = ["l2: {}", "r2: {}"];
      await lab.write(
        "infra.yml",
        INFRA.replace("l1: {}", `l1: {}, ${left}`).replace("r1: {}", `r1: {}, ${right}`),
      );
      const plan = await planOf(lab, 1);
      assert.deepEqual(plan.held.map(({ resource }) => resource), ["instance left/l2"]);
      await lab.anklume(["apply", "--infra", "--domain", "right"]);
      assert.match(await must(["incus", "list", "--project", "right", "-f", "csv"]), /r2,RUNNING/);
      // The rest is done, and the output says that not all was.
      const all = await lab.anklume(["apply", "--infra"], 1);
      assert.match(all.stderr, /HOST_NETWORK/);
      assert.doesNotMatch(await must(["incus", "list", "--project", "left", "-f", "csv"]), /l2/);
      for (const held of [["restart", "l1"], ["restart", "l1", "r1"]]) {
        const { stderr } = await lab.anklume(held, 2);
        assert.match(stderr, /Not \w+ed: l1\. The subnet of `left`/);
      }
      assert.match(await must(["incus", "list", "--project", "left", "-f", "csv"]), /l1,RUNNING/);
      const back = ["snapshot", "restore", "held", "--domain", "left", "--no-safety", "--yes"];
      await lab.anklume(["snapshot", "create", "held"]);
      const refused = (await lab.anklume(back, 2)).stderr;
      assert.match(refused, /Nothing was restored: it would start l1\. The subnet of `left`/);
      assert.match(await must(["incus", "list", "--project", "left", "-f", "csv"]), /l1,RUNNING/);
      await lab.anklume(["stop", "l1", "r1"]);
      await lab.anklume(back);
      assert.match(await must(["incus", "list", "--project", "left", "-f", "csv"]), /l1,STOPPED/);
      assert.match((await lab.anklume(["start", "l1"], 2)).stderr, /Not started: l1/);
      const others = await lab.anklume(["start"], 1);
      assert.match(others.stdout, /^r1 started/m);
      assert.match(others.stderr, /Not started: l1/);
      await lab.anklume(["destroy", "--domain", "left", "--yes"]);
      await lab.anklume(["network", "deploy"]);
    } finally {
      await sh("ip addr del 10.170.0.50/24 dev eth0");
    }
    await lab.anklume(["apply", "--infra"]);
    await lab.expectEmptyPlan();
  });
});

/** The damage to the bridge, and what `check` reports. */
const LOSSES:
  readonly (readonly [what: string, script: string, fields: RegExp, trouble: RegExp])[] = [
    [
      "its name server",
      `kill -9 $(pgrep -f 'dnsmas[q].*--interface=${BRIDGE}')`,
      /^name_server$/,
      /nobody answers for DNS and DHCP/,
    ],
    [
      "its address",
      `ip addr flush dev ${BRIDGE} scope global`,
      /^link\.address\.10\.170\.0\.254\/24$/,
      /no address 10\.170\.0\.254\/24/,
    ],
    ["its link", `ip link set ${BRIDGE} down`, /^link$/, /it is down/],
    [
      "its route",
      `ip route del ${SUBNET} dev ${BRIDGE}`,
      /^link\.route\./,
      /no route 10\.170\.0\.0\/24/,
    ],
    [
      "a machine's plug",
      `ip link set $(ls /sys/class/net/${BRIDGE}/brif | head -1) nomaster`,
      /^link\.ports\./,
      /is not plugged in/,
    ],
    ["itself", `ip link del ${BRIDGE}`, /^(link|name_server)$/, /there is no such interface/],
  ];

Deno.test("a bridge that lost something is drift, and mended without a machine noticing", async (t) => {
  await using lab = await Lab.create(INFRA);
  const l1 = await applied(lab);
  const started = await must([
    "incus",
    "config",
    "get",
    "--project",
    "left",
    "l1",
    "volatile.last_state.ready",
  ]);
  for (const [index, [what, script, field, trouble]] of LOSSES.entries()) {
    await t.step(what, async () => {
      await sh(script);
      const { changes } = await planOf(lab);
      assert.deepEqual(changes.map(({ resource }) => resource), [`network ${BRIDGE}`]);
      const paths = changes[0]!.fields.map(({ path }) => path);
      assert.ok(paths.every((path) => field.test(path)), paths.join());
      const status = (await lab.anklume(["status"])).stdout.replaceAll(/\s+/g, " ");
      assert.match(status, trouble);
      assert.match(status, /left trusted .* broken/);
      if (index === 0) assert.match((await lab.anklume(["doctor"], 1)).stdout, /BAD +bridges/);
      // Either command repairs all of it.
      await lab.anklume(index % 2 === 0 ? ["apply", "--infra"] : ["network", "deploy"]);
      await lab.expectEmptyPlan();
      await answerOf("host", l1, 8080);
      const dns = await inMachine("left", "l1", "getent", "hosts", `l1.incus`);
      assert.equal(dns.code, 0, dns.stderr);
    });
  }
  assert.equal(
    await must(["incus", "config", "get", "--project", "left", "l1", "volatile.last_state.ready"]),
    started,
  );

  await t.step("a machine that starts finds its gateway and its name server", async () => {
    await sh(
      `kill -9 $(pgrep -f 'dnsmas[q].*--interface=${BRIDGE}'); ip addr flush dev ${BRIDGE} scope global`,
    );
    await lab.anklume(["restart", "l1"]);
    await eventually(
      "l1 has its address",
      async () =>
        (await inMachine("left", "l1", "ip", "-4", "-br", "address", "show", "eth0")).stdout
          .includes(l1),
    );
    await lab.expectEmptyPlan();
  });

  await t.step(
    "a stranger's port and a foreign address: a breach, and drift; both go",
    async () => {
      await sh(`ip link add stray type veth peer name stray-end; ip link set stray master ${BRIDGE}
      ip addr add 10.99.0.1/24 dev ${BRIDGE}`);
      try {
        const status = JSON.parse((await lab.anklume(["status", "--json"])).stdout);
        assert.deepEqual(status.breaches, [`the foreign port stray of ${BRIDGE}`]);
        const paths = (await planOf(lab)).changes[0]!.fields.map(({ path }) => path);
        assert.deepEqual(paths, ["link.ports.stray", "link.address.10.99.0.1/24"]);
        const refused = await lab.anklume(["restart", "l1"], 2);
        assert.match(refused.stderr, /isolation\s+has\s+an\s+opening/);
        await lab.anklume(["apply", "--infra"]);
        await lab.expectEmptyPlan();
        assert.equal((await run(["test", "-e", `/sys/class/net/${BRIDGE}/brif/stray`])).code, 1);
      } finally {
        await sh("ip link del stray");
      }
    },
  );

  await t.step(
    "who holds the name server's place is named, and apply says that it failed",
    async () => {
      await sh(`kill -9 $(pgrep -f 'dnsmas[q].*--interface=${BRIDGE}')
      python3 -c "import socket,time
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('${GATEWAY}',53)); time.sleep(60)" < /dev/null &> /dev/null & echo $! > /tmp/squatter; sleep 0.5`);
      try {
        const failed = await lab.anklume(["apply", "--infra"], 1);
        assert.match(failed.stdout + failed.stderr, /Address already in use|still name_server/);
      } finally {
        await sh("kill $(cat /tmp/squatter); rm /tmp/squatter");
      }
      await lab.anklume(["apply", "--infra"]);
      await lab.expectEmptyPlan();
    },
  );
});
