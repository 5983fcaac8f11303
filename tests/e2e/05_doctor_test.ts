import assert from "node:assert/strict";
import Ajv from "ajv/dist/2020.js";
import { answerOf, connect, IMAGE, Lab, must, OUTSIDE_ADDRESS } from "./_lab.ts";

const INFRA = `
project_name: patient
global: { default_os_image: "${IMAGE}" }
domains:
  ward: { ephemeral: true, internet: true, machines: { ward-a: {} } }
`;

/** The rules of Docker on a host. */
const DOCKER = `
table ip filter {
  chain DOCKER-USER { }
  chain FORWARD { type filter hook forward priority filter; policy drop;
    jump DOCKER-USER
  }
}
`;

/** Runs `doctor --json`, and validates it with the published schema. */
async function findings(lab: Lab, expected: number) {
  const answer = JSON.parse((await lab.anklume(["doctor", "--json"], expected)).stdout);
  const schema = new URL("../../docs/schema/doctor.schema.json", import.meta.url);
  const holds = new Ajv.default({ strict: false }).compile(
    JSON.parse(await Deno.readTextFile(schema)),
  );
  assert.ok(holds(answer), JSON.stringify(holds.errors));
  return answer as { healthy: boolean; findings: { check: string; state: string }[] };
}

Deno.test("doctor finds what breaks the internet of a domain or plugs into its bridge, and mends what it can", async () => {
  await using lab = await Lab.create(INFRA);
  // Also before anything exists.
  assert.equal((await findings(lab, 1)).healthy, false);
  await lab.anklume(["apply", "--infra"]);
  const healthy = await lab.anklume(["doctor"]);
  assert.doesNotMatch(healthy.stdout, /BAD|warning/);
  assert.ok(healthy.stdout.split("\n").every((line) => line.length <= 80));
  const fromWard = [{ domain: "ward", machine: "ward-a" }, OUTSIDE_ADDRESS, 443] as const;
  const outside = () => connect(...fromWard);
  await answerOf(...fromWard);
  try {
    await must(["nft", "-f", "-"], DOCKER);
    await must(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
    await must(["ip", "link", "add", "stray", "type", "veth", "peer", "name", "stray-end"]);
    await must(["ip", "link", "set", "stray", "master", "net-ward"]);
    assert.equal(await outside(), undefined);

    const sick = await findings(lab, 1);
    assert.equal(sick.healthy, false);
    assert.deepEqual(
      sick.findings.filter(({ state }) => state === "bad").map(({ check }) => check),
      ["forwarding", "docker", "ports"],
    );
    // There is no terminal to ask the user.
    await lab.anklume(["doctor", "--fix"], 1);
    assert.equal(await outside(), undefined);

    const fixed = await lab.anklume(["doctor", "--fix", "--yes"], 1);
    assert.match(fixed.stdout, /nft insert rule ip filter DOCKER-USER iifname/);
    await answerOf(...fromWard);
    assert.match(
      (await lab.anklume(["network", "verify"], 1)).stdout,
      /BREACH {4}the foreign port stray of net-ward bypasses/,
    );
    await must(["ip", "link", "delete", "stray"]);
    await lab.anklume(["doctor"]);
    await lab.anklume(["network", "verify"]);
  } finally {
    await must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    await must([
      "sh",
      "-c",
      "ip link delete stray 2>/dev/null; nft delete table ip filter 2>/dev/null; true",
    ]);
  }
});
