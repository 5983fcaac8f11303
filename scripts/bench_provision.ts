/**
 * `scripts/bench provision`: `anklume apply --provision` of 1, 5 and 20 machines that are provisioned already, against a plain
 * `ansible-playbook site.yml --limit` of the same machines in the same tree, in turn. A run that changes nothing is the one in which
 * what anklume adds weighs most.
 */
import { median, row, timeProcess, verdict, withDirectory } from "./bench_tools.ts";

const ROUNDS = 3;
const LIMIT = 1.05;
const SIZES = { one: 1, five: 5, twenty: 20 } as const;

export async function benchProvision(): Promise<boolean> {
  const anklume = await Deno.realPath("anklume");
  return await withDirectory(async (dir) => {
    await Deno.writeTextFile(`${dir}/infra.yml`, INFRA);
    try {
      await timeProcess([anklume, "apply", "--yes"], dir);
      const results: boolean[] = [];
      for (const [domain, machines] of Object.entries(SIZES)) {
        results.push(await compare(anklume, dir, domain, machines));
      }
      console.log(`(minimum, median, maximum of ${ROUNDS} rounds, in turn; ratio of medians)`);
      return results.every((ok) => ok);
    } finally {
      await timeProcess([anklume, "destroy", "--force", "--yes"], dir);
    }
  });
}

async function compare(
  anklume: string,
  dir: string,
  domain: string,
  machines: number,
): Promise<boolean> {
  const [plain, ours]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(await timeProcess(["ansible-playbook", "site.yml", "--limit", domain], dir));
    ours.push(await timeProcess([anklume, "apply", "--provision", "--domain", domain], dir));
  }
  console.log(row(`ansible-playbook, ${machines}`, plain));
  console.log(row(`anklume apply --provision, ${machines}`, ours, median(plain)));
  console.log(`     ${(median(ours) / machines / 1000).toFixed(2)} s a machine`);
  return verdict(`${machines} machines`, median(ours) / median(plain), LIMIT, "x");
}

const INFRA = [
  "project_name: bench",
  'global: { default_os_image: "local:anklume-test" }',
  "domains:",
  ...Object.entries(SIZES).flatMap(([domain, machines]) => [
    `  ${domain}:`,
    "    ephemeral: true",
    "    machines:",
    ...Array.from(
      { length: machines },
      (_, index) => `      ${domain}-${index}: { roles: [base_system] }`,
    ),
  ]),
].join("\n") + "\n";
