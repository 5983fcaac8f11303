/**
 * Stops an apply of a mixed plan at a random step by a random fault, again and again, and checks
 * the state after the next apply. `scripts/check/faults --runs N --seed S [--fault NAME] [--step N]`;
 * needs root.
 */
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { type Fault, FAULTS, strike } from "./faults.ts";
import { endWithin, FaultHost } from "./host.ts";
import { FaultProxy } from "./proxy.ts";
import { beats, identities, infraOf, prepare, proveProbers, type Side, verify } from "./story.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    fault: { type: "string" },
    step: { type: "string" },
  },
});

/** mulberry32: the same seed, the same runs. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

interface Tally {
  runs: number;
  struck: number;
  failed: number;
}

const APPLY = ["apply", "--infra", "--yes", "--prune"];
/** Seconds that a request may take in a run whose fault is silence. */
const PATIENCE = 5;

class Harness {
  readonly #tally = new Map<Fault, Tally>(
    FAULTS.map((fault) => [fault, { runs: 0, struck: 0, failed: 0 }]),
  );
  /** Number of requests that change something, in an apply to that side without a fault. */
  readonly #steps: Record<Side, number> = { a: 0, b: 0 };
  #side: Side = "a";

  constructor(
    readonly host: FaultHost,
    readonly fingerprint: string,
    readonly random: () => number,
  ) {}

  /** Makes the infra of side `a`, its data and probers, and counts the steps of each direction. */
  async setUp(): Promise<void> {
    await this.#write("a");
    await this.#apply("the first apply");
    await prepare(this.host);
    const holes = await proveProbers(this.host, () => this.#apply("closing the firewall"));
    const counts = holes.map((each) => each.trim().split("\n").length);
    console.log(
      `faults: an opened firewall is seen by both probers (${counts.join(" and ")} holes)`,
    );
    for (const side of ["b", "a"] as const) {
      this.#steps[side] = (await this.run(undefined, 0, side)).mutations;
    }
    console.log(`faults: ${this.#steps.b} steps to b, ${this.#steps.a} steps back to a`);
  }

  async once(number: number, fault: Fault, step: number | undefined): Promise<boolean> {
    const side: Side = this.#side === "a" ? "b" : "a";
    const at = step ?? 1 + Math.floor(this.random() * this.#steps[side]);
    const tally = this.#tally.get(fault)!;
    tally.runs++;
    const began = Date.now();
    const title = `run ${number}: ${fault} at step ${at}, to ${side}`;
    try {
      const { struck, said } = await this.run(fault, at, side);
      if (struck !== undefined) tally.struck++;
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      console.log(`${title}  ok (${struck ?? "not reached"}; exit ${said}, ${seconds} s)`);
      return true;
    } catch (error) {
      tally.failed++;
      console.log(`${title}  FAILED\n${error instanceof Error ? error.message : error}`);
      console.log(`--- Incus had logged:\n${await this.host.logged()}`);
      return false;
    }
  }

  /** Runs one apply to a side with a fault, and one without; then checks everything. */
  async run(fault: Fault | undefined, step: number, side: Side) {
    const { host } = this;
    const text = await this.#write(side);
    // A snapshot of the machine that gets a new disk; the last one still exists, since such a
    // machine keeps them.
    await host.run(["incus", "snapshot", "delete", "--project", "work", "db", "before"]);
    await host.must(["incus", "snapshot", "create", "--project", "work", "db", "before"]);
    const before = await identities(host);
    const awake = await beats(host);
    const socket = `${host.incusDirectory}/faults.socket`;
    await Deno.remove(socket).catch(() => {});
    let struck: string | undefined;
    let cut: Promise<void> | undefined;
    let said: number;
    let mutations: number;
    {
      await using proxy = new FaultProxy(socket, `${host.incusDirectory}/unix.socket`);
      proxy.decide = async (mutation) => {
        if (fault === undefined || mutation.number !== step) return "pass";
        struck = `${mutation.method} ${new URL(mutation.path, "http://incus").pathname}`;
        if (fault === "power-cut") {
          const delay = this.random() * 300;
          cut = sleep(delay).then(() => host.powerCut());
          return "pass";
        }
        return await strike(fault, host, mutation);
      };
      if (fault === "workspace-full") {
        await host.fillWorkspace(Math.floor(this.random() * 6) * 4096);
      }
      const patience = fault === "hang" ? PATIENCE : 120;
      const child = host.anklumeThrough("/var/lib/incus/faults.socket", APPLY, patience);
      const ended = await endWithin(child, 240);
      await cut;
      said = ended.code;
      // The disk is full from the start, before any request to Incus.
      if (fault === "workspace-full" && said !== 0) struck = "a write of the workspace's";
      mutations = proxy.mutations;
      assert.equal(ended.hung, false, `it hung\n${ended.text}`);
      assert.doesNotMatch(ended.text, /^\s+at .*(:\d+:\d+|<anonymous>)/m, ended.text);
      assert.doesNotMatch(ended.text, /This is a bug/, ended.text);
      if (fault === undefined) assert.equal(ended.code, 0, ended.text);
      if (fault?.startsWith("sigint") && struck !== undefined) {
        assert.ok(ended.code === 130 || ended.code === 0, `exit ${ended.code}\n${ended.text}`);
      }
      if (fault === "edit") {
        assert.equal(ended.code, 0, `an edit by others is planned again\n${ended.text}`);
      }
      this.#last = ended.text;
    }
    await this.#heal(fault);
    await this.#apply("the next apply");
    await verify(host, side, before, text);
    let now = await beats(host);
    for (let tries = 0; now <= awake && tries < 10; tries++) {
      await sleep(1000);
      now = await beats(host);
    }
    assert.ok(now > awake, `the prober slept: ${awake} beats, then ${now}`);
    this.#side = side;
    return { struck, said, mutations };
  }

  #last = "";

  async #heal(fault: Fault | undefined): Promise<void> {
    if (fault === "daemon-kill") await this.host.testbed("daemon", "start");
    if (fault === "pool-full") await this.host.emptyPool();
    if (fault === "workspace-full") await this.host.emptyWorkspace();
  }

  async #apply(what: string): Promise<void> {
    const { code, text } = await this.host.anklume(...APPLY);
    assert.equal(code, 0, `${what}:\n${text}\n--- the disturbed one had said:\n${this.#last}`);
  }

  async #write(side: Side): Promise<string> {
    const text = infraOf(side, this.fingerprint);
    await Deno.writeTextFile(`${this.host.workspace}/infra.yml`, text);
    return text;
  }

  /** Prints the counts by fault; true if nothing failed. */
  report(): boolean {
    const rows = [...this.#tally].filter(([, { runs }]) => runs > 0);
    for (const [fault, { runs, struck, failed }] of rows) {
      console.log(
        `${fault.padEnd(16)} ${String(runs).padStart(4)} runs, ${struck} struck, ${failed} failed`,
      );
    }
    const failed = rows.reduce((sum, [, tally]) => sum + tally.failed, 0);
    const runs = rows.reduce((sum, [, tally]) => sum + tally.runs, 0);
    console.log(`faults: ${runs - failed} passed, ${failed} failed`);
    return failed === 0;
  }
}

const seed = Number(values.seed);
console.log(`faults: seed ${seed}, ${values.runs} runs`);
const random = randomOf(seed);
let ok: boolean;
{
  await using host = await FaultHost.start();
  const alias = JSON.parse(
    await host.must(["incus", "query", "/1.0/images/aliases/anklume-test"]),
  ) as { target: string };
  const harness = new Harness(host, alias.target, random);
  await harness.setUp();
  const bag: Fault[] = [];
  for (let number = 1; number <= Number(values.runs); number++) {
    // Each fault once before any repeats.
    if (bag.length === 0) bag.push(...FAULTS);
    const [drawn] = bag.splice(Math.floor(random() * bag.length), 1);
    const fault = (values.fault as Fault | undefined) ?? drawn!;
    const fine = await harness.once(number, fault, values.step ? Number(values.step) : undefined);
    // A broken state would spoil the later runs.
    if (!fine) break;
  }
  ok = harness.report();
}
Deno.exit(ok ? 0 : 1);
