import assert from "node:assert/strict";
import fc from "fast-check";
import { TRUST_LEVELS, type TrustLevel } from "../infra/infra.ts";
import type { Addressing, Lock } from "./addressing.ts";
import { assignAddresses, type Assignment } from "./assign_addresses.ts";
import { formatLock } from "./format_lock.ts";
import { type DomainSketch, sketchInfra } from "../infra/_infra_builder.ts";
import { parseLock } from "./lock.ts";

/** Few names, so that removed ones come back, and long names with the same beginning. */
const DOMAINS = ["pro", "lab", "no", "tp-1", "tp-2", "tp-10", "constructor", "laboratory-one"]
  .concat(["laboratory-two", "laboratory-three", "labor-atory"]);
const MACHINES = Array.from({ length: 24 }, (_, index) => `m${index + 1}`);

/** Any infra that can get addresses. A machine is in at most one domain. */
const infraSketch: fc.Arbitrary<DomainSketch[]> = fc.record({
  domains: fc.shuffledSubarray(DOMAINS),
  trust: fc.infiniteStream(fc.constantFrom(...TRUST_LEVELS)),
  enabled: fc.infiniteStream(fc.boolean()),
  machines: fc.shuffledSubarray(MACHINES),
  homes: fc.infiniteStream(fc.nat()),
}).map(({ domains, trust, enabled, machines, homes }) => {
  const inDomain = new Map(domains.map((name) => [name, [] as string[]]));
  for (const machine of machines) {
    const home = domains[homes.next().value % Math.max(1, domains.length)];
    if (home !== undefined) inDomain.get(home)?.push(machine);
  }
  return domains.map((name) => ({
    name,
    trustLevel: trust.next().value,
    enabled: enabled.next().value,
    machines: inDomain.get(name) ?? [],
  }));
});

/** The same with some addresses requested by hand, including impossible ones. */
const demandingSketch: fc.Arbitrary<DomainSketch[]> = fc.record({
  domains: infraSketch,
  subnetIds: fc.infiniteStream(fc.option(fc.nat(30), { nil: undefined })),
  hosts: fc.infiniteStream(fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined })),
}).map(({ domains, subnetIds, hosts }) =>
  domains.map((domain) => {
    const subnetId = subnetIds.next().value;
    const zone = zoneOf(domain.trustLevel);
    const machines = (domain.machines ?? []).map((machine) => {
      const host = subnetId === undefined ? undefined : hosts.next().value;
      const name = typeof machine === "string" ? machine : machine[0];
      return host === undefined ? name : [name, `10.${zone}.${subnetId}.${host}`] as const;
    });
    return { ...domain, machines, ...(subnetId === undefined ? {} : { subnetId }) };
  })
);

function zoneOf(trustLevel: TrustLevel = "semi-trusted"): string {
  const zones = { admin: 100, trusted: 110, "semi-trusted": 120, untrusted: 140, disposable: 150 };
  return String(zones[trustLevel]);
}

function assign(sketches: readonly DomainSketch[], lock?: Lock, newUuid = UUID): Assignment {
  return assignAddresses(sketchInfra(sketches, { ipv6: true }), lock, { newUuid });
}
const UUID = "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00";

/** Applies the infras one after another, each with the lock of the previous one. */
function* history(sketches: readonly DomainSketch[][]): Generator<
  { before: Lock | undefined; after: Lock; addressing: Addressing; sketch: DomainSketch[] }
> {
  let before: Lock | undefined;
  for (const sketch of sketches) {
    const { lock: after, addressing } = assign(sketch, before);
    if (after === undefined || addressing === undefined) continue;
    yield { before, after, addressing, sketch };
    before = after;
  }
}

function assertSound(addressing: Addressing): void {
  const domains = [...addressing.domains.values()];
  const machines = [...addressing.machines.values()];
  const unique = (what: string, values: readonly unknown[]) =>
    assert.equal(new Set(values).size, values.length, `one ${what} twice`);
  unique("subnet", domains.map(({ subnet }) => subnet));
  unique("IPv6 subnet", domains.map(({ ipv6 }) => ipv6?.subnet));
  unique("ip", machines.map(({ ip }) => ip));
  unique("IPv6", machines.map(({ ipv6 }) => ipv6));
  unique("MAC", machines.map(({ hwaddr }) => hwaddr));
  unique("interface", [
    ...machines.map(({ hostName }) => hostName),
    ...domains.map(({ bridge }) => bridge),
  ]);
  for (const { subnet, bridge, ipv6 } of domains) {
    assert.match(subnet, /^10\.1[0-5]0\.\d+\.0\/24$/);
    assert.ok(Number(subnet.split(".")[2]) <= 254);
    assert.match(bridge, /^net-[a-z0-9-]{1,11}$/);
    assert.match(ipv6?.subnet ?? "", /^fd[0-9a-f]{2}:.*::\/64$/);
  }
  for (const { domain, ip, hwaddr, hostName } of machines) {
    const { subnet } = addressing.domains.get(domain)!;
    const host = Number(ip.split(".")[3]);
    assert.equal(`${ip.slice(0, ip.lastIndexOf("."))}.0/24`, subnet);
    assert.ok(host >= 1 && host <= 99, ip);
    assert.match(hwaddr, /^10:66:6a(:[0-9a-f]{2}){3}$/);
    assert.match(hostName, /^ak[0-9a-z]{10}$/);
  }
}

Deno.test("addresses never move while infra.yml grows, shrinks and is rearranged", () => {
  fc.assert(fc.property(fc.array(infraSketch, { minLength: 2, maxLength: 8 }), (sketches) => {
    for (const { before, after, sketch } of history(sketches)) {
      const subnets = new Map(Object.entries(before?.domains ?? {}));
      const domains = new Map(Object.entries(after.domains));
      const machines = new Map(Object.entries(after.machines));
      /**
       * Domains that have no reason to move: disabled, or still with the trust level of their zone.
       */
      const settled = new Set(
        sketch.filter(({ name, enabled, trustLevel }) =>
          enabled === false || subnets.get(name)?.subnet.split(".")[1] === zoneOf(trustLevel)
        ).map(({ name }) => name),
      );
      for (const [name, locked] of subnets) {
        const now = domains.get(name);
        if (now === undefined) continue;
        assert.equal(now.bridge, locked.bridge);
        assert.equal(now.subnet === locked.subnet, settled.has(name));
      }
      for (const [name, locked] of Object.entries(before?.machines ?? {})) {
        const now = machines.get(name);
        if (now === undefined) continue;
        assert.equal(now.hwaddr, locked.hwaddr);
        assert.equal(now.hostName, locked.hostName);
        if (now.domain !== locked.domain) continue;
        if (settled.has(now.domain)) assert.equal(now.ip, locked.ip);
        else assert.equal(now.ip.split(".")[3], locked.ip.split(".")[3]);
      }
    }
  }));
});

Deno.test("addresses are never given twice and always in range, whatever is asked", () => {
  fc.assert(
    fc.property(fc.array(demandingSketch, { minLength: 1, maxLength: 6 }), (sketches) => {
      for (const { addressing } of history(sketches)) assertSound(addressing);
    }),
  );
});

Deno.test("addresses that were asked for are given, or refused at their place", () => {
  fc.assert(
    fc.property(fc.array(demandingSketch, { minLength: 1, maxLength: 4 }), (sketches) => {
      let lock: Lock | undefined;
      for (const sketch of sketches) {
        const result = assign(sketch, lock);
        assert.equal(result.lock === undefined, result.diagnostics.length > 0);
        for (const { range } of result.diagnostics) assert.ok(range !== undefined);
        for (const { name, subnetId, enabled, machines } of result.lock ? sketch : []) {
          const frozen = enabled === false && Object.hasOwn(lock?.domains ?? {}, name);
          if (frozen) continue;
          const subnet = result.lock?.domains[name]?.subnet;
          if (subnetId !== undefined) assert.equal(subnet?.split(".")[2], String(subnetId));
          for (const machine of machines ?? []) {
            if (typeof machine === "string") continue;
            assert.equal(result.lock?.machines[machine[0]]?.ip, machine[1]);
          }
        }
        lock = result.lock ?? lock;
      }
    }),
  );
});

Deno.test("addresses do not change when they are assigned again", () => {
  fc.assert(
    fc.property(fc.array(demandingSketch, { minLength: 1, maxLength: 4 }), (sketches) => {
      for (const { sketch, after, addressing } of history(sketches)) {
        const again = assign(sketch, after, "another");
        assert.deepEqual(again.lock, after);
        assert.deepEqual(again.addressing, addressing);
      }
    }),
  );
});

Deno.test("addresses do not depend on the order of infra.yml, not even the first ones", () => {
  const shuffled = fc.tuple(fc.array(infraSketch, { maxLength: 2 }), infraSketch, fc.integer());
  fc.assert(fc.property(shuffled, ([past, sketch, seed]) => {
    const lock = [...history(past)].at(-1)?.after;
    const reordered = shuffle(
      sketch.map((domain) => ({ ...domain, machines: shuffle(domain.machines ?? [], seed) })),
      seed,
    );
    const [plain, other] = [assign(sketch, lock), assign(reordered, lock)];
    assert.deepEqual(other.lock, plain.lock);
    assert.deepEqual(
      [...other.addressing?.machines ?? []],
      [...plain.addressing?.machines ?? []],
    );
  }));
});

Deno.test("addresses that were freed are never given while another is left", () => {
  fc.assert(fc.property(fc.array(infraSketch, { minLength: 2, maxLength: 6 }), (sketches) => {
    for (const { before, after } of history(sketches)) {
      const subnets = new Set(Object.values(after.domains).map(({ subnet }) => subnet));
      const ips = new Set(Object.values(after.machines).map(({ ip }) => ip));
      for (const subnet of before?.freed.subnets ?? []) assert.ok(!subnets.has(subnet), subnet);
      for (const ip of before?.freed.addresses ?? []) assert.ok(!ips.has(ip), ip);

      for (const { subnet } of Object.values(before?.domains ?? {})) {
        assert.notEqual(subnets.has(subnet), after.freed.subnets.includes(subnet), subnet);
      }
      for (const { ip } of Object.values(before?.machines ?? {})) {
        const stands = subnets.has(`${ip.slice(0, ip.lastIndexOf("."))}.0/24`);
        assert.equal(after.freed.addresses.includes(ip), stands && !ips.has(ip), ip);
      }
    }
  }));
});

Deno.test("a lock survives being written and read", () => {
  fc.assert(
    fc.property(fc.array(demandingSketch, { minLength: 1, maxLength: 3 }), (sketches) => {
      for (const { after } of history(sketches)) {
        const read = parseLock(formatLock(after), { filename: "infra.lock.yml" });
        assert.deepEqual(read, { lock: after, diagnostics: [] });
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("5,000 machines in 250 domains are sound, and the 250th costs no more than the first", () => {
  const classroom = (copies: number) =>
    Array.from({ length: copies }, (_, index) => ({
      name: `laboratory-${index}`,
      machines: Array.from({ length: 20 }, (_, machine) => `laboratory-${index}-pc${machine}`),
    }));
  const whole = assign(classroom(250));
  assert.equal(whole.addressing?.machines.size, 5000);
  assertSound(whole.addressing);
  const cost = (copies: number) => {
    const lock = assign(classroom(copies)).lock;
    const runs = Array.from({ length: 5 }, () => {
      const start = performance.now();
      assign(classroom(copies), lock);
      return performance.now() - start;
    });
    return Math.min(...runs) / copies;
  };
  const [few, many] = [cost(25), cost(250)];
  assert.ok(many < 4 * few + 0.2, `${few} ms a domain became ${many} ms`);
});

function shuffle<T>(items: readonly T[], seed: number): T[] {
  const result = [...items];
  let state = seed >>> 0;
  for (let last = result.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
