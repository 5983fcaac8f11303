import assert from "node:assert/strict";
import type { Infra } from "../infra/infra.ts";
import type { Addressing, Lock } from "./addressing.ts";
import { assignAddresses } from "./assign_addresses.ts";
import { type DomainSketch, sketchInfra } from "../infra/_infra_builder.ts";

const UUID = "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00";

function assign(infra: Infra, lock?: Lock): { addressing: Addressing; lock: Lock } {
  const result = assignAddresses(infra, lock, { newUuid: UUID });
  assert.deepEqual(result.diagnostics, []);
  assert.ok(result.addressing !== undefined && result.lock !== undefined);
  return { addressing: result.addressing, lock: result.lock };
}

/**
 * Returns the subnet of each domain and the address of each machine in an infra that starts with
 * this lock.
 */
function addressesOf(domains: readonly DomainSketch[], lock?: Lock): Record<string, string> {
  const { addressing } = assign(sketchInfra(domains), lock);
  return Object.fromEntries([
    ...[...addressing.domains.values()].map(({ domain, subnet }) => [domain, subnet]),
    ...[...addressing.machines.values()].map(({ machine, ip }) => [machine, ip]),
  ]);
}

function lockOf(...domains: readonly DomainSketch[]): Lock {
  return assign(sketchInfra(domains)).lock;
}

function codesOf(infra: Infra, lock?: Lock): string[] {
  const result = assignAddresses(infra, lock, { newUuid: UUID });
  assert.equal(result.addressing, undefined);
  assert.equal(result.lock, undefined);
  return result.diagnostics.map(({ code, range }) =>
    `${code} ${range?.start.line}:${range?.start.column}`
  );
}

Deno.test("assignAddresses() gives each trust level its zone", () => {
  assert.deepEqual(
    addressesOf([
      { name: "a", trustLevel: "admin" },
      { name: "b", trustLevel: "trusted" },
      { name: "c", trustLevel: "semi-trusted" },
      { name: "d", trustLevel: "untrusted" },
      { name: "e", trustLevel: "disposable" },
      { name: "f", trustLevel: "semi-trusted" },
    ]),
    {
      a: "10.100.0.0/24",
      b: "10.110.0.0/24",
      c: "10.120.0.0/24",
      d: "10.140.0.0/24",
      e: "10.150.0.0/24",
      f: "10.120.1.0/24",
    },
  );
});

Deno.test("assignAddresses() reserves the gateway and the DHCP range of a subnet", () => {
  const { addressing } = assign(sketchInfra([{ name: "pro", subnetId: 3 }]));
  assert.deepEqual(addressing.domains.get("pro"), {
    domain: "pro",
    bridge: "net-pro",
    subnet: "10.120.3.0/24",
    gateway: "10.120.3.254",
    dhcpFirst: "10.120.3.100",
    dhcpLast: "10.120.3.199",
  });
});

Deno.test("assignAddresses() serves new machines by name, counting as a person does", () => {
  assert.deepEqual(
    addressesOf([{ name: "lab", machines: ["pc10", "pc2", ["server", "10.120.0.1"]] }]),
    { lab: "10.120.0.0/24", server: "10.120.0.1", pc2: "10.120.0.2", pc10: "10.120.0.3" },
  );
});

Deno.test("assignAddresses() takes the third octet from subnet_id in the classic form", () => {
  const { addressing } = assign(
    sketchInfra([{ name: "a", subnetId: 7, machines: ["a1"] }], {
      addressing: { kind: "classic", baseSubnet: "192.168" },
    }),
  );
  assert.equal(addressing.domains.get("a")?.subnet, "192.168.7.0/24");
  assert.equal(addressing.machines.get("a1")?.ip, "192.168.7.1");
});

Deno.test("assignAddresses() moves nobody when a domain comes before the others", () => {
  const lock = lockOf({ name: "m", machines: ["m1"] }, { name: "z", machines: ["z1"] });
  assert.deepEqual(
    addressesOf(
      [{ name: "a", machines: ["a1"] }, { name: "z", machines: ["z0", "z1"] }, {
        name: "m",
        machines: ["m1"],
      }],
      lock,
    ),
    {
      m: "10.120.0.0/24",
      m1: "10.120.0.1",
      z: "10.120.1.0/24",
      z1: "10.120.1.1",
      z0: "10.120.1.2",
      a: "10.120.2.0/24",
      a1: "10.120.2.1",
    },
  );
});

Deno.test("assignAddresses() reuses a freed address only when no other is left", () => {
  const names = Array.from({ length: 99 }, (_, index) => `m${index + 1}`);
  const full = lockOf({ name: "lab", machines: names.slice(0, 98) });
  const without = (lock: Lock, ...gone: string[]) =>
    assign(
      sketchInfra([{
        name: "lab",
        machines: Object.keys(lock.machines).filter((name) => !gone.includes(name)),
      }]),
      lock,
    ).lock;
  const freed = without(without(full, "m20"), "m10");
  assert.deepEqual(freed.freed.addresses, ["10.120.0.20", "10.120.0.10"]);

  const machines = [...Object.keys(freed.machines), "x1", "x2", "x3"];
  const { lock } = assign(sketchInfra([{ name: "lab", machines }]), freed);
  assert.equal(lock.machines["x1"]?.ip, "10.120.0.99");
  assert.equal(lock.machines["x2"]?.ip, "10.120.0.20");
  assert.equal(lock.machines["x3"]?.ip, "10.120.0.10");
  assert.deepEqual(lock.freed.addresses, []);
});

Deno.test("assignAddresses() reuses a freed subnet only when no other is left", () => {
  const domains = Array.from({ length: 254 }, (_, index) => ({ name: `d${index}` }));
  const full = lockOf(...domains);
  const left = assign(sketchInfra(domains.slice(2)), full).lock;
  assert.deepEqual(left.freed.subnets, ["10.120.0.0/24", "10.120.1.0/24"]);
  const { lock } = assign(sketchInfra([...domains.slice(2), { name: "n1" }, { name: "n2" }]), left);
  assert.equal(lock.domains["n1"]?.subnet, "10.120.254.0/24");
  assert.equal(lock.domains["n2"]?.subnet, "10.120.0.0/24");
  assert.deepEqual(lock.freed.subnets, ["10.120.1.0/24"]);
});

Deno.test("assignAddresses() frees in the order of the addresses what is removed at once", () => {
  const names = Array.from({ length: 11 }, (_, index) => `x${index}`);
  const sketch = (machines: string[], domains: string[]) => [
    { name: "lab", machines },
    ...domains.map((domain) => ({ name: `m-${domain}` })),
  ];
  const first = lockOf(...sketch(names, names));
  // First in the order of names, last in the order of addresses.
  const { lock } = assign(sketchInfra(sketch(["a", ...names], ["a", ...names])), first);
  const { freed } = assign(sketchInfra([{ name: "lab" }]), lock).lock;
  assert.deepEqual(
    freed.subnets,
    Array.from({ length: 12 }, (_, index) => `10.120.${index + 1}.0/24`),
  );
  assert.deepEqual(
    freed.addresses,
    Array.from({ length: 12 }, (_, index) => `10.120.0.${index + 1}`),
  );
});

Deno.test("assignAddresses() follows an edited subnet_id, and machines keep their last octet", () => {
  const lock = lockOf({ name: "pro", machines: ["a", "b"] });
  const shrunk = assign(sketchInfra([{ name: "pro", machines: ["b"] }]), lock).lock;
  const { lock: moved } = assign(
    sketchInfra([{ name: "pro", subnetId: 9, machines: ["b"] }]),
    shrunk,
  );
  assert.equal(moved.domains["pro"]?.subnet, "10.120.9.0/24");
  assert.equal(moved.machines["b"]?.ip, "10.120.9.2");
  assert.deepEqual(moved.freed, { subnets: ["10.120.0.0/24"], addresses: [] });
});

Deno.test("assignAddresses() moves a domain whose trust level changed to the other zone", () => {
  const lock = lockOf({ name: "pro", machines: ["a"] });
  assert.deepEqual(addressesOf([{ name: "pro", trustLevel: "untrusted", machines: ["a"] }], lock), {
    pro: "10.140.0.0/24",
    a: "10.140.0.1",
  });
});

Deno.test("assignAddresses() keeps what was asked for after the key is removed", () => {
  const lock = lockOf({ name: "pro", subnetId: 9, machines: [["a", "10.120.9.50"]] });
  assert.deepEqual(addressesOf([{ name: "pro", machines: ["a"] }], lock), {
    pro: "10.120.9.0/24",
    a: "10.120.9.50",
  });
});

Deno.test("assignAddresses() lets two domains swap their subnet_id, and two machines their ip", () => {
  const lock = lockOf(
    { name: "a", subnetId: 1, machines: [["a1", "10.120.1.1"], ["a2", "10.120.1.2"]] },
    { name: "b", subnetId: 2 },
  );
  assert.deepEqual(
    addressesOf([
      { name: "a", subnetId: 2, machines: [["a1", "10.120.2.2"], ["a2", "10.120.2.1"]] },
      { name: "b", subnetId: 1 },
    ], lock),
    { a: "10.120.2.0/24", b: "10.120.1.0/24", a1: "10.120.2.2", a2: "10.120.2.1" },
  );
});

Deno.test("assignAddresses() leaves a disabled domain where it is, whatever the file asks", () => {
  const lock = lockOf({ name: "pro", machines: ["a"] }, { name: "lab" });
  assert.deepEqual(
    addressesOf([
      {
        name: "pro",
        enabled: false,
        trustLevel: "admin",
        subnetId: 7,
        machines: [["a", "10.100.7.4"]],
      },
      { name: "lab" },
      { name: "new" },
    ], lock),
    { lab: "10.120.0.0/24", pro: "10.120.1.0/24", a: "10.120.1.1", new: "10.120.2.0/24" },
  );
});

Deno.test("assignAddresses() treats a machine that moved to another domain as new there, but keeps its MAC", () => {
  const before = assign(sketchInfra([{ name: "a", machines: ["m"] }, { name: "b" }]));
  const after = assign(sketchInfra([{ name: "a" }, { name: "b", machines: ["m"] }]), before.lock);
  assert.equal(after.addressing.machines.get("m")?.ip, "10.120.1.1");
  assert.equal(after.lock.machines["m"]?.hwaddr, before.lock.machines["m"]?.hwaddr);
  assert.equal(after.lock.machines["m"]?.hostName, before.lock.machines["m"]?.hostName);
  assert.deepEqual(after.lock.freed.addresses, ["10.120.0.1"]);
});

Deno.test("assignAddresses() reports a subnet_id that another domain was given", () => {
  const lock = lockOf({ name: "a" }, { name: "b" });
  const infra = sketchInfra([{ name: "a", subnetId: 1 }, { name: "b" }]);
  assert.deepEqual(codesOf(infra, lock), ["SUBNET_TAKEN 100:5"]);
  const [diagnostic] = assignAddresses(infra, lock, { newUuid: UUID }).diagnostics;
  assert.match(diagnostic?.summary ?? "", /`a` .* 10\.120\.1\.0\/24.* `b`/);
});

Deno.test("assignAddresses() reports an ip that another machine was given", () => {
  const lock = lockOf({ name: "lab", machines: ["a", "b"] });
  const infra = sketchInfra([{ name: "lab", machines: [["a", "10.120.0.2"], "b"] }]);
  assert.deepEqual(codesOf(infra, lock), ["ADDRESS_TAKEN 101:5"]);
  const [diagnostic] = assignAddresses(infra, lock, { newUuid: UUID }).diagnostics;
  assert.match(diagnostic?.summary ?? "", /`a` .*10\.120\.0\.2.* `b`/);
});

Deno.test("assignAddresses() reports a new machine with an ip elsewhere in a disabled domain", () => {
  const infra = sketchInfra([{
    name: "lab",
    enabled: false,
    machines: ["a", ["b", "10.120.3.4"]],
  }]);
  const lock = lockOf({ name: "lab", machines: ["a"] });
  assert.deepEqual(codesOf(infra, lock), ["ADDRESS_OUTSIDE_SUBNET 102:5"]);
});

Deno.test("assignAddresses() puts a domain where its machines' addresses are", () => {
  const sketch = [{ name: "lab", machines: ["a", ["b", "10.120.3.4"] as const] }];
  const there = { lab: "10.120.3.0/24", a: "10.120.3.1", b: "10.120.3.4" };
  assert.deepEqual(addressesOf(sketch), there);
  assert.deepEqual(addressesOf(sketch, lockOf({ name: "lab", machines: ["a"] })), there);
});

Deno.test("assignAddresses() reports an ip in a subnet that another domain was given", () => {
  const lock = lockOf({ name: "a" }, { name: "b" });
  const infra = sketchInfra([{ name: "a", machines: [["m", "10.120.1.9"]] }, { name: "b" }]);
  assert.deepEqual(codesOf(infra, lock), ["SUBNET_TAKEN 101:5"]);
});

Deno.test("assignAddresses() reports a zone without a subnet left, at each domain too many", () => {
  const domains = Array.from({ length: 256 }, (_, index) => ({ name: `d${index}` }));
  assert.deepEqual(codesOf(sketchInfra(domains)), ["ZONE_FULL 25600:7"]);
});

Deno.test("assignAddresses() reports a subnet without an address left, at the first machine too many", () => {
  const machines = Array.from({ length: 120 }, (_, index) => `m${index + 1}`);
  assert.deepEqual(codesOf(sketchInfra([{ name: "lab", machines }])), ["SUBNET_FULL 200:3"]);
});

Deno.test("assignAddresses() refuses the lock of another project", () => {
  const lock = lockOf({ name: "a" });
  const infra = sketchInfra([{ name: "a" }], { projectName: "copy" });
  assert.deepEqual(codesOf(infra, lock), ["LOCK_OTHER_PROJECT undefined:undefined"]);
});

Deno.test("assignAddresses() mends a lock that gives one thing twice", () => {
  const lock = lockOf({ name: "a", machines: ["a1", "a2"] }, { name: "b" });
  const a1 = lock.machines["a1"]!;
  const broken: Lock = {
    ...lock,
    domains: { ...lock.domains, b: lock.domains["a"]! },
    machines: { ...lock.machines, a2: a1 },
  };
  const { addressing } = assign(
    sketchInfra([{ name: "a", machines: ["a1", "a2"] }, { name: "b" }]),
    broken,
  );
  assert.equal(addressing.domains.get("b")?.subnet, "10.120.1.0/24");
  assert.equal(addressing.domains.get("b")?.bridge, "net-b");
  assert.equal(addressing.machines.get("a2")?.ip, "10.120.0.2");
  assert.notEqual(addressing.machines.get("a2")?.hwaddr, a1.hwaddr);
  assert.notEqual(addressing.machines.get("a2")?.hostName, a1.hostName);
});

Deno.test("assignAddresses() gives the same ULA digits as IPv4 with ipv6", () => {
  const { addressing } = assign(
    sketchInfra([{ name: "pro", subnetId: 3, machines: [["a", "10.120.3.42"]] }], { ipv6: true }),
  );
  const { ipv6 } = addressing.domains.get("pro")!;
  assert.match(ipv6?.subnet ?? "", /^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:7803::\/64$/);
  const prefix = ipv6?.subnet.replace("::/64", "");
  assert.equal(ipv6?.gateway, `${prefix}::254`);
  assert.equal(addressing.machines.get("a")?.ipv6, `${prefix}::42`);
});

Deno.test("assignAddresses() is not confused by names that objects inherit", () => {
  const sketch = { name: "constructor", machines: ["tostring", "valueof"] };
  const { lock } = assign(sketchInfra([sketch]));
  assert.deepEqual(assign(sketchInfra([sketch]), lock).lock, lock);
});
