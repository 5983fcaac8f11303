import assert from "node:assert/strict";
import {
  connect,
  eventually,
  IMAGE,
  inMachine,
  Lab,
  must,
  OUTSIDE_ADDRESS,
  REPOSITORY,
  run,
} from "./_lab.ts";

const INFRA = `
project_name: beside
global: { default_os_image: "${IMAGE}", addressing: { zone_base: 160 } }
domains:
  left:
    ephemeral: true
    internet: true
    machines: { l1: { publish: [{ host: 2207, to: 22 }] } }
network_policies:
  - { from: left, to: 172.17.0.2/32, ports: [8080] }
`;

const L1 = { domain: "left", machine: "l1" };
const RULES = `${REPOSITORY}/tests/testdata/firewalls`;

/** Loads recorded rules beside the present ones. */
const load = (name: string) =>
  must([
    ...["sh", "-c", 'gunzip -c "$0" | "$1" load'],
    ...[`${RULES}/${name}.rules.gz`, `${REPOSITORY}/build/ruleset`],
  ]);

async function tables(): Promise<string[]> {
  return (await must(["nft", "list", "tables"])).trim().split("\n");
}

interface Finding {
  readonly check: string;
  readonly state: string;
  readonly detail: string;
  readonly remedy?: string;
}

Deno.test("doctor, why and verify know Docker 28, ufw and firewalld by their own rules", async (t) => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  const before = await tables();
  const outside = async () => await connect(L1, OUTSIDE_ADDRESS, 443) !== undefined;
  const docker = async () => await connect(L1, "172.17.0.2", 8080) !== undefined;
  const gateway = (await lab.address("l1")).replace(/\d+$/, "254");
  // A resolver sends nothing before a question.
  const open = "import socket, sys; socket.create_connection((sys.argv[1], 53), 1)";
  const names = async () =>
    (await inMachine(L1.domain, L1.machine, "python3", "-c", open, gateway)).code === 0;
  const away = async () => {
    for (const table of await tables()) {
      if (!before.includes(table)) await must(["nft", "delete", ...table.split(" ")]);
    }
    await load("none-legacy");
  };
  const doctor = async (status: number) => {
    const { stdout } = await lab.anklume(["doctor", "--json"], status);
    const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
    return findings.filter(({ state }) => state === "bad");
  };
  await eventually("all is reached before", async () => {
    return (await Promise.all([outside(), docker(), names()])).every((each) => each);
  });

  /**
   * Recorded rules; the traffic that they block; doctor's name for them; what it reports as
   * blocked, and what repairs it.
   */
  const CASES = [
    [
      "docker-28-nft",
      outside,
      "docker",
      /policy-1 .*left -> 172\.17\.0\.2\/32/s,
      /DOCKER-USER -i net-\+/,
    ],
    [
      "docker-28-legacy",
      outside,
      "docker",
      /iptables-legacy.*chain FORWARD, policy/s,
      /iptables-legacy/,
    ],
    ["ufw-nft", outside, "ufw", /the internet of left/, /ufw route allow in on net-left/],
    ["ufw-legacy", outside, "ufw", /DNS and DHCP of left/, /ufw allow in on net-left/],
    [
      "firewalld-nftables",
      names,
      "firewalld",
      /DNS and DHCP of left/,
      /--zone=trusted --add-interface=net-left/,
    ],
  ] as const;
  for (const [name, reaches, check, cost, remedy] of CASES) {
    await t.step(name, async () => {
      assert.doesNotMatch(await load(name), /skipped/);
      try {
        // None of them changes anything, so they run at the same time.
        const question = reaches === outside ? ["outside", "443/tcp"] : ["host", "53/tcp"];
        const [reached, bad, why] = await Promise.all([
          reaches(),
          doctor(1),
          lab.anklume(["network", "why", "l1", ...question], 1),
        ]);
        assert.equal(reached, false);
        assert.ok(bad.some((each) => each.check === check), JSON.stringify(bad));
        assert.match(bad.map(({ detail }) => detail).join("\n"), cost);
        assert.match(bad.map((each) => each.remedy ?? "").join("\n"), remedy);
        assert.doesNotMatch(why.stdout.split("\n")[0] ?? "", /passes/);
      } finally {
        await away();
      }
      await eventually("the outside is back", outside);
    });
  }

  await t.step("what Docker 28 drops is mended, at every hook, once and for all", async () => {
    await load("docker-28-nft");
    try {
      const [reached, { stdout }] = await Promise.all([
        docker(),
        lab.anklume(["network", "verify", "--json"], 1),
      ]);
      assert.equal(reached, false);
      const { proven, notProbed } = JSON.parse(stdout) as {
        proven: boolean;
        notProbed: { id?: string; passes?: boolean; otherTable?: string }[];
      };
      assert.equal(proven, false);
      const policy = notProbed.find(({ id }) => id === "policy-1");
      assert.deepEqual([policy?.passes, policy?.otherTable], [false, "table ip raw"]);
      await lab.anklume(["doctor", "--fix", "--yes"]);
      await eventually("both are reached", async () => await docker() && await outside());
      const mended = await must(["nft", "-s", "list", "ruleset"]);
      const again = await lab.anklume(["doctor", "--fix", "--yes"]);
      assert.match(again.stdout, /nothing that anklume can fix/);
      assert.equal(await must(["nft", "-s", "list", "ruleset"]), mended);
      const text = (await lab.anklume(["network", "verify"])).stdout;
      assert.match(text, /Everything that was probed is as infra\.yml says/);
      assert.match(text.replaceAll(/\s+/g, " "), /1 policy and 1 published port not probed/);
    } finally {
      await away();
    }
  });

  await t.step("nothing of it is left", async () => {
    assert.deepEqual(await tables(), before);
    assert.deepEqual(await doctor(0), []);
    assert.equal((await run(["sh", "-c", "ls -A /etc/anklume | grep rules-"])).stdout, "");
  });
});
