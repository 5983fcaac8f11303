/** `scripts/bench start`: what a person waits for before the first line appears. */

const ROUNDS = 25;
const LIMITS = { version: 1.3, validate: 3 };

interface Contender {
  readonly name: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Milliseconds of wall clock, one a round. */
  readonly times: number[];
}

/** Prints both ratios of the figures; false when one is over its limit. */
export async function benchStart(): Promise<boolean> {
  const dir = await Deno.makeTempDir({ prefix: "anklume-bench-" });
  try {
    const hello = await compileHello(dir);
    const anklume = await Deno.realPath("anklume");
    await Deno.writeTextFile(`${dir}/infra.yml`, infraOf(100));
    const contenders: Contender[] = [
      { name: "hello world", argv: [hello], cwd: dir, times: [] },
      { name: "anklume --version", argv: [anklume, "--version"], cwd: dir, times: [] },
      { name: "anklume validate (100 machines)", argv: [anklume, "validate"], cwd: dir, times: [] },
    ];
    for (const contender of contenders) await run(contender); // warms the page cache
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) contender.times.push(await run(contender));
    }
    return report(contenders);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function compileHello(dir: string): Promise<string> {
  await Deno.writeTextFile(`${dir}/hello.ts`, 'console.log("hello");\n');
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--quiet", "--no-code-cache", "--output", `${dir}/hello`, `${dir}/hello.ts`],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return `${dir}/hello`;
}

async function run({ argv, cwd }: Contender): Promise<number> {
  const start = performance.now();
  const [command, ...args] = argv;
  const { success, stderr } = await new Deno.Command(command!, { args, cwd, stdout: "null" })
    .output();
  const ms = performance.now() - start;
  if (!success) throw new Error(`${argv.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return ms;
}

function report(contenders: readonly Contender[]): boolean {
  const [base, version, validate] = contenders.map(({ times }) => median(times));
  for (const { name, times } of contenders) {
    const row = [Math.min(...times), median(times), Math.max(...times)]
      .map((ms) => `${ms.toFixed(1).padStart(7)} ms`).join(" ");
    const ratio = (median(times) / base!).toFixed(2);
    console.log(`${name.padEnd(34)} ${row}   ${ratio} x`);
  }
  console.log(`(minimum, median, maximum of ${ROUNDS} rounds, in turn; ratio of medians)`);
  const results: [string, number, number][] = [
    ["--version", version! / base!, LIMITS.version],
    ["validate", validate! / base!, LIMITS.validate],
  ];
  for (const [name, ratio, limit] of results) {
    console.log(
      `${ratio <= limit ? "ok  " : "OVER"} ${name}: ${ratio.toFixed(2)} x, limit ${limit} x`,
    );
  }
  return results.every(([, ratio, limit]) => ratio <= limit);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
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
