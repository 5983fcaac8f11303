/** `scripts/bench start`: what a person waits for before the first line appears. */
import { median, row, timeProcess, verdict, withDirectory } from "./bench_tools.ts";

const ROUNDS = 25;
const LIMITS = { version: 1.3, validate: 3 };

interface Contender {
  readonly name: string;
  readonly argv: readonly string[];
  /** Milliseconds of wall clock, one a round. */
  readonly times: number[];
}

/** Prints both ratios of the figures; false when one is over its limit. */
export async function benchStart(): Promise<boolean> {
  const anklume = await Deno.realPath("anklume");
  return await withDirectory(async (dir) => {
    const hello = await compileHello(dir);
    await Deno.writeTextFile(`${dir}/infra.yml`, infraOf(100));
    const contenders: Contender[] = [
      { name: "hello world", argv: [hello], times: [] },
      { name: "anklume --version", argv: [anklume, "--version"], times: [] },
      { name: "anklume validate (100 machines)", argv: [anklume, "validate"], times: [] },
    ];
    for (const { argv } of contenders) await timeProcess(argv, dir); // warms the page cache
    for (let round = 0; round < ROUNDS; round++) {
      for (const { argv, times } of contenders) times.push(await timeProcess(argv, dir));
    }
    return report(contenders);
  });
}

async function compileHello(dir: string): Promise<string> {
  await Deno.writeTextFile(`${dir}/hello.ts`, 'console.log("hello");\n');
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--quiet", "--no-code-cache", "--output", `${dir}/hello`, `${dir}/hello.ts`],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return `${dir}/hello`;
}

function report(contenders: readonly Contender[]): boolean {
  const [base, version, validate] = contenders.map(({ times }) => median(times));
  for (const { name, times } of contenders) console.log(row(name, times, base));
  console.log(`(minimum, median, maximum of ${ROUNDS} rounds, in turn; ratio of medians)`);
  return [
    verdict("--version", version! / base!, LIMITS.version, "x"),
    verdict("validate", validate! / base!, LIMITS.validate, "x"),
  ].every((ok) => ok);
}

/** An infra of so many machines in domains of ten, with the keys that people write. */
function infraOf(machines: number): string {
  const lines = ["project_name: bench", "domains:"];
  for (let domain = 0; domain * 10 < machines; domain++) {
    lines.push(`  d${domain}:`, "    internet: true", "    machines:");
    for (let machine = 0; machine < 10; machine++) {
      lines.push(
        `      d${domain}-m${machine}:`,
        `        description: Machine ${machine}`,
        "        config: { limits.cpu: 2, limits.memory: 2GiB }",
        "        storage_volumes: { data: { size: 10GiB, path: /data } }",
        "        roles: [base_system]",
        "        vars: { timezone: Europe/Paris }",
      );
    }
  }
  return lines.join("\n") + "\n";
}
