/**
 * `scripts/bench plan`: how the cost of planning grows. Measures all that `check` computes for a
 * number of machines, from the text of infra.yml to the plan, compared with the state after an
 * apply (simulated: `appliedHost`), without Incus and disk.
 */
import process from "node:process";
import { assignAddresses } from "../../lib/addressing/assign_addresses.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";
import { createPlan } from "../../lib/plan/create_plan.ts";
import { desiredState } from "../../lib/plan/desired_state.ts";
import { appliedHost, FIREWALL, INFRA_ID } from "../../lib/plan/_plan_fixture.ts";

const MACHINES_PER_DOMAIN = 20;
const LIMITS = { seconds: 2, megabytes: 300, growth: 2.3 };

interface Measured {
  readonly machines: number;
  /** Seconds of processor time. */
  readonly parse: number;
  readonly addresses: number;
  readonly plan: number;
  /** Peak of the whole process, in MB. */
  readonly resident: number;
}

/** Prints the table; false if a limit is passed. */
export async function benchPlan(): Promise<boolean> {
  const sizes = [1250, 2500, 5000, 10000];
  const rows: Measured[] = [];
  for (const size of sizes) rows.push(await measureApart(size));
  console.log("machines  parse     addresses  plan      planning  resident");
  for (const row of rows) {
    const { machines, parse, addresses, plan, resident } = row;
    console.log(
      `${String(machines).padEnd(8)}  ${seconds(parse)}  ${seconds(addresses)}   ` +
        `${seconds(plan)}  ${seconds(planning(row))}  ${resident.toFixed(0)} MB`,
    );
  }
  console.log("(planning = addresses + plan: what follows from a parsed infra.yml)");
  const five = rows.find(({ machines }) => machines === 5000)!;
  const ten = rows.find(({ machines }) => machines === 10000)!;
  const growth = planning(ten) / planning(five);
  const results: [string, boolean][] = [
    [
      `planning 5000 machines: ${seconds(planning(five)).trim()}, limit 2 s`,
      planning(five) < LIMITS.seconds,
    ],
    [
      `resident with 5000 machines: ${five.resident.toFixed(0)} MB, limit 300 MB`,
      five.resident < LIMITS.megabytes,
    ],
    [`10000 against 5000: ${growth.toFixed(2)} x, limit 2.3 x`, growth <= LIMITS.growth],
  ];
  for (const [text, ok] of results) console.log(`${ok ? "ok  " : "OVER"} ${text}`);
  return results.every(([, ok]) => ok);
}

/**
 * Returns the seconds of processor time that this process has used. Not the wall clock: planning
 * waits for nothing, and these machines are shared.
 */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Measures in a separate process, so that its memory holds nothing else. */
async function measureApart(machines: number): Promise<Measured> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", import.meta.filename!, String(machines)],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as Measured;
}

function measure(machines: number): Measured {
  const text = infraOf(machines);
  const start = cpuSeconds();
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  if (infra === undefined) throw new Error(JSON.stringify(diagnostics.slice(0, 3)));
  const parsed = cpuSeconds();
  const { addressing, diagnostics: wrong } = assignAddresses(infra, undefined, {
    newUuid: INFRA_ID,
  });
  if (addressing === undefined) throw new Error(JSON.stringify(wrong.slice(0, 3)));
  const addressed = cpuSeconds();
  const state = desiredState(infra, addressing, { firewall: FIREWALL });
  const desired = cpuSeconds();
  const actual = appliedHost(state);
  const simulated = cpuSeconds();
  const { changes } = createPlan(state, actual);
  const planned = cpuSeconds();
  if (changes.length !== 0) throw new Error(`${changes.length} changes where none are due`);
  return {
    machines,
    parse: parsed - start,
    addresses: addressed - parsed,
    plan: desired - addressed + planned - simulated,
    resident: peakMegabytes(),
  };
}

/** Returns `VmHWM` of this process: see proc(5). */
function peakMegabytes(): number {
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"));
  return Number(found![1]) / 1024;
}

function infraOf(machines: number): string {
  const lines = [
    "project_name: bench",
    "global: { default_os_image: local:debian }",
    "domains:",
  ];
  // A zone holds 255 subnets; 500 domains are spread over the zones.
  const levels = ["semi-trusted", "trusted", "untrusted"];
  for (let domain = 0; domain * MACHINES_PER_DOMAIN < machines; domain++) {
    lines.push(`  d${domain}:`, `    trust_level: ${levels[domain % levels.length]}`);
    lines.push("    internet: true", "    machines:");
    for (let machine = 0; machine < MACHINES_PER_DOMAIN; machine++) {
      lines.push(
        `      d${domain}-m${machine}:`,
        "        config: { limits.cpu: 2, limits.memory: 2GiB }",
        "        storage_volumes: { data: { size: 10GiB, path: /data } }",
        "        roles: [base_system]",
      );
    }
  }
  return lines.join("\n") + "\n";
}

function planning({ addresses, plan }: Measured): number {
  return addresses + plan;
}

function seconds(value: number): string {
  return `${value.toFixed(3)} s`.padEnd(8);
}

if (import.meta.main) console.log(JSON.stringify(measure(Number(Deno.args[0]))));
