import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import type { Probe } from "./probe.ts";
import { SOURCE_PORTS } from "./judge.ts";
import type { Site } from "./run_probers.ts";
import { proveIsolation } from "./verify.ts";

const A = { kind: "machine", machine: "a", domain: "left" } as const;
const B = { kind: "machine", machine: "b", domain: "right" } as const;
const probe = (n: number, expected: Probe["expected"]): Probe => ({
  n,
  from: A,
  to: B,
  family: 4,
  address: "10.0.0.2",
  source: "10.0.0.1",
  protocol: "icmp",
  port: 0,
  expected,
});

/** Machines on a network that loses, in each run, the given probes. */
class Wire {
  readonly asked: string[] = [];
  readonly #arrived: string[] = [];
  #run = "";
  #runs = 0;

  constructor(readonly loses: readonly (readonly number[])[]) {}

  readonly sites: readonly Site[] = ["a", "b", "c", "host"].map((name) => ({
    name,
    start: async (input, onOutput) => {
      this.asked.push(name);
      const sent: number[] = [];
      for await (const text of input) {
        for (const line of text.split("\n")) {
          const [word, value] = line.split(" ");
          if (word === "run" && value !== undefined && value !== this.#run) {
            this.#run = value;
            this.#runs++;
            this.#arrived.length = 0;
          }
          if (word === "send") sent.push(Number(value));
          if (word === "ready?") onOutput("ready\n");
          if (word === "go") await this.#go(name, sent, onOutput);
        }
        if (text === "go\n") return;
      }
    },
  }));

  async #go(name: string, sent: readonly number[], onOutput: (text: string) => void) {
    const lost = this.loses[this.#runs - 1] ?? [];
    for (const n of sent) {
      if (lost.includes(n % SOURCE_PORTS)) continue;
      this.#arrived.push(`seen in eth0 icmp 10.0.0.1 0 10.0.0.2 0 ${n}`);
      onOutput(`answer ${n} echo 0\n`);
    }
    await sleep(5);
    if (name === "b") { for (const line of this.#arrived) onOutput(`${line}\n`); }
    onOutput("end\n");
  }
}

Deno.test("an open probe that was lost is sent once more, by those it concerns", async () => {
  const wire = new Wire([[1]]);
  const { results, faults } = await proveIsolation(
    [probe(1, "open"), probe(2, "open")],
    wire.sites,
  );
  assert.deepEqual(faults, []);
  assert.deepEqual(results.map(({ difference }) => difference), [undefined, undefined]);
  assert.deepEqual(wire.asked, ["a", "b", "c", "host", "a", "b", "host"]);
});

Deno.test("one that is lost again is blocked", async () => {
  const wire = new Wire([[1], [1]]);
  const { results } = await proveIsolation([probe(1, "open"), probe(2, "open")], wire.sites);
  assert.deepEqual(results.map(({ difference }) => difference), ["blocked", undefined]);
});

Deno.test("a leak is a leak the first time", async () => {
  const wire = new Wire([[]]);
  const { results } = await proveIsolation([probe(1, "closed")], wire.sites);
  assert.deepEqual(results.map(({ difference }) => difference), ["leak"]);
  assert.equal(wire.asked.length, 4);
});

/** A prober with any output of its own after `go`. */
function liar(name: string, says: () => string): Site {
  return {
    name,
    start: async (input, onOutput) => {
      for await (const text of input) {
        if (text.includes("ready?")) onOutput("ready\n");
        if (text !== "go\n") continue;
        onOutput(says());
        return;
      }
    },
  };
}

Deno.test("a prober that says more than it was asked is cut off, and its machine named", async () => {
  let handed = 0;
  const endless = liar("a", () => {
    handed++;
    return "x".repeat(10_000_000);
  });
  const honest = new Wire([[]]).sites.filter(({ name }) => name !== "a");
  const { results, faults } = await proveIsolation([probe(1, "closed")], [endless, ...honest]);
  assert.deepEqual(faults, [{ site: "a", why: "it gives more answers than requested" }]);
  assert.deepEqual(results, []);
  assert.equal(handed, 1);
});

Deno.test("a prober's word about itself is one line, and about no address that it was not asked for", async () => {
  const odd = liar(
    "a",
    () => "missing \u001b[2J10.9.9.9\nseen in eth0 icmp 10.0.0.1 0 10.0.0.2 0 1\nend\n",
  );
  const silent: Site = {
    name: "b",
    start: () => Promise.reject(new Error(`${"y".repeat(5_000)}\nsecond line`)),
  };
  const { faults } = await proveIsolation([probe(1, "closed")], [odd, silent]);
  assert.deepEqual(faults, [{ site: "b", why: `${"y".repeat(200)}...` }]);
});
