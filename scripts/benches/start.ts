/** `scripts/bench start`: how long a user waits for the first line. */
import { median, row, timeProcess, verdict, withDirectory } from "./tools.ts";

const ROUNDS = 25;
const LIMITS = { version: 1.3, validate: 3 };

interface Contender {
  readonly name: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Milliseconds of wall clock, one for each round. */
  readonly times: number[];
}

/** Prints both ratios; false if one is over its limit. */
export async function benchStart(): Promise<boolean> {
  const anklume = await Deno.realPath("anklume");
  return await withDirectory(async (dir) => {
    const hello = await compileHello(dir);
    const [plain, rich] = [`${dir}/plain`, `${dir}/rich`];
    for (const [place, keys] of [[plain, PLAIN], [rich, RICH]] as const) {
      await Deno.mkdir(place);
      await Deno.writeTextFile(`${place}/infra.yml`, infraOf(100, keys));
    }
    const validate = [anklume, "validate"];
    const contenders: Contender[] = [
      { name: "hello world", argv: [hello], cwd: dir, times: [] },
      { name: "anklume --version", argv: [anklume, "--version"], cwd: dir, times: [] },
      { name: "anklume validate (100 machines)", argv: validate, cwd: plain, times: [] },
      { name: "the same with eight keys each", argv: validate, cwd: rich, times: [] },
    ];
    for (const { argv, cwd } of contenders) await timeProcess(argv, cwd); // warms up the page cache
    for (let round = 0; round < ROUNDS; round++) {
      for (const { argv, cwd, times } of contenders) times.push(await timeProcess(argv, cwd));
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

/** Keys of a machine as `anklume init` writes it. */
const PLAIN = ["description: Machine", "roles: [base_system]"];
/** Keys of a machine in a long-lived infra. */
const RICH = [
  ...PLAIN,
  "config: { limits.cpu: 2, limits.memory: 2GiB }",
  "storage_volumes: { data: { size: 10GiB, path: /data } }",
  "vars: { timezone: Europe/Paris }",
];

/** Returns an infra with this number of machines, in domains of ten. */
function infraOf(machines: number, keys: readonly string[]): string {
  const lines = ["project_name: bench", "domains:"];
  for (let domain = 0; domain * 10 < machines; domain++) {
    lines.push(`  d${domain}:`, "    internet: true", "    machines:");
    for (let machine = 0; machine < 10; machine++) {
      lines.push(`      d${domain}-m${machine}:`, ...keys.map((key) => `        ${key}`));
    }
  }
  return lines.join("\n") + "\n";
}
