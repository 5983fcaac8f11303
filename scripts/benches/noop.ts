/**
 * `scripts/bench noop`: how long a user waits if nothing is to be done among 100 machines, and if
 * one key of one machine changes. Measures whole processes of the compiled binary. The yardstick is
 * the same read requests in a bare loop.
 */
import { connectIncus, type IncusClient } from "../../lib/incus/incus_client.ts";
import { median, row, timeProcess, verdict, withDirectory } from "./tools.ts";

const ROUNDS = 15;
const DOMAINS = 10;
const MACHINES = 10;
/** Seconds beyond the yardstick: 0.25 s in all if the bare requests take 0.15 s. */
const LIMITS = { noop: 0.1, oneKey: 0.15 };

export async function benchNoop(): Promise<boolean> {
  await using incus = await connectIncus();
  const anklume = await Deno.realPath("anklume");
  return await withDirectory(async (dir) => {
    const write = (processes?: number) =>
      Deno.writeTextFile(`${dir}/infra.yml`, infraOf(processes));
    await write();
    console.log(`creating ${DOMAINS * MACHINES} stopped machines …`);
    await timeProcess([anklume, "apply", "--infra", "--yes"], dir);
    const [bare, check, apply, change]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await timeReading(incus));
      check.push(await timeProcess([anklume, "check", "--exit-code"], dir));
      apply.push(await timeProcess([anklume, "apply", "--infra"], dir));
      await write(100 + round);
      change.push(await timeProcess([anklume, "apply", "--infra"], dir));
    }
    await timeProcess([anklume, "destroy", "--force", "--yes"], dir);
    console.log(row("the reading requests, bare", bare));
    console.log(row("anklume check", check, median(bare)));
    console.log(row("anklume apply --infra", apply, median(bare)));
    console.log(row("anklume apply --infra, one key", change, median(bare)));
    console.log(`(minimum, median, maximum of ${ROUNDS} rounds, in turn)`);
    return [
      verdict("check more than the bare requests", more(check, bare), LIMITS.noop, "s"),
      verdict("apply more than the bare requests", more(apply, bare), LIMITS.noop, "s"),
      verdict("one key more than that apply", more(change, apply), LIMITS.oneKey, "s"),
    ].every((ok) => ok);
  });
}

/** Returns the seconds between two medians. */
function more(times: readonly number[], than: readonly number[]): number {
  return (median(times) - median(than)) / 1000;
}

/** Returns the milliseconds for the requests of `check`, over an open connection. */
async function timeReading(incus: IncusClient): Promise<number> {
  const everywhere = { allProjects: true } as const;
  const start = performance.now();
  await Promise.all([
    incus.projects.list(),
    incus.networks.list(),
    incus.profiles.list(everywhere),
    incus.instances.list(everywhere),
    incus.images.list(),
    incus.storagePools.list().then((pools) =>
      Promise.all(pools.map(({ name }) => incus.volumes.list(name, everywhere)))
    ),
  ]);
  return performance.now() - start;
}

/** Returns an infra; `processes`: a key of the first machine. */
function infraOf(processes?: number): string {
  const lines = [
    "project_name: bench",
    "global: { default_os_image: local:anklume-test }",
    "domains:",
  ];
  for (let domain = 0; domain < DOMAINS; domain++) {
    lines.push(`  d${domain}:`, "    ephemeral: true", "    machines:");
    for (let machine = 0; machine < MACHINES; machine++) {
      lines.push(`      d${domain}-m${machine}:`, "        state: stopped");
      if (processes === undefined || domain + machine > 0) continue;
      lines.push(`        config: { limits.processes: "${processes}" }`);
    }
  }
  return lines.join("\n") + "\n";
}
