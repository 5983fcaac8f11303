import assert from "node:assert/strict";
import fc from "fast-check";
import type { Lock } from "./addressing.ts";
import { assignAddresses } from "./assign_addresses.ts";
import { formatLock } from "./format_lock.ts";
import { sketchInfra } from "../infra/_infra_builder.ts";
import { parseLock } from "./lock.ts";

const FILE = "infra.lock.yml";
const LOCK: Lock = assignAddresses(
  sketchInfra([{ name: "pro", machines: ["pro-dev", "pro-web"] }, { name: "no", machines: [] }]),
  undefined,
  { newUuid: "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00" },
).lock!;
const TEXT = formatLock(LOCK);

/** Returns `code line:column` of each diagnostic. No lock may be returned then. */
function problemsOf(text: string): string[] {
  const { lock, diagnostics } = parseLock(text, { filename: FILE });
  assert.equal(lock, undefined);
  return diagnostics.map(({ code, range }) => {
    assert.equal(range?.file, FILE);
    return `${code} ${range?.start.line}:${range?.start.column}`;
  });
}

function edited(search: string | RegExp, replacement: string): string {
  const text = TEXT.replace(search, replacement);
  assert.notEqual(text, TEXT, `nothing to replace in\n${TEXT}`);
  return text;
}

Deno.test("formatLock() writes one line per domain and machine, and asks to be committed", () => {
  assert.equal(
    TEXT,
    `# infra.lock.yml - written by anklume: the addresses, MACs and interface names that it assigned.
# Commit it together with infra.yml. Without it machines could get other addresses.
format: 1
project: home-lab
infra: "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00"
domains:
  "no": { subnet: 10.120.0.0/24, bridge: net-no }
  pro: { subnet: 10.120.1.0/24, bridge: net-pro }
machines:
  pro-dev: { domain: pro, ip: 10.120.1.1, hwaddr: "${
      LOCK.machines["pro-dev"]?.hwaddr
    }", host_name: ${LOCK.machines["pro-dev"]?.hostName} }
  pro-web: { domain: pro, ip: 10.120.1.2, hwaddr: "${
      LOCK.machines["pro-web"]?.hwaddr
    }", host_name: ${LOCK.machines["pro-web"]?.hostName} }
freed: # given back, oldest first: reused last
  subnets: []
  addresses: []
`,
  );
});

Deno.test("formatLock() does not depend on the order of the lock's keys", () => {
  const turned = (record: object) => Object.fromEntries(Object.entries(record).reverse());
  const lock = { ...LOCK, domains: turned(LOCK.domains), machines: turned(LOCK.machines) } as Lock;
  assert.equal(formatLock(lock), TEXT);
});

Deno.test("parseLock() reads what formatLock() wrote", () => {
  const lock: Lock = {
    ...LOCK,
    freed: { subnets: ["10.120.9.0/24", "10.110.0.0/24"], addresses: ["10.120.1.7"] },
  };
  assert.deepEqual(parseLock(formatLock(lock), { filename: FILE }), { lock, diagnostics: [] });
  const empty: Lock = { ...LOCK, domains: {}, machines: {} };
  assert.deepEqual(parseLock(formatLock(empty), { filename: FILE }).lock, empty);
});

Deno.test("parseLock() reads Windows line ends and a byte order mark", () => {
  const text = `\uFEFF${TEXT.replaceAll("\n", "\r\n")}`;
  assert.deepEqual(parseLock(text, { filename: FILE }), { lock: LOCK, diagnostics: [] });
});

Deno.test("parseLock() says that a newer anklume wrote a newer format, and nothing else", () => {
  const text = edited("format: 1", "format: 2").replace("project: home-lab", "else: 1");
  assert.deepEqual(problemsOf(text), ["LOCK_NEWER 3:9"]);
});

Deno.test("parseLock() recognises a merge conflict", () => {
  const text = edited("  pro-web:", "<<<<<<< HEAD\n  pro-web:");
  assert.deepEqual(problemsOf(text), ["LOCK_CONFLICT 11:1"]);
});

Deno.test("parseLock() names both holders of what is given twice", () => {
  const double = edited("10.120.1.2", "10.120.1.1");
  assert.deepEqual(problemsOf(double), ["LOCK_DUPLICATE 11:31"]);
  const [diagnostic] = parseLock(double, { filename: FILE }).diagnostics;
  assert.match(diagnostic?.summary ?? "", /10\.120\.1\.1 .*`pro-dev`.*`pro-web`/);
  assert.deepEqual(problemsOf(edited("bridge: net-pro", "bridge: net-no")), [
    "LOCK_DUPLICATE 8:41",
  ]);
});

Deno.test("parseLock() reports a machine outside its domain", () => {
  assert.deepEqual(problemsOf(edited("10.120.1.2", "10.120.7.2")), ["LOCK_INVALID 11:3"]);
  assert.deepEqual(problemsOf(edited(/ {2}pro: .*\n/, "")), [
    "LOCK_INVALID 9:3",
    "LOCK_INVALID 10:3",
  ]);
});

Deno.test("parseLock() reports broken YAML where it breaks", () => {
  assert.deepEqual(problemsOf(edited("net-pro }", "net-pro")), ["YAML_SYNTAX 8:8"]);
});

Deno.test("parseLock() reports a file that was cut off", () => {
  assert.deepEqual(problemsOf(""), ["LOCK_INVALID 1:1"]);
  assert.deepEqual(problemsOf("format: 1\n"), ["LOCK_INVALID 1:1"]);
});

for (
  const [what, search, replacement, place] of [
    ["an unknown key", "host_name:", "hostname:", "10:3 10:72"],
    ["a UUID that is none", /"6f1c.*"/, "abc", "5:8"],
    ["a subnet that is not a /24", "10.120.1.0/24", "10.120.1.0/25", "8:18"],
    ["a subnet that no domain may have", "10.120.1.0/24", "10.120.255.0/24", "8:18"],
    ["an octet above 255", "10.120.1.2", "10.120.1.256", "11:31"],
    ["an octet with a zero in front", "10.120.1.2", "10.120.1.02", "11:31"],
    ["a group MAC", /hwaddr: "10/, 'hwaddr: "11', "10:51"],
    ["a name that is no DNS label", "  pro-web:", "  pro_web:", "11:3"],
    ["a bridge of another name", "net-pro", "docker0", "8:41"],
    ["the host's own interface as a port", /host_name: ak\w+/, "host_name: eth0", "10:83"],
    ["another program's interface as a port", /host_name: ak\w+/, "host_name: veth0a1b2c", "10:83"],
    ["a map for a list", "subnets: []", "subnets: {}", "13:3"],
    ["a list for a map", "machines:\n", "machines: []\nx:\n", "9:1 10:1"],
    ["a format that is no number", "format: 1", "format: one", "3:9"],
  ] as const
) {
  Deno.test(`parseLock() reports ${what}`, () => {
    const places = problemsOf(edited(search, replacement));
    assert.deepEqual(places, place.split(" ").map((at) => `LOCK_INVALID ${at}`));
  });
}

Deno.test("parseLock() never throws and never believes a damaged text silently", () => {
  const damage = fc.record({
    at: fc.nat(TEXT.length - 1),
    length: fc.nat(30),
    text: fc.oneof(fc.string(), fc.constantFrom("&a", "*a", "<<: ", "\0", "\t", "{", "]", "- ")),
  });
  fc.assert(fc.property(damage, ({ at, length, text }) => {
    const { lock, diagnostics } = parseLock(
      TEXT.slice(0, at) + text + TEXT.slice(at + length),
      { filename: FILE },
    );
    assert.equal(lock === undefined, diagnostics.length > 0);
    if (lock !== undefined) {
      assert.deepEqual(parseLock(formatLock(lock), { filename: FILE }).lock, lock);
    }
  }));
});
