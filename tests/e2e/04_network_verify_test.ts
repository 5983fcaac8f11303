import assert from "node:assert/strict";
import { IMAGE, inMachine, Lab, must } from "./_lab.ts";

const INFRA = `
project_name: proven
global: { default_os_image: "${IMAGE}" }
domains:
  left:
    ephemeral: true
    internet: true
    machines: { left-a: {}, left-b: {} }
  right:
    ephemeral: true
    internet: public-only
    machines: { right-a: {}, right-b: {} }
  shut:
    ephemeral: true
    internet: false
    machines: { shut-a: {} }
network_policies:
  - { description: one port, from: left, to: right-a, ports: [8080] }
  - { description: both ways, from: shut, to: right, ports: [9000], protocol: udp, bidirectional: true }
  - { description: the host, from: left-a, to: host, ports: [22] }
`;

interface Answer {
  readonly proven: boolean;
  readonly probes: number;
  readonly faults: unknown[];
  readonly breaches: string[];
  readonly firewall: string;
  readonly differences: readonly {
    readonly kind: string;
    readonly from: string;
    readonly to: string;
    readonly protocol: string;
    readonly port: number;
  }[];
}

async function verify(lab: Lab, expected: number, ...args: string[]): Promise<Answer> {
  const { stdout } = await lab.anklume(["network", "verify", "--json", ...args], expected);
  return JSON.parse(stdout) as Answer;
}

const nft = (rule: string) => must(["nft", ...rule.split(" ")]);
const T = "anklume_proven";

Deno.test("network verify proves a fresh lab, finds what is taken away or let in, and leaves nothing behind", async (t) => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);

  await t.step("right after the apply, while the machines boot", async () => {
    const proof = await verify(lab, 0);
    assert.deepEqual(proof.differences, []);
    assert.deepEqual(proof.faults, []);
    assert.ok(proof.probes > 150, `${proof.probes} probes`);
    const { stdout } = await lab.anklume(["network", "verify"]);
    assert.match(stdout, /^1 left {3}# \+ \. \+ #$/m, stdout);
    assert.match(stdout, /^3 shut {3}\. \+ {3}\+ \.$/m, stdout);
    assert.match(stdout, /All as infra\.yml says/);
  });

  await t.step("with --full and --domain", async () => {
    const full = await verify(lab, 0, "--full");
    const one = await verify(lab, 0, "--domain", "shut");
    assert.ok(one.probes < full.probes && one.probes > 0);
  });

  await t.step(
    "a rule that lets everything through is a leak, in both directions and to the host",
    async () => {
      await nft(`insert rule inet ${T} forward accept`);
      await nft(`insert rule inet ${T} input accept`);
      const proof = await verify(lab, 1);
      const leaks = new Set(
        proof.differences.filter(({ kind }) => kind === "leak")
          .map(({ from, to }) => `${from} -> ${to}`),
      );
      for (
        const leak of [
          "left-a -> shut-a",
          "right-a -> left-a",
          "shut-a -> gateway of left",
          "shut-a -> host",
          "shut-a -> outside (203.0.113.10)",
          "right-a -> outside (192.168.77.10)",
        ]
      ) assert.ok(leaks.has(leak), `${leak}: ${[...leaks].join(", ")}`);
      const { stdout } = await lab.anklume(["network", "verify"], 1);
      assert.match(stdout, /LEAK/);
      assert.equal(proof.firewall, "different");
      await lab.anklume(["apply", "--infra"]);
    },
  );

  await t.step("a set element too few is a blocked flow, nothing else", async () => {
    const { stdout } = await lab.anklume(["network", "verify", "--json"]);
    assert.deepEqual((JSON.parse(stdout) as Answer).differences, []);
    const listing = await must(["nft", "list", "set", "inet", T, "policies"]);
    const element = /(\S+ \. \S+ \. 6 \. 8080)/.exec(listing.replaceAll("tcp", "6"))?.[1];
    assert.ok(element !== undefined, listing);
    await nft(`delete element inet ${T} policies { ${element} }`);
    const proof = await verify(lab, 1);
    assert.deepEqual(
      [...new Set(proof.differences.map(({ kind, to, port }) => `${kind} ${to} ${port}`))],
      ["blocked right-a 8080"],
    );
    await lab.anklume(["apply", "--infra"]);
  });

  await t.step("answers that do not come back are noticed", async () => {
    await nft(`insert rule inet ${T} policies ct direction reply drop`);
    const proof = await verify(lab, 1);
    assert.ok(proof.differences.some(({ kind }) => kind === "unanswered"));
    assert.ok(proof.differences.every(({ kind }) => kind !== "leak"));
    await lab.anklume(["apply", "--infra"]);
  });

  await t.step("nothing is left in the machines or on the host", async () => {
    const left =
      "ls -A / /tmp /dev/shm /run | grep anklume; ps ax -o args | grep '[a]nklume-probe'; true";
    for (const [domain, machine] of [["left", "left-a"], ["shut", "shut-a"]] as const) {
      assert.equal((await inMachine(domain, machine, "sh", "-c", left)).stdout, "");
    }
    assert.doesNotMatch(await must(["ls", "-A", "/etc/anklume"]), /probe/);
  });
});
