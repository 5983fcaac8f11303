/**
 * `scripts/bench apply`: creates and starts containers through the binary, and compares with a loop
 * that sends the same requests as fast as it can: no plan, no checks, no firewall, each machine as
 * soon as its network exists, four at a time. They take turns at going first, and each starts when
 * the machine is idle.
 */
import pLimit from "p-limit";
import { assignAddresses } from "../../lib/addressing/assign_addresses.ts";
import { connectIncus, type IncusClient } from "../../lib/incus/incus_client.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";
import { desiredState } from "../../lib/plan/desired_state.ts";
import { FIREWALL, INFRA_ID } from "../../lib/plan/_plan_fixture.ts";
import { type DesiredInstance, instanceCreateBody } from "../../lib/resource/instance.ts";
import { networkCreateBody } from "../../lib/resource/network.ts";
import { projectCreateBody } from "../../lib/resource/project.ts";
import type { DesiredResource } from "../../lib/resource/resource.ts";
import { median, row, timeProcess, untilIdle, verdict, withDirectory } from "./tools.ts";

const LIMIT = 1.1;
/** With fewer machines, one that boots slowly counts more. */
const SIZES = {
  ten: { domains: 2, machines: 10, rounds: 15 },
  twenty: { domains: 4, machines: 20, rounds: 7 },
} as const;

/** Runs the bench; `only`: names of sizes, empty for all. */
export async function benchApply(only: readonly string[] = []): Promise<boolean> {
  await using incus = await connectIncus();
  const anklume = await Deno.realPath("anklume");
  const results: boolean[] = [];
  for (const [size, { domains, machines, rounds }] of Object.entries(SIZES)) {
    if (only.length > 0 && !only.includes(size)) continue;
    const text = infraOf(domains, machines / domains);
    const bare: number[] = [];
    const apply: number[] = [];
    // The first round warms up the image and the page cache, and does not count.
    for (let round = 0; round <= rounds; round++) {
      const turns = [
        async () => apply.push(await timeApply(anklume, text)),
        async () => bare.push(await timeLoop(incus, text)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) {
        await untilIdle();
        await turn();
      }
      if (round > 0) continue;
      apply.pop();
      bare.pop();
    }
    console.log(row(`bare loop, ${machines} in ${domains} domains`, bare));
    console.log(row(`anklume apply --infra, ${machines}`, apply, median(bare)));
    results.push(verdict(`${machines} containers`, median(apply) / median(bare), LIMIT, "x"));
    console.log(`(minimum, median, maximum of ${rounds} rounds; ratio of medians)`);
  }
  return results.every((ok) => ok);
}

async function timeApply(anklume: string, text: string): Promise<number> {
  return await withDirectory(async (dir) => {
    await Deno.writeTextFile(`${dir}/infra.yml`, text);
    const ms = await timeProcess([anklume, "apply", "--infra", "--yes"], dir);
    await timeProcess([anklume, "destroy", "--force", "--yes"], dir);
    return ms;
  });
}

async function timeLoop(incus: IncusClient, text: string): Promise<number> {
  const resources = resourcesOf(text);
  const four = pLimit(4);
  const start = performance.now();
  await Promise.all(
    resources.filter((each) => each.kind === "project").map(async (project) => {
      const ofDomain = resources.filter(({ domain }) => domain === project.domain);
      const network = ofDomain.find((each) => each.kind === "network")!;
      await Promise.all([
        incus.projects.create(projectCreateBody(project)),
        incus.networks.create(networkCreateBody(network)),
      ]);
      const machines = ofDomain.filter((each) => each.kind === "instance");
      await Promise.all(machines.map((machine) => four(() => createMachine(incus, machine))));
    }),
  );
  const ms = performance.now() - start;
  await removeAll(incus, resources);
  return ms;
}

async function createMachine(incus: IncusClient, machine: DesiredInstance): Promise<void> {
  await incus.instances.create(machine.addr.project!, instanceCreateBody(machine));
}

async function removeAll(
  incus: IncusClient,
  resources: readonly DesiredResource[],
): Promise<void> {
  for (const { kind, addr } of resources) {
    if (kind !== "instance") continue;
    await incus.instances.setState(addr.project!, addr.name, { action: "stop", force: true });
    await incus.instances.delete(addr.project!, addr.name);
  }
  for (const { kind, addr } of resources) {
    if (kind === "network") await incus.networks.delete(addr.name);
    if (kind === "project") await incus.projects.delete(addr.name);
  }
}

function resourcesOf(text: string): readonly DesiredResource[] {
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  if (infra === undefined) throw new Error(JSON.stringify(diagnostics));
  const { addressing } = assignAddresses(infra, undefined, { newUuid: INFRA_ID });
  return desiredState(infra, addressing!, { firewall: FIREWALL }).resources;
}

function infraOf(domains: number, machines: number): string {
  const lines = [
    "project_name: bench",
    "global: { default_os_image: local:anklume-test }",
    "domains:",
  ];
  for (let domain = 0; domain < domains; domain++) {
    lines.push(`  d${domain}:`, "    ephemeral: true", "    machines:");
    for (let machine = 0; machine < machines; machine++) {
      lines.push(`      d${domain}-m${machine}: {}`);
    }
  }
  return lines.join("\n") + "\n";
}
