import assert from "node:assert/strict";
import { IMAGE, Lab } from "./_lab.ts";

/** Set ANKLUME_DOMAINS=20 for the 380 ordered pairs that have to be probed within half a minute. */
const COUNT = Number(Deno.env.get("ANKLUME_DOMAINS") ?? 12);
const INTERNET = ["true", "false", "public-only"];
const name = (i: number) => `d${String((i % COUNT) + 1).padStart(2, "0")}`;

/** Returns that many domains, with each form of policy between them, IPv4 and IPv6. */
function infra(): string {
  const domains = Array.from(
    { length: COUNT },
    (_, i) =>
      `  ${name(i)}: { ephemeral: true, internet: ${INTERNET[i % 3]}, machines: { ${
        name(i)
      }-a: {} } }`,
  );
  const policies = Array.from({ length: COUNT }, (_, i) => {
    const ends = `from: ${name(i)}${i % 2 === 0 ? "" : "-a"}, to: ${name(i + 5)}${
      i % 3 === 0 ? "-a" : ""
    }`;
    switch (i % 4) {
      case 0:
        return `${ends}, ports: [80, "8000-8010"]`;
      case 1:
        return `${ends}, ports: [5000], protocol: udp, bidirectional: true`;
      case 2:
        return `${ends}, ports: all`;
      default:
        return `from: ${name(i)}, to: host, ports: [22]`;
    }
  }).map((policy, i) => `  - { description: "number ${i}", ${policy} }`);
  return [
    "project_name: matrix",
    `global: { default_os_image: "${IMAGE}", ipv6: true }`,
    "domains:",
    ...domains,
    "network_policies:",
    ...policies,
    "",
  ].join("\n");
}

Deno.test(`${COUNT} domains with mixed policies, IPv4 and IPv6: no leak and no allowed flow blocked`, async () => {
  await using lab = await Lab.create(infra());
  await lab.anklume(["apply", "--infra"]);
  // Machines that just started get their addresses first; that time is not part of the probing.
  await lab.anklume(["network", "verify", "--domain", name(0)]);
  const began = performance.now();
  const { stdout } = await lab.anklume(["network", "verify", "--json"]);
  const seconds = (performance.now() - began) / 1000;
  const { proven, differences, faults, matrix, probes } = JSON.parse(stdout) as {
    proven: boolean;
    differences: unknown[];
    faults: unknown[];
    probes: number;
    matrix: { cells: string[][] };
  };
  assert.deepEqual([differences, faults], [[], []]);
  assert.equal(proven, true);
  const between = matrix.cells.slice(0, COUNT).map((row) => row.slice(0, COUNT));
  const states = between.flatMap((row, i) => row.filter((_, j) => i !== j));
  assert.equal(states.length, COUNT * (COUNT - 1));
  assert.ok(states.every((state) => state === "closed" || state === "part" || state === "open"));
  assert.ok(states.filter((state) => state !== "closed").length >= COUNT / 2);
  assert.ok(probes > COUNT * (COUNT - 1) * 6, `${probes} probes`);
  assert.ok(seconds < 30, `${seconds.toFixed(1)} s`);
  console.error(`${states.length} ordered pairs, ${probes} probes in ${seconds.toFixed(1)} s`);
  const text = await lab.anklume(["network", "verify"]);
  assert.ok(text.stdout.split("\n").every((line) => line.length <= 80), text.stdout);
});
