/**
 * `scripts/bench snapshot`: takes, restores and deletes a set of 30 running containers through the
 * binary, and compares with two loops over an open connection, with as many at a time. `bare` knows
 * the machines and sends only the requests that change them. `same` sends all of anklume's
 * requests, with its reads and notes; the limit is about this one. A restore also reads the
 * firewall and plans, so it is compared with `bare`. They take turns at going first, and each
 * starts when the machine is idle.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pLimit from "p-limit";
import { connectIncus, type IncusClient } from "../../lib/incus/incus_client.ts";
import type { Instance } from "../../lib/incus/wire/instance.ts";
import { NEVER } from "../../lib/incus/wire/snapshot.ts";
import { SetNoteWriter } from "../../lib/snapshot/note_store.ts";
import { readEverything } from "../../lib/snapshot/read_everything.ts";
import type { SetNote } from "../../lib/snapshot/set_note.ts";
import { median, row, timeProcess, untilIdle, verdict, withDirectory } from "./tools.ts";

const ROUNDS = 25;
/** A restore takes long enough to need fewer rounds. */
const LONG_ROUNDS = 3;
const LIMIT = 1.15;
const FROZEN_LIMIT_MS = 1000;
const DOMAINS = 3;
const MACHINES = 10;
/** The same numbers as in lib/snapshot. */
const SNAPSHOTS_AT_ONCE = 8;
const RESTORES_AT_ONCE = 4;

type Step = "create" | "restore" | "delete";
type Times = Record<Step, number[]>;

export async function benchSnapshot(): Promise<boolean> {
  await using incus = await connectIncus();
  const anklume = await Deno.realPath("anklume");
  return await withDirectory(async (dir) => {
    await Deno.writeTextFile(`${dir}/infra.yml`, infraText());
    await timeProcess([anklume, "apply", "--infra", "--yes"], dir);
    const machines = (await incus.instances.list()).filter(({ project }) => /^b\d$/.test(project));
    try {
      return await compare(incus, machines, anklume, dir);
    } finally {
      await timeProcess([anklume, "destroy", "--force", "--yes"], dir);
    }
  });
}

async function compare(
  incus: IncusClient,
  machines: readonly Instance[],
  anklume: string,
  dir: string,
): Promise<boolean> {
  const [ours, bare, same]: [Times, Times, Times] = [times(), times(), times()];
  const argv: Record<Step, string[]> = {
    create: [anklume, "snapshot", "create", "ours"],
    restore: [anklume, "snapshot", "restore", "ours", "--yes", "--no-safety"],
    delete: [anklume, "snapshot", "delete", "ours", "--yes"],
  };
  const [frozen, still]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const steps = round < LONG_ROUNDS
      ? ["create", "restore", "delete"] as const
      : ["create", "delete"] as const;
    for (const step of steps) {
      const turns = [
        async () => ours[step].push(await timeProcess(argv[step], dir)),
        async () => bare[step].push(await timeLoop(incus, machines, step)),
        ...(step === "restore" ? [] : [
          async () => same[step].push(await timeSame(incus, machines, step)),
        ]),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) {
        await untilIdle();
        await turn();
      }
    }
    if (round >= LONG_ROUNDS) continue;
    await untilIdle();
    const longest = await longestFreeze([...argv.create, "--consistent"], dir);
    frozen.push(longest.frozenMs);
    still.push(longest.stillMs);
    await timeProcess(argv.delete, dir);
  }
  const results = (["create", "restore", "delete"] as const).map((step) => {
    console.log(row(`bare loop, ${step} ${machines.length}`, bare[step]));
    if (same[step].length > 0) {
      console.log(row(`the same requests, ${step}`, same[step], median(bare[step])));
    }
    console.log(row(`anklume snapshot ${step}`, ours[step], median(bare[step])));
    const yardstick = same[step].length > 0 ? same[step] : bare[step];
    return verdict(step, median(ours[step]) / median(yardstick), LIMIT, "x");
  });
  await timeProcess([anklume, "apply", "--infra", "--baseline"], dir);
  const reset = [anklume, "reset", ...["b0", "b1"].flatMap((domain) => ["--domain", domain])];
  console.log(row("anklume reset, a class of 20", [await timeProcess(reset, dir)]));
  console.log(row("longest freeze, once it is noticed", frozen));
  console.log(row("longest freeze of one machine", still));
  const v2 = await Deno.stat("/sys/fs/cgroup/cgroup.controllers").catch(() => undefined);
  results.push(
    verdict(
      `freeze under --consistent, cgroup v${v2 ? 2 : 1}`,
      Math.max(...still),
      FROZEN_LIMIT_MS,
      "ms",
    ),
  );
  results.push(await constantRequests(anklume, dir));
  console.log(
    `(minimum, median, maximum of ${ROUNDS} rounds, of ${LONG_ROUNDS} restores; ratio of medians)`,
  );
  return results.every((ok) => ok);
}

function times(): Times {
  return { create: [], restore: [], delete: [] };
}

/**
 * Includes anklume's reads, and its notes: two for a set that is taken, one for a set that is
 * deleted.
 */
async function timeSame(
  incus: IncusClient,
  machines: readonly Instance[],
  step: "create" | "delete",
): Promise<number> {
  const writer = new SetNoteWriter(incus, machines[0]?.project ?? "", "same");
  const note: SetNote = {
    state: "whole",
    kind: "manual",
    at: new Date().toISOString(),
    machines: machines.map(({ project, name, config }) => ({
      project,
      machine: name,
      ...(config["volatile.uuid"] === undefined ? {} : { uuid: config["volatile.uuid"] }),
      volumes: {},
    })),
  };
  const start = performance.now();
  await readEverything(incus, { snapshots: step === "create" ? "names" : "noted" });
  if (step === "create") await writer.write({ ...note, state: "taking" });
  writer.prepare();
  await timeLoop(incus, machines, step, "same");
  await writer.write(step === "create" ? note : undefined);
  return performance.now() - start;
}

async function timeLoop(
  incus: IncusClient,
  machines: readonly Instance[],
  step: Step,
  name = "bare",
): Promise<number> {
  const limit = pLimit(step === "restore" ? RESTORES_AT_ONCE : SNAPSHOTS_AT_ONCE);
  const { instances, instanceSnapshots } = incus;
  const start = performance.now();
  await Promise.all(machines.map(({ project, name: machine }) =>
    limit(async () => {
      if (step === "create") {
        await instanceSnapshots.create(project, machine, { name, expires_at: NEVER });
      } else if (step === "delete") await instanceSnapshots.delete(project, machine, name);
      else {
        await instances.setState(project, machine, { action: "stop", force: true });
        await instanceSnapshots.restore(project, machine, name);
        await instances.setState(project, machine, { action: "start" });
      }
    })
  ));
  return performance.now() - start;
}

interface Freeze {
  /**
   * Between a machine's `instance-paused` and its `instance-resumed`: without the time that LXC
   * needs to notice the freeze.
   */
  readonly frozenMs: number;
  /** From the freeze request to the thaw, as anklume prints it. */
  readonly stillMs: number;
}

/** Returns the longest freeze of one machine. */
async function longestFreeze(argv: readonly string[], dir: string): Promise<Freeze> {
  const monitor = new Deno.Command("incus", {
    args: ["monitor", "--all-projects", "--type=lifecycle", "--format=json"],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = new Response(monitor.stdout).text();
  await sleep(500);
  const [command = "", ...args] = argv;
  const { stdout } = await new Deno.Command(command, { args, cwd: dir }).output();
  const said = new TextDecoder().decode(stdout);
  const still = /was frozen for longer\s+than\s+([\d.]+)\s+s/.exec(said)?.[1];
  if (still === undefined) throw new Error(said);
  await sleep(500);
  monitor.kill();
  const paused = new Map<string, number>();
  let longest = 0;
  let pairs = 0;
  for (const line of (await output).split("\n").filter((each) => each !== "")) {
    const event = JSON.parse(line) as {
      readonly timestamp: string;
      readonly metadata: { readonly action: string; readonly source: string };
    };
    const { action, source } = event.metadata;
    const at = Date.parse(event.timestamp);
    if (action === "instance-paused") paused.set(source, at);
    const since = paused.get(source);
    if (action !== "instance-resumed" || since === undefined) continue;
    pairs++;
    longest = Math.max(longest, at - since);
  }
  if (pairs !== DOMAINS * MACHINES) throw new Error(`${pairs} freezes were seen`);
  return { frozenMs: longest, stillMs: Number(still) * 1000 };
}

/** Checks that each further machine costs the same requests, however many there are. */
async function constantRequests(anklume: string, dir: string): Promise<boolean> {
  const counts: number[] = [];
  for (let domains = 1; domains <= DOMAINS; domains++) {
    const scope = Array.from({ length: domains }, (_, index) => ["--domain", `b${index}`]).flat();
    const argv = [anklume, "snapshot", "create", `count-${domains}`, ...scope];
    const [command = "", ...args] = argv;
    const env = { NO_COLOR: "1", ANKLUME_DEBUG: "1" };
    const { stderr } = await new Deno.Command(command, { args, cwd: dir, env }).output();
    const count = /(\d+) requests to Incus/.exec(new TextDecoder().decode(stderr))?.[1];
    if (count === undefined) throw new Error(new TextDecoder().decode(stderr));
    counts.push(Number(count));
    await timeProcess([anklume, "snapshot", "delete", `count-${domains}`, "--yes"], dir);
  }
  const [one = 0, two = 0, three = 0] = counts;
  console.log(
    `requests of create: ${one}, ${two}, ${three} for 10, 20, 30 machines in 1, 2, 3 domains`,
  );
  return verdict("requests that a machine adds", (three - two) / (two - one), 1, "x");
}

function infraText(): string {
  const lines = [
    "project_name: bench",
    "global: { default_os_image: local:anklume-test }",
    "domains:",
  ];
  for (let domain = 0; domain < DOMAINS; domain++) {
    lines.push(`  b${domain}:`, "    ephemeral: true", "    machines:");
    for (let machine = 0; machine < MACHINES; machine++) {
      lines.push(`      b${domain}-m${machine}: {}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
