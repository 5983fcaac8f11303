/**
 * `scripts/bench provision`: `anklume apply --provision` of 1, 5 and 20 machines that are
 * provisioned already, compared with a plain `ansible-playbook site.yml --limit` of the same
 * machines in the same tree, in turn. In a run that changes nothing, anklume's own share is
 * largest.
 */
import { median, row, timeProcess, untilIdle, verdict, withDirectory } from "./tools.ts";

const LIMIT = 1.05;

interface Size {
  readonly machines: number;
  readonly rounds: number;
}

/**
 * By domain. One machine's run is short and anklume's share is the same: it counts most, and varies
 * most.
 */
const SIZES: Readonly<Record<string, Size>> = {
  one: { machines: 1, rounds: 7 },
  five: { machines: 5, rounds: 3 },
  twenty: { machines: 20, rounds: 3 },
};

/** Runs the bench; `only`: names of domains, empty for all. */
export async function benchProvision(only: readonly string[] = []): Promise<boolean> {
  const sizes = Object.entries(SIZES).filter(([domain]) =>
    only.length === 0 || only.includes(domain)
  );
  const anklume = await Deno.realPath("anklume");
  return await withDirectory(async (dir) => {
    await Deno.writeTextFile(`${dir}/infra.yml`, infraText(sizes));
    try {
      await timeProcess([anklume, "apply", "--yes"], dir);
      const results: boolean[] = [];
      for (const [domain, size] of sizes) {
        results.push(await compare(anklume, dir, domain, size));
      }
      console.log("(minimum, median, maximum; they take turns at going first; ratio of medians)");
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
  { machines, rounds }: Size,
): Promise<boolean> {
  const [plain, ours]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const turns = [
      async () =>
        plain.push(await timeProcess(["ansible-playbook", "site.yml", "--limit", domain], dir)),
      async () =>
        ours.push(await timeProcess([anklume, "apply", "--provision", "--domain", domain], dir)),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) {
      await untilIdle();
      await turn();
    }
  }
  console.log(row(`ansible-playbook, ${machines}`, plain));
  console.log(row(`anklume apply --provision, ${machines}`, ours, median(plain)));
  console.log(`     ${(median(ours) / machines / 1000).toFixed(2)} s a machine`);
  return verdict(`${machines} machines`, median(ours) / median(plain), LIMIT, "x");
}

function infraText(sizes: readonly (readonly [string, Size])[]): string {
  const lines = [
    "project_name: bench",
    'global: { default_os_image: "local:anklume-test" }',
    "domains:",
    ...sizes.flatMap(([domain, { machines }]) => [
      `  ${domain}:`,
      "    ephemeral: true",
      "    machines:",
      ...Array.from(
        { length: machines },
        (_, index) => `      ${domain}-${index}: { roles: [base_system] }`,
      ),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}
