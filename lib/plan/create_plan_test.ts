import assert from "node:assert/strict";
import type { ActualState } from "./actual_state.ts";
import type { ActualResource } from "../resource/resource.ts";
import fc from "fast-check";
import { sketchInfra } from "../infra/_infra_builder.ts";
import type { Infra, Machine } from "../infra/infra.ts";
import { formatAddr } from "../resource/address.ts";
import { FORMAT, MARK } from "../resource/mark.ts";
import { createPlan } from "./create_plan.ts";
import { createDestroyPlan } from "./destroy_plan.ts";
import type { ActualInstance } from "../resource/instance.ts";
import { limitTo } from "./desired_state.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import {
  altered,
  appliedHost,
  desiredOf,
  emptyHost,
  withDomains,
  withMachines,
} from "./_plan_fixture.ts";

const range = { file: "infra.yml", start: { line: 1, column: 1 }, end: { line: 1, column: 2 } };

function infra(patch: Record<string, Partial<Machine>> = {}): Infra {
  return withMachines(
    sketchInfra([{ name: "pro", machines: ["pro-dev", "pro-web"] }, { name: "perso" }]),
    patch,
  );
}

/** Returns the plan on a host where `before` was applied. */
function planAfter(
  before: Infra,
  after: Infra,
  alter = (host: ReturnType<typeof appliedHost>) => host,
): Plan {
  return createPlan(desiredOf(after), alter(appliedHost(desiredOf(before))));
}

function lines(plan: Plan): string[] {
  return plan.changes.flatMap((change) =>
    change.fields.map((field) =>
      `${change.action} ${formatAddr(change.addr)} ${field.path}: ${field.before ?? "-"} -> ${
        field.after ?? "-"
      } ${field.effect}`
    )
  );
}

Deno.test("createPlan() makes everything on an empty host, each after what it needs", () => {
  const plan = createPlan(desiredOf(infra()), emptyHost());
  assert.deepEqual(plan.diagnostics, []);
  assert.deepEqual(plan.changes.map(({ action, addr }) => `${action} ${formatAddr(addr)}`), [
    "create firewall home-lab",
    "create project perso",
    "create project pro",
    "create network net-perso",
    "create network net-pro",
    "create instance pro/pro-dev",
    "create instance pro/pro-web",
  ]);
  assert.deepEqual(plan.changes.at(-1)?.dependsOn, [
    "firewall home-lab",
    "network net-pro",
    "project pro",
  ]);
  const place = new Map(plan.changes.map(({ addr }, index) => [formatAddr(addr), index]));
  for (const [index, change] of plan.changes.entries()) {
    for (const needed of change.dependsOn) assert.ok(place.get(needed)! < index);
  }
});

Deno.test("createPlan() has nothing to say after an apply", () => {
  const plan = planAfter(infra(), infra());
  assert.deepEqual([plan.changes, plan.orphans, plan.diagnostics, plan.held], [[], [], [], []]);
  assert.equal(plan.unchanged, 9);
});

Deno.test("createPlan() is the same whatever the order of declarations", () => {
  const names = ["a", "b", "c", "d", "e"];
  const base = sketchInfra(
    names.map((name) => ({ name, machines: [`${name}1`, `${name}2`, `${name}3`] })),
  );
  const expected = JSON.stringify(createPlan(desiredOf(base), emptyHost()));
  fc.assert(fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
    const shuffled = <T>(items: readonly T[]): T[] =>
      items.map((item) => ({ item, key: numbers.next().value ?? 0 }))
        .toSorted((a, b) => a.key - b.key).map(({ item }) => item);
    const domains = shuffled(base.domains)
      .map((domain) => ({ ...domain, machines: shuffled(domain.machines) }));
    const plan = createPlan(desiredOf({ ...base, domains }), emptyHost());
    assert.equal(JSON.stringify(plan), expected);
  }));
});

Deno.test("createPlan() says for each field what changes and what it does to the machine", () => {
  const before = infra({ "pro-dev": { config: { "limits.memory": "1GiB", "limits.cpu": "2" } } });
  const after = infra({
    "pro-dev": { config: { "limits.memory": "2GiB", "security.privileged": "true" } },
    "pro-web": { description: "Web" },
  });
  const found = lines(planAfter(before, after)).filter((line) => !line.includes(MARK.managed));
  assert.deepEqual(found, [
    "update instance pro/pro-dev config.limits.cpu: 2 -> - in-place",
    "update instance pro/pro-dev config.limits.memory: 1GiB -> 2GiB in-place",
    "update instance pro/pro-dev config.security.privileged: - -> true restart",
    "update instance pro/pro-web description:  -> Web in-place",
  ]);
});

Deno.test("createPlan() does not take another spelling, or somebody else's key, for drift", () => {
  const declared = infra({ "pro-dev": { config: { "limits.memory": "2GiB" } } });
  const plan = planAfter(declared, declared, (host) =>
    altered(host, "pro-dev", {
      config: { "limits.memory": "2147483648", "user.note": "x", "limits.processes": "9" },
      devices: { more: { type: "disk", pool: "default", source: "more", path: "/more" } },
    }));
  assert.deepEqual(plan.changes, []);
});

Deno.test("createPlan() shows what opens a door first, whoever did it", () => {
  const plan = planAfter(infra(), infra(), (host) =>
    altered(host, "pro-dev", {
      config: { "security.privileged": "true" },
      devices: {
        eth9: { type: "nic", network: "net-lab" },
        door: { type: "proxy", listen: "tcp:0.0.0.0:1", connect: "tcp:127.0.0.1:1" },
      },
      profiles: ["default", "open"],
    }));
  const [change] = plan.changes;
  assert.deepEqual(change?.fields.map(({ path, breach }) => [path, breach]), [
    ["config.security.privileged", true],
    ["devices.door", true],
    ["devices.eth9", true],
    ["profiles", true],
  ]);
  assert.equal(change?.reason, "the isolation has an opening");
});

Deno.test("createPlan() does not take what infra.yml dropped, or an edited address, for a door", () => {
  const before = infra({
    "pro-dev": {
      config: { "security.nesting": "true" },
      profiles: ["default", "old"],
      devices: { eth1: { type: "nic", network: "net-pro" } },
      ip: "10.120.0.7",
    },
  });
  const [change] = planAfter(before, infra({ "pro-dev": { ip: "10.120.0.8" } })).changes;
  assert.deepEqual(
    change?.fields.filter(({ path }) => !path.endsWith(MARK.managed)).map(({ path }) => path),
    ["config.security.nesting", "devices.eth0.ipv4.address", "devices.eth1", "profiles"],
  );
  assert.equal(change?.fields.some(({ breach }) => breach), false);
  assert.equal(change?.effect, "restart");
});

Deno.test("createPlan() calls a NIC without its filters, or on another bridge, a door", () => {
  const plan = planAfter(infra(), infra(), (host) => {
    const machine = host.resources.find(({ addr }) => addr.name === "pro-dev")!;
    const { "security.mac_filtering": _, ...eth0 } = "devices" in machine
      ? machine.devices.eth0!
      : {};
    return altered(host, "pro-dev", { devices: { eth0: { ...eth0, network: "net-perso" } } });
  });
  assert.deepEqual(plan.changes[0]?.fields.map(({ path, breach }) => [path, breach]), [
    ["devices.eth0.network", true],
    ["devices.eth0.security.mac_filtering", true],
  ]);
});

Deno.test("createPlan() rebuilds when `image:` was edited, and only with force when protected", () => {
  const image = { kind: "local", alias: "debian2", text: "debian2" } as const;
  const images = [{
    fingerprint: "cd".repeat(32),
    aliases: ["debian", "debian2"],
    type: "container",
  }];
  const after = infra({ "pro-dev": { image }, "pro-web": { image, ephemeral: true } });
  const before = infra({ "pro-web": { ephemeral: true } });
  const plan = createPlan(desiredOf(after), appliedHost(desiredOf(before), { images }));
  assert.deepEqual(plan.changes.map((c) => [c.action, c.effect, c.needsForce]), [
    ["replace", "rebuild", true],
    ["replace", "rebuild", false],
  ]);
  assert.deepEqual(plan.changes[0]?.fields, [
    { path: "image", before: "local:debian", after: "local:debian2", effect: "rebuild" },
  ]);
});

Deno.test("createPlan() replaces a machine whose type changes, and says that data is lost", () => {
  const plan = planAfter(
    infra({ "pro-dev": { ephemeral: true } }),
    infra({
      "pro-dev": { ephemeral: true, type: "vm" },
    }),
  );
  assert.deepEqual([plan.changes[0]?.action, plan.changes[0]?.effect], ["replace", "data-lost"]);
});

Deno.test("createPlan() knows that an image is for the other type of machine", () => {
  const images = [
    { fingerprint: "ab".repeat(32), aliases: ["debian"], type: "container" },
    { fingerprint: "cd".repeat(32), aliases: ["debian-vm"], type: "virtual-machine" },
  ];
  const image = { kind: "local", alias: "debian-vm", text: "local:debian-vm" } as const;
  const codes = (patch: Partial<Machine>) =>
    createPlan(desiredOf(infra({ "pro-dev": patch })), emptyHost({ images }))
      .diagnostics.map(({ code }) => code);
  assert.deepEqual(codes({ type: "vm" }), ["IMAGE_OF_OTHER_TYPE"]);
  assert.deepEqual(codes({ image }), ["IMAGE_OF_OTHER_TYPE"]);
  assert.deepEqual(codes({ image: { ...image, alias: "cd".repeat(6) } }), ["IMAGE_OF_OTHER_TYPE"]);
  assert.deepEqual(codes({ type: "vm", image }), []);
});

Deno.test("createPlan() says what a running virtual machine takes from a profile only when it starts", () => {
  const limited = (config: Record<string, string>) =>
    withDomains(
      infra({ "pro-dev": { type: "vm", profiles: ["default", "p"] } }),
      { pro: { profiles: [{ name: "p", description: "", config, devices: {}, range }] } },
    );
  const before = limited({ "limits.memory": "2GiB" });
  const after = limited({
    "limits.memory": "1GiB",
    "limits.disk.priority": "3",
    "limits.processes": "9",
  });
  const effects = (status: string) =>
    planAfter(before, after, (host) => altered(host, "pro-dev", { status })).changes.flatMap(
      ({ fields }) => fields.map(({ path, effect }) => `${path} ${effect}`),
    ).filter((line) => line.startsWith("config.limits."));
  assert.deepEqual(effects("Running"), [
    "config.limits.disk.priority next-start",
    "config.limits.memory in-place",
    "config.limits.processes in-place",
  ]);
  assert.ok(effects("Stopped").every((line) => line.endsWith("in-place")));
});

Deno.test("createPlan() obeys state: running, stopped and manual", () => {
  const states = infra({ "pro-dev": { state: "running" }, "pro-web": { state: "manual" } });
  const stopped = planAfter(
    states,
    states,
    (host) =>
      altered(altered(host, "pro-dev", { status: "Stopped" }), "pro-web", { status: "Stopped" }),
  );
  assert.deepEqual(lines(stopped), [
    "update instance pro/pro-dev state: stopped -> running in-place",
  ]);
  const still = infra({ "pro-dev": { state: "stopped" } });
  const running = planAfter(
    still,
    still,
    (host) => altered(host, "pro-dev", { status: "Running" }),
  );
  assert.deepEqual(lines(running), [
    "update instance pro/pro-dev state: running -> stopped restart",
  ]);
  assert.deepEqual(running.changes[0]?.dependsOn, [], "stopping needs no firewall");
});

Deno.test("createPlan() refuses every shrink", () => {
  const volume = (size: string) => ({
    storageVolumes: [{ key: "d", name: "pro-dev-d", size, path: "/d", pool: "default", range }],
    devices: { root: { size } },
  });
  const shrunk = planAfter(
    infra({ "pro-dev": volume("10GiB") }),
    infra({ "pro-dev": volume("5GiB") }),
  );
  assert.deepEqual(shrunk.diagnostics.map(({ code }) => code), ["SHRINK", "SHRINK"]);
  const grown = planAfter(
    infra({ "pro-dev": volume("5GiB") }),
    infra({ "pro-dev": volume("10GiB") }),
  );
  assert.deepEqual(grown.diagnostics, []);
  assert.deepEqual(grown.changes.map(({ addr }) => formatAddr(addr)), [
    "volume pro/pro-dev-d",
    "instance pro/pro-dev",
  ]);
});

Deno.test("createPlan() refuses what is unmarked, another infra's or a newer anklume's", () => {
  const cases = [
    [{ [MARK.infra]: undefined }, ["FOREIGN_RESOURCE"]],
    [{ [MARK.infra]: "other" }, ["NAME_TAKEN", "FOREIGN_RESOURCE"]],
    [{ [MARK.project]: "other" }, ["FOREIGN_RESOURCE"]],
    [{ [MARK.format]: String(FORMAT + 1) }, ["NEWER_FORMAT"]],
  ] as const;
  for (const [config, codes] of cases) {
    const plan = planAfter(infra(), infra(), (host) => altered(host, "pro-dev", { config }));
    assert.deepEqual(plan.diagnostics.map((diagnostic) => diagnostic.code), codes);
    assert.deepEqual(plan.changes, []);
  }
});

Deno.test("createPlan() and createDestroyPlan() leave another infra's firewall of this name alone", () => {
  const desired = desiredOf(infra());
  const foreign = appliedHost(desired, {
    firewall: { state: "different", differences: ["it is another's"], foreign: true },
  });
  const plan = createPlan(desired, foreign);
  assert.deepEqual(plan.changes, []);
  assert.deepEqual(plan.diagnostics.map(({ code }) => code), ["FOREIGN_FIREWALL"]);
  const removal = createDestroyPlan(desired.owner, foreign, { force: true });
  assert.ok(removal.changes.every(({ addr }) => addr.kind !== "firewall"));
});

Deno.test("createPlan() leaves out a GPU machine on a host without one, and goes on", () => {
  const declared = infra({ "pro-dev": { gpu: true } });
  const plan = createPlan(
    desiredOf(declared),
    emptyHost({ hardware: { memory: 8 * 1024 ** 3, gpus: [] } }),
  );
  assert.deepEqual(plan.held.map(({ addr, diagnostic }) => [formatAddr(addr), diagnostic.code]), [
    ["instance pro/pro-dev", "NO_GPU"],
  ]);
  assert.deepEqual(plan.diagnostics, []);
  assert.ok(plan.changes.some(({ addr }) => addr.name === "pro-web"));
  assert.ok(!plan.changes.some(({ addr }) => addr.name === "pro-dev"));
});

Deno.test("createPlan() changes nothing of a disabled domain, and does not call it an orphan", () => {
  const disabled = withDomains(infra({ "pro-dev": { description: "new" } }), {
    pro: { enabled: false },
  });
  const plan = planAfter(infra(), disabled);
  assert.deepEqual([plan.changes, plan.orphans], [[], []]);
});

Deno.test("createPlan() limited to a domain changes no other, and keeps the firewall", () => {
  const desired = limitTo(desiredOf(infra()), ["perso"]);
  const plan = createPlan(desired, emptyHost());
  assert.deepEqual(plan.changes.map(({ addr }) => formatAddr(addr)), [
    "firewall home-lab",
    "project perso",
    "network net-perso",
  ]);
  const live = createPlan(desired, appliedHost(desiredOf(infra())));
  assert.deepEqual(live.orphans, []);
});

Deno.test("createPlan() lists orphans, and prunes the unprotected in the right order", () => {
  const before = infra({
    "pro-dev": {
      storageVolumes: [{ key: "d", name: "pro-dev-d", path: "/d", pool: "default", range }],
    },
    "pro-web": { ephemeral: true },
  });
  const after = sketchInfra([{ name: "perso" }]);
  const host = appliedHost(desiredOf(before));
  const plan = createPlan(desiredOf(after), host);
  assert.deepEqual(plan.orphans.map((o) => [formatAddr(o.addr), o.protected]), [
    ["project pro", false],
    ["network net-pro", false],
    ["volume pro/pro-dev-d", true],
    ["instance pro/pro-dev", true],
    ["instance pro/pro-web", false],
  ]);
  assert.deepEqual(plan.changes, []);
  const pruned = createPlan(desiredOf(after), host, { prune: true });
  assert.deepEqual(pruned.changes.map(({ addr }) => formatAddr(addr)), ["instance pro/pro-web"]);
  assert.deepEqual(pruned.held.map(({ addr, diagnostic }) => [formatAddr(addr), diagnostic.code]), [
    ["instance pro/pro-dev", "PROTECTED"],
    ["volume pro/pro-dev-d", "PROTECTED"],
    ["network net-pro", "STILL_USED"],
    ["project pro", "STILL_USED"],
  ]);
  const forced = createPlan(desiredOf(after), host, { prune: true, force: true });
  assert.deepEqual(forced.changes.map(({ addr }) => formatAddr(addr)), [
    "instance pro/pro-web",
    "instance pro/pro-dev",
    "volume pro/pro-dev-d",
    "network net-pro",
    "project pro",
  ]);
  assert.equal(forced.held.length, 0);
});

Deno.test("createPlan() loads the rules where they differ from the expected ones, loudly where machines run", () => {
  const host = appliedHost(desiredOf(infra()));
  const flushed = createPlan(desiredOf(infra()), {
    ...host,
    firewall: { state: "missing", differences: [] },
  });
  assert.equal(flushed.changes[0]?.reason, "no rules are loaded: the domains are open");
  assert.equal(flushed.changes[0]?.fields[0]?.breach, true);
  const changed = createPlan(desiredOf(infra()), {
    ...host,
    firewall: { state: "different", differences: ["rule added"] },
  });
  assert.deepEqual(lines(changed), ["update firewall home-lab ruleset: - -> rule added in-place"]);
  const unknown = createPlan(desiredOf(infra()), {
    ...host,
    firewall: { state: "unknown", differences: [] },
  });
  assert.deepEqual(unknown.changes, []);
});

Deno.test("createPlan() says that only anklume's own notes change", () => {
  const plan = planAfter(
    infra(),
    infra(),
    (host) => altered(host, "pro-dev", { config: { [MARK.managed]: "{}" } }),
  );
  assert.equal(plan.changes[0]?.reason, "only anklume's own notes on it change");
});

Deno.test("createPlan() closes a door in an undeclared default profile, and marks nothing else on it", () => {
  const plan = planAfter(infra(), infra(), (host) => ({
    ...host,
    resources: host.resources.map((resource) =>
      resource.kind === "profile" && resource.addr.project === "pro"
        ? { ...resource, devices: { eth0: { type: "nic", network: "incusbr0" } } }
        : resource
    ),
  }));
  assert.deepEqual(lines(plan), [
    "update profile pro/default devices.eth0: type=nic network=incusbr0 -> - in-place",
  ]);
});

Deno.test("createPlan() finds somebody else's bridge on our subnet, and machine on our address", () => {
  const bridge = {
    kind: "network",
    addr: { kind: "network", name: "br-lab" },
    type: "bridge",
    managed: true,
    description: "",
    config: { "ipv4.address": "10.120.0.1/16" },
  } as const;
  const nic = { type: "nic", network: "net-pro", "ipv4.address": "10.120.1.1" };
  const machine = {
    kind: "instance",
    addr: { kind: "instance", name: "x", project: "default" },
    type: "lxc",
    status: "Stopped",
    description: "",
    config: {},
    devices: {},
    expandedDevices: { eth0: nic },
    profiles: [],
  } as const;
  const plan = createPlan(desiredOf(infra()), emptyHost({ resources: [bridge, machine] }));
  assert.deepEqual(plan.diagnostics.map(({ code }) => code).toSorted(), [
    "ADDRESS_IN_USE",
    "SUBNET_IN_USE",
    "SUBNET_IN_USE",
  ]);
});

Deno.test("createPlan() is not held up by an image that a machine no longer needs", () => {
  const desired = desiredOf(infra());
  const codes = (host: ActualState) =>
    createPlan(desired, { ...host, images: [] }).diagnostics.map(({ code }) => code);
  assert.deepEqual(codes(appliedHost(desired)), []);
  assert.ok(codes(emptyHost()).includes("IMAGE_MISSING"));
  const other = altered(appliedHost(desired), "pro-dev", { config: { [MARK.image]: "older" } });
  assert.deepEqual(codes(other), ["IMAGE_MISSING"]);
});

Deno.test("createPlan() warns of a copy with the address of a running machine, and goes on", () => {
  const desired = desiredOf(infra());
  const copyOf = (host: ActualState): ActualState => {
    const dev = host.resources.find(({ addr }) => addr.name === "pro-dev")!;
    const copy = { ...dev, addr: { ...dev.addr, name: "pro-dev-copy" }, status: "Stopped" };
    return { ...host, resources: [...host.resources, copy as ActualResource] };
  };
  const found = (host: ActualState) =>
    createPlan(desired, copyOf(host)).diagnostics
      .filter(({ code }) => code === "ADDRESS_IN_USE").map(({ severity }) => severity);
  assert.deepEqual(found(appliedHost(desired)), ["warning"]);
  assert.deepEqual(found(altered(appliedHost(desired), "pro-dev", { status: "Stopped" })), [
    "error",
  ]);
});

Deno.test("createPlan() foresees what the host cannot carry", () => {
  const machine = { config: { "limits.memory": "6GiB" } };
  const big = infra({
    "pro-dev": {
      ...machine,
      storageVolumes: [{ key: "d", name: "d", size: "90GiB", path: "/d", pool: "default", range }],
    },
    "pro-web": {
      ...machine,
      type: "vm",
      image: { kind: "local", alias: "debian-vm", text: "local:debian-vm" },
    },
  });
  const plan = createPlan(
    desiredOf(big),
    emptyHost({
      server: { version: "6.0.4", vms: false },
      images: [{ fingerprint: "cd".repeat(32), aliases: ["debian-vm"], type: "virtual-machine" }, {
        fingerprint: "ab".repeat(32),
        aliases: ["debian"],
        type: "container",
      }],
      hardware: { memory: 8 * 1024 ** 3, gpus: [] },
      pools: [{ name: "default", driver: "btrfs", free: 15 * 1024 ** 3 }],
      limits: { inotifyInstances: 4, keys: 5 },
    }),
  );
  assert.deepEqual(plan.diagnostics.map(({ severity, code }) => `${severity} ${code}`), [
    "warning HOST_MEMORY",
    "warning POOL_SPACE",
    "warning NO_VM_SUPPORT",
    "error INOTIFY_LIMIT",
    "warning KEYS_LIMIT",
  ]);
  assert.equal(plan.watchStarts, true);
});

Deno.test("createPlan() refuses more containers than the stock inotify limit carries, and says what to set", () => {
  const machines = (count: number) =>
    sketchInfra([{
      name: "big",
      machines: Array.from({ length: count }, (_, n) => `big-${String(n).padStart(2, "0")}`),
    }]);
  const limits = { inotifyInstances: 128, keys: 200 };
  for (const [count, wanted] of [[20, 512], [40, 1024]] as const) {
    const desired = desiredOf(machines(count));
    const plan = createPlan(desired, emptyHost({ limits }));
    const refused = plan.diagnostics.find(({ code }) => code === "INOTIFY_LIMIT");
    assert.equal(refused?.severity, "error");
    assert.equal(
      refused?.remedy,
      `sysctl -w fs.inotify.max_user_instances=${wanted}, and the same line in /etc/sysctl.d/`,
    );
    // If the machines already run, they need less than estimated: the next apply is not refused.
    const running = createPlan(desired, appliedHost(desired, { limits }));
    assert.deepEqual(running.diagnostics.filter(({ severity }) => severity === "error"), []);
  }
  const few = createPlan(desiredOf(machines(16)), emptyHost({ limits }));
  assert.deepEqual(few.diagnostics, []);
});

Deno.test("createPlan() brings back what is in error, frozen or stopped", () => {
  for (const status of ["Error", "Frozen", "Stopped"]) {
    const plan = planAfter(infra(), infra(), (host) => altered(host, "pro-dev", { status }));
    assert.deepEqual(lines(plan), [
      `update instance pro/pro-dev state: ${status.toLowerCase()} -> running in-place`,
    ]);
    assert.equal(plan.changes[0]?.reason, "it is not in the state that infra.yml asks for");
  }
  const off = infra({ "pro-dev": { state: "stopped" } });
  const plan = planAfter(off, off, (host) => altered(host, "pro-dev", { status: "Error" }));
  assert.deepEqual(lines(plan), [
    "update instance pro/pro-dev state: error -> stopped restart",
  ]);
});

Deno.test("createPlan() shows no secret", () => {
  const secret = { config: { "environment.TOKEN": "hunter2", "cloud-init.user-data": "hunter2" } };
  const created = createPlan(desiredOf(infra({ "pro-dev": secret })), emptyHost());
  const updated = planAfter(infra(), infra({ "pro-dev": secret }));
  assert.equal(JSON.stringify([created, updated]).includes("hunter2"), false);
});

Deno.test("createPlan() plans 10,000 machines in 500 domains, in proportion to 5,000", () => {
  const large = (domains: number): Infra =>
    sketchInfra(Array.from({ length: domains }, (_, d) => ({
      name: `d${d}`,
      trustLevel: d % 2 === 0 ? "trusted" : "untrusted",
      machines: Array.from({ length: 20 }, (_, m) => `d${d}-m${m}`),
    })));
  const time = (domains: number): number => {
    const desired = desiredOf(large(domains));
    const host = appliedHost(desired);
    const changed = desiredOf(withDomains(large(domains), { d0: { description: "x" } }));
    const start = performance.now();
    assert.equal(createPlan(changed, host).changes.length, 2);
    assert.equal(createPlan(desired, { ...host, resources: [] }).changes.length, domains * 22);
    return performance.now() - start;
  };
  // One good result in four is enough, because the host may be busy. The limit is generous for the
  // same reason; a quadratic algorithm would have a factor of 4.
  const pairs = Array.from({ length: 4 }, () => [time(250), time(500)] as const);
  const said = pairs.map(([first, second]) => `${first.toFixed()} ms, ${second.toFixed()} ms`);
  assert.ok(pairs.some(([first, second]) => second < 3.2 * first + 200), said.join("; "));
});

/**
 * Plans on the host of `before`, with a machine under another name, in another project, or kept
 * aside.
 */
function planMoved(
  before: Infra,
  after: Infra,
  patch: (machine: ActualInstance) => ActualInstance = (machine) => machine,
  options: PlanOptions = {},
): Plan {
  const host = appliedHost(desiredOf(before));
  const resources = host.resources.map((each) => each.kind === "instance" ? patch(each) : each);
  return createPlan(desiredOf(after), { ...host, resources }, options);
}

Deno.test("createPlan() moves a machine to the domain that declares it now, its volumes too", () => {
  const volume = { key: "d", name: "mail-d", path: "/d", pool: "default", range };
  const sketch = (pro: string[], lab: string[]) =>
    withMachines(
      sketchInfra([{ name: "pro", machines: pro }, { name: "lab", machines: lab }]),
      { mail: { storageVolumes: [volume], ephemeral: true } },
    );
  const plan = planMoved(sketch(["mail"], []), sketch([], ["mail"]));
  const [change] = plan.changes.filter(({ addr }) => addr.kind === "instance");
  assert.equal(formatAddr(change!.addr), "instance lab/mail");
  assert.equal(change!.action, "update");
  assert.equal(change!.effect, "restart");
  assert.deepEqual(change!.from, { kind: "instance", project: "pro", name: "mail" });
  assert.deepEqual(change!.moves?.map(({ to }) => formatAddr(to)), ["volume lab/mail-d"]);
  assert.deepEqual(plan.changes.filter(({ addr }) => addr.kind === "volume"), []);
  assert.deepEqual(plan.orphans, []);
  assert.ok(
    change!.fields.every(({ breach }) => !breach),
    "it leaves its bridge because it is told to",
  );
});

Deno.test("createPlan() renames with `renamed_from`, and makes anew what is not there", () => {
  const before = sketchInfra([{ name: "pro", machines: ["web"] }]);
  const after = withMachines(sketchInfra([{ name: "pro", machines: ["www"] }]), {
    www: { renamedFrom: "web" },
  });
  const [change] = planMoved(before, after).changes.filter(({ addr }) => addr.kind === "instance");
  assert.equal(change?.from?.name, "web");
  assert.match(change?.reason ?? "", /renamed/);
  const stranger = planMoved(before, after, (machine) => ({
    ...machine,
    config: { ...machine.config, [MARK.infra]: "99999999-2222-4333-8444-555555555555" },
  }));
  const made = stranger.changes.find(({ addr }) => addr.kind === "instance");
  assert.deepEqual([made?.action, made?.from], ["create", undefined], "only what is our own moves");
});

Deno.test("createPlan() takes the emptied network and project of a renamed domain away, after the move", () => {
  const before = sketchInfra([{ name: "old", machines: ["web"] }]);
  const after = withDomains(sketchInfra([{ name: "new", machines: ["web"] }]), {
    new: { renamedFrom: "old" },
  });
  const plan = planMoved(before, after);
  const gone = plan.changes.filter(({ action }) => action === "delete");
  assert.deepEqual(gone.map(({ addr }) => formatAddr(addr)), ["network net-old", "project old"]);
  for (const { dependsOn } of gone) assert.ok(dependsOn.includes("instance new/web"));
});

Deno.test("createPlan() carries on, ends or undoes an interrupted replacement", () => {
  const before = infra({ "pro-dev": { ephemeral: true } });
  const aside = (machine: ActualInstance): ActualInstance =>
    machine.addr.name !== "pro-dev" ? machine : {
      ...machine,
      addr: { ...machine.addr, name: "pro-dev-aside" },
      status: "Stopped",
      config: { ...machine.config, [MARK.aside]: "pro-dev", "boot.autostart": "false" },
      snapshots: ["a", "b"],
    };
  const undone = planMoved(before, before, aside).changes;
  assert.deepEqual(undone.map(({ action, from }) => [action, from?.name]), [
    ["update", "pro-dev-aside"],
  ]);
  const image = { kind: "local", alias: "other", text: "local:other" } as const;
  const edited = infra({ "pro-dev": { ephemeral: true, image } });
  const carried = planMoved(before, edited, aside).changes;
  assert.deepEqual(carried.map(({ action, aside, effect }) => [action, aside?.name, effect]), [
    ["replace", "pro-dev-aside", "data-lost"],
  ]);
  // Its successor exists: the old machine is deleted with its data.
  const host = appliedHost(desiredOf(before));
  const old = host.resources.filter((each) => each.kind === "instance").map(aside)
    .filter(({ addr }) => addr.name === "pro-dev-aside");
  const ended = createPlan(desiredOf(before), { ...host, resources: [...host.resources, ...old] });
  assert.deepEqual(ended.changes.map(({ action, addr }) => `${action} ${formatAddr(addr)}`), [
    "delete instance pro/pro-dev-aside",
  ]);
  assert.equal(ended.changes[0]?.fields.at(-1)?.before, "a, b");
  assert.deepEqual(ended.orphans, []);
});

Deno.test("createPlan() takes a network away once the machine that still hangs on it is back on its own", () => {
  const wanted = sketchInfra([{ name: "pro", machines: ["pro-dev", "pro-web"] }]);
  const host = altered(appliedHost(desiredOf(infra())), "pro-dev", {
    status: "Stopped",
    devices: { eth0: { type: "nic", network: "net-perso" } },
  });
  const { changes, held } = createPlan(desiredOf(wanted), host, { prune: true });
  const deletion = changes.find(({ addr }) => addr.name === "net-perso");
  assert.deepEqual([held, deletion?.action], [[], "delete"]);
  assert.ok(deletion?.dependsOn.includes("instance pro/pro-dev"));
});

Deno.test("createPlan() leaves what holds a new disk to the replacement that made it", () => {
  const before = infra({ "pro-dev": { ephemeral: true } });
  const host = altered(appliedHost(desiredOf(before)), "pro-dev", {
    config: { [MARK.image]: "anklume-replacing" },
    status: "Stopped",
  });
  const machine = host.resources.find(({ addr }) => addr.name === "pro-dev") as ActualInstance;
  const left = {
    ...machine,
    addr: { ...machine.addr, name: "pro-dev-fresh" },
    config: { ...machine.config, [MARK.fresh]: "pro-dev", "security.protection.delete": "" },
  };
  const resources = [...host.resources, left];
  const pruned = (wanted: Infra, now = resources) =>
    createPlan(desiredOf(wanted), { ...host, resources: now }, { prune: true });
  const shown = ({ changes }: Plan) => changes.map(({ action, addr }) => `${action} ${addr.name}`);
  assert.deepEqual(shown(pruned(before)), ["replace pro-dev"]);
  // Nothing continues it: it is deleted like any orphan.
  const whole = appliedHost(desiredOf(before)).resources;
  assert.deepEqual(shown(pruned(before, [...whole, left])), ["delete pro-dev-fresh"]);
  // A declared machine with that name is created. It is not made from this one.
  const namesake = sketchInfra([{ name: "pro", machines: ["pro-dev-fresh"] }, { name: "perso" }]);
  const plan = createPlan(desiredOf(namesake), {
    ...host,
    resources: [...whole, { ...left, addr: { ...left.addr, project: "perso" } }],
  });
  assert.ok(shown(plan).includes("create pro-dev-fresh"), shown(plan).join());
});

Deno.test("createPlan() refuses a first size of a root disk that is smaller than what is in it", () => {
  const plan = planMoved(
    infra(),
    infra({ "pro-dev": { devices: { root: { size: "100MiB" } } } }),
    (machine) => ({ ...machine, diskBytes: 200 * 1024 ** 2 }),
  );
  assert.deepEqual(plan.diagnostics.map(({ code }) => code), ["SHRINK"]);
});

/**
 * Returns the host while `pro-web` is being moved to `perso`, with these notes and this UUID on the
 * copy.
 */
function movingHost(copy: Record<string, string>, uuid = "x") {
  const before = appliedHost(desiredOf(infra()));
  const after = appliedHost(desiredOf(movedInfra()));
  const arriving = after.resources.filter(({ addr }) => formatAddr(addr) === MOVED)
    .map((each) => ({ ...each, config: { ...each.config, ...copy, "volatile.uuid": uuid } }));
  return { ...before, resources: [...before.resources, ...arriving] };
}
const ORIGINAL = "instance pro/pro-web";
const MOVED = "instance perso/pro-web";

function movedInfra(): Infra {
  return sketchInfra([
    { name: "pro", machines: ["pro-dev"] },
    { name: "perso", machines: ["pro-web"] },
  ]);
}

Deno.test("createPlan() moves anew what was not copied to its end, and never takes the original for an orphan", () => {
  const plan = createPlan(desiredOf(movedInfra()), movingHost({ [MARK.copying]: ORIGINAL }), {
    prune: true,
    force: true,
  });
  const moved = plan.changes.filter(({ addr }) => addr.name === "pro-web");
  assert.deepEqual(
    moved.map(({ addr, action, from }) => [formatAddr(addr), action, from?.project]),
    [
      [MOVED, "update", "pro"],
    ],
  );
  assert.deepEqual(plan.orphans, []);
});

Deno.test("createPlan() takes away what a copy that is whole left of its original", () => {
  const host = movingHost({ [MARK.copied]: ORIGINAL });
  const plan = createPlan(desiredOf(movedInfra()), host);
  const moved = plan.changes.filter(({ addr }) => addr.name === "pro-web");
  assert.deepEqual(
    moved.map(({ addr, action, needsForce }) => [formatAddr(addr), action, needsForce]),
    [
      [MOVED, "update", false],
      [ORIGINAL, "delete", false],
    ],
  );
  // If infra.yml has the old place again, the machine stays there. The copy is only a remainder.
  const back = createPlan(desiredOf(infra()), host, { prune: true });
  assert.deepEqual(
    back.changes.filter(({ addr }) => addr.name === "pro-web").map(({ addr, action, from }) => [
      formatAddr(addr),
      action,
      from?.project,
    ]),
    [[ORIGINAL, "update", "perso"]],
  );
});

Deno.test("createPlan() does not take away an original that runs without saying what that loses", () => {
  const host = movingHost({ [MARK.copied]: ORIGINAL });
  const effects = (status: string) => {
    const resources = host.resources.map((each) =>
      formatAddr(each.addr) === ORIGINAL ? { ...each, status } as ActualInstance : each
    );
    const { changes } = createPlan(desiredOf(movedInfra()), { ...host, resources });
    return changes.filter(({ action }) => action === "delete").map(({ effect }) => effect);
  };
  assert.deepEqual(effects("Stopped"), ["in-place"]);
  assert.deepEqual(effects("Running"), ["data-lost"]);
});

Deno.test("createPlan() clears the note of a copy that has taken its original's place", () => {
  const host = altered(appliedHost(desiredOf(infra())), "pro-web", {
    config: { [MARK.copied]: ORIGINAL },
  });
  assert.deepEqual(lines(createPlan(desiredOf(infra()), host)), [
    `update ${ORIGINAL} config.${MARK.copied}: ${ORIGINAL} -> - in-place`,
  ]);
});

Deno.test("createPlan() has to give back what a move that was cut off took out of a machine", () => {
  const note = '{"vol-data":{}}';
  const host = altered(appliedHost(desiredOf(infra())), "pro-web", {
    config: { [MARK.detached]: note, [MARK.masked]: "eth0" },
  });
  assert.deepEqual(lines(createPlan(desiredOf(infra()), host)), [
    `update ${ORIGINAL} config.${MARK.detached}: ${note} -> - in-place`,
    `update ${ORIGINAL} config.${MARK.masked}: eth0 -> - in-place`,
  ]);
});

Deno.test("createPlan() takes a copy that somebody made of a machine on its way for a machine", () => {
  const plan = createPlan(desiredOf(infra()), movingHost({ [MARK.copied]: ORIGINAL }, "another"));
  assert.deepEqual(plan.changes, []);
  assert.deepEqual(plan.orphans.map(({ addr }) => formatAddr(addr)), [MOVED]);
});

Deno.test("createPlan() limited to the domain that a machine leaves does not take it for an orphan", () => {
  const desired = limitTo(desiredOf(movedInfra()), ["pro"]);
  const plan = createPlan(desired, appliedHost(desiredOf(infra())), { prune: true, force: true });
  assert.deepEqual(plan.orphans, []);
  assert.deepEqual(plan.changes.filter(({ action }) => action === "delete"), []);
});
