import assert from "node:assert/strict";
import { connect, eventually, IMAGE, Lab, must, OUTSIDE_ADDRESS, REPOSITORY, run } from "./_lab.ts";

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

interface Flow {
  readonly passes: boolean;
  readonly anklumePasses: boolean;
  readonly disagrees: boolean;
  readonly otherTable?: string;
  readonly unanswered?: boolean;
  readonly rule?: { readonly chain: string; readonly rule: string };
}

const L1 = { domain: "left", machine: "l1" };
const DOCKER = "172.17.0.2";

/** True if a connection from the testbed's outside succeeds. */
async function fromOutside(port: number): Promise<boolean> {
  const probe = `import socket,sys
try: socket.create_connection(("198.51.100.2", ${port}), 1.5)
except ConnectionRefusedError: pass
except OSError: sys.exit(1)`;
  return (await run(["ip", "netns", "exec", "outside", "python3", "-c", probe])).code === 0;
}

Deno.test("network why and verify never say that a packet passes which another table of the host drops", async (t) => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  const port = /host_name: (\S+?)[,} ]/.exec(await lab.read("infra.lock.yml"))?.[1] ??
    assert.fail(await lab.read("infra.lock.yml"));
  const why = async (args: readonly string[], status: number) => {
    const { stdout } = await lab.anklume(["network", "why", ...args, "--json"], status);
    return (JSON.parse(stdout) as { flows: [Flow] }).flows[0];
  };
  const text = (name: string) =>
    Deno.readTextFile(`${REPOSITORY}/tests/testdata/firewalls/${name}`);
  const base = (hook: string, priority: string, rules: string, policy = "accept") =>
    `type filter hook ${hook} priority ${priority}; policy ${policy};\n${rules}`;
  const table = (name: string, chain: string) => `table ${name} {\nchain c {\n${chain}\n}\n}\n`;
  const toDocker = ["l1", DOCKER, "8080/tcp"] as const;
  const reachesDocker = async () => await connect(L1, DOCKER, 8080) !== undefined;
  const outside = ["l1", "outside", "443/tcp"] as const;
  const reachesOutside = async () => await connect(L1, OUTSIDE_ADDRESS, 443) !== undefined;
  const published = ["outside", "host", "2207/tcp"] as const;
  const reachesPublished = () => fromOutside(2207);

  /**
   * The table beside anklume's, the sender, the expected result, the table's owner, and if the
   * answer is dropped.
   */
  const CASES = [
    [
      "ip raw",
      "ip raw",
      table(
        "ip raw",
        base("prerouting", "raw", `ip daddr ${DOCKER} iifname != "docker0" counter drop`),
      ),
      toDocker,
      reachesDocker,
    ],
    [
      "Docker 29's nftables backend",
      "ip docker-bridges",
      await text("docker-29-nftables.nft"),
      toDocker,
      reachesDocker,
    ],
    [
      "a number instead of a name",
      "inet fw",
      table("inet fw", base("forward", "filter", 'iif "net-left" drop')),
      outside,
      reachesOutside,
    ],
    [
      "a drop policy that knows one direction",
      "ip fw",
      table("ip fw", base("forward", "filter", 'iifname "net-left" accept', "drop")),
      outside,
      reachesOutside,
      "answer",
    ],
    [
      "a set with a timeout, after routing",
      "ip fw",
      `table ip fw {\nset bad { type ipv4_addr; timeout 1h; elements = { ${OUTSIDE_ADDRESS} } }\nchain c {\n${
        base("postrouting", "mangle", "ip daddr @bad drop")
      }\n}\n}\n`,
      outside,
      reachesOutside,
    ],
    [
      "a port's ingress",
      "netdev fw",
      table(
        "netdev fw",
        `type filter hook ingress device "${port}" priority 0; policy accept;\ntcp dport 443 drop`,
      ),
      outside,
      reachesOutside,
    ],
    [
      "what is published",
      "inet fw",
      table("inet fw", base("prerouting", "mangle", "tcp dport 2207 drop")),
      published,
      reachesPublished,
    ],
  ] as const;

  await t.step("with no table beside, all of it passes", async () => {
    for (
      const [question, reaches] of [[toDocker, reachesDocker], [outside, reachesOutside], [
        published,
        reachesPublished,
      ]] as const
    ) {
      assert.ok((await why(question, 0)).passes);
      await eventually("it passes", reaches);
    }
  });

  for (const [name, where, rules, question, reaches, answer] of CASES) {
    await t.step(name, async () => {
      await must(["nft", "-f", "-"], rules);
      try {
        assert.ok(!await reaches(), "the rule does not do what the test is about");
        const flow = await why(question, 1);
        assert.equal(flow.passes, false);
        assert.equal(flow.anklumePasses, true);
        assert.equal(flow.disagrees, true);
        assert.equal(flow.otherTable, `table ${where}`);
        assert.equal(flow.unanswered, answer === undefined ? undefined : true);
        const { stdout } = await lab.anklume(["network", "why", ...question], 1);
        assert.doesNotMatch(stdout.split("\n")[0] ?? "", /passes/);
        assert.match(stdout, new RegExp(`table ${where}`));
        assert.ok(stdout.split("\n").every((line) => line.length <= 80), stdout);
      } finally {
        await must(["nft", "delete", "table", ...where.split(" ")]);
      }
    });
  }

  await t.step("what is refused by anklume alone stays anklume's to refuse", async () => {
    await must(
      ["nft", "-f", "-"],
      table("ip raw", base("prerouting", "raw", `ip daddr ${DOCKER} drop`)),
    );
    try {
      const flow = await why(["l1", DOCKER, "9000/tcp"], 0);
      assert.deepEqual([flow.passes, flow.anklumePasses, flow.otherTable], [
        false,
        false,
        "table ip raw",
      ]);
    } finally {
      await must(["nft", "delete", "table", "ip", "raw"]);
    }
  });
});
