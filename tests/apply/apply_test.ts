import assert from "node:assert/strict";
import { sketchInfra } from "../../lib/infra/_infra_builder.ts";
import type { Infra } from "../../lib/infra/infra.ts";
import { withDomains, withMachines } from "../../lib/plan/_plan_fixture.ts";
import { formatAddr } from "../../lib/resource/address.ts";
import { MARK } from "../../lib/resource/mark.ts";
import { Host, onTestImage } from "./_host.ts";

const PROJECT = "apply-test";

/** Returns two domains with three machines, quick to make and free to be deleted. */
function lab(): Infra {
  return onTestImage(sketchInfra([
    { name: "aa", machines: ["aa-one", "aa-two"] },
    { name: "bb", trustLevel: "untrusted", machines: ["bb-one"] },
  ], { projectName: PROJECT }));
}

Deno.test("applyPlan() makes what the plan says, and the next plan is empty", async () => {
  await using host = await Host.connect(PROJECT);
  const range = lab().domains[0]!.range;
  const infra = withMachines(
    withDomains(lab(), {
      aa: {
        description: "Alpha",
        profiles: [{
          name: "nesting",
          description: "",
          config: { "security.nesting": "true" },
          devices: {},
          range,
        }],
      },
      bb: { internet: { kind: "full" } },
    }),
    {
      "aa-one": {
        profiles: ["default", "nesting"],
        description: "The first",
        ephemeral: false,
        config: { "limits.memory": "256MiB", "limits.cpu": "1" },
        storageVolumes: [{
          key: "data",
          name: "aa-one-data",
          size: "64MiB",
          path: "/data",
          pool: "default",
          range,
        }],
        bootPriority: 10,
        snapshotsSchedule: "0 2 * * *",
        snapshotsExpiry: "30d",
      },
      "aa-two": { state: "stopped" },
      "bb-one": { state: "manual" },
    },
  );
  const report = await host.apply(infra);
  assert.deepEqual(report.failed, []);
  assert.deepEqual(report.skipped, []);
  const plan = await host.plan(infra);
  assert.deepEqual(plan.diagnostics, []);
  assert.deepEqual(plan.changes, []);
  assert.deepEqual(plan.orphans, []);
  assert.equal(await host.status("aa", "aa-one"), "Running");
  assert.equal(await host.status("aa", "aa-two"), "Stopped");
  assert.equal(await host.status("bb", "bb-one"), "Running");
});

Deno.test("applyPlan() updates in place, unsets what infra.yml dropped and leaves others' keys", async () => {
  await using host = await Host.connect(PROJECT);
  const before = withMachines(lab(), {
    "aa-one": { config: { "limits.memory": "256MiB", "limits.processes": "500" } },
  });
  assert.deepEqual((await host.apply(before)).failed, []);
  const started = (await host.incus.instances.get("aa", "aa-one")).value.last_used_at;
  await host.incus.instances.patch("aa", "aa-one", { config: { "user.note": "mine" } });
  const after = withMachines(lab(), {
    "aa-one": { config: { "limits.memory": "512MiB" }, description: "changed" },
  });
  const plan = await host.plan(after);
  assert.deepEqual(plan.changes.map(({ addr, effect }) => [formatAddr(addr), effect]), [
    ["instance aa/aa-one", "in-place"],
  ]);
  assert.deepEqual((await host.apply(after)).failed, []);
  const { value } = await host.incus.instances.get("aa", "aa-one");
  assert.equal(value.config["limits.memory"], "512MiB");
  assert.equal(value.config["limits.processes"], undefined);
  assert.equal(value.config["user.note"], "mine");
  assert.equal(value.description, "changed");
  assert.equal(value.last_used_at, started, "the machine was not restarted");
  assert.deepEqual((await host.plan(after)).changes, []);
});

Deno.test("applyPlan() restarts a machine whose address changes", async () => {
  await using host = await Host.connect(PROJECT);
  const fixed = withMachines(lab(), { "aa-two": { ip: "10.120.0.8" } });
  await host.apply(fixed);
  const started = (await host.incus.instances.get("aa", "aa-one")).value.last_used_at;
  const moved = withMachines(fixed, { "aa-one": { ip: "10.120.0.77" } });
  const plan = await host.plan(moved);
  assert.deepEqual(plan.changes.map((change) => change.effect), ["restart"]);
  assert.deepEqual((await host.apply(moved)).failed, []);
  const { value } = await host.incus.instances.get("aa", "aa-one");
  assert.equal(value.devices.eth0?.["ipv4.address"], "10.120.0.77");
  assert.equal(value.status, "Running");
  assert.notEqual(value.last_used_at, started);
  assert.deepEqual((await host.plan(moved)).changes, []);
});

Deno.test("applyPlan() takes away a foreign NIC and a key of a bridge, and starts what was stopped", async () => {
  await using host = await Host.connect(PROJECT);
  await host.apply(lab());
  const bridge =
    (await host.actual()).resources.find((resource) =>
      resource.kind === "network" && resource.config[MARK.domain] === "bb"
    )!.addr.name;
  await host.incus.instances.patch("aa", "aa-one", {
    devices: { eth9: { type: "nic", network: bridge } },
  });
  const profile = await host.incus.profiles.get("bb", "default");
  await host.incus.profiles.update("bb", "default", {
    ...profile.value,
    devices: { eth8: { type: "nic", network: "net-aa" } },
  });
  const network = await host.incus.networks.get(bridge);
  await host.incus.networks.update(bridge, {
    ...network.value,
    config: { ...network.value.config, "ipv4.nat": "true" },
  });
  await host.incus.instances.setState("aa", "aa-two", { action: "stop", force: true });
  const plan = await host.plan(lab());
  assert.deepEqual(
    plan.changes.flatMap(({ addr, fields }) =>
      fields.map(({ path, breach }) => `${formatAddr(addr)} ${path}${breach ? " BREACH" : ""}`)
    ),
    [
      `network ${bridge} config.ipv4.nat BREACH`,
      "profile bb/default devices.eth8 BREACH",
      "instance aa/aa-one devices.eth9 BREACH",
      "instance aa/aa-two state",
    ],
  );
  assert.deepEqual((await host.apply(lab())).failed, []);
  assert.deepEqual((await host.plan(lab())).changes, []);
  assert.equal(await host.status("aa", "aa-two"), "Running");
});

Deno.test("applyPlan() rebuilds a machine whose image was edited, and its volume survives", async () => {
  await using host = await Host.connect(PROJECT);
  const range = lab().domains[0]!.range;
  const storageVolumes = [{ key: "d", name: "aa-one-d", path: "/d", pool: "default", range }];
  const before = withMachines(lab(), { "aa-one": { storageVolumes, ephemeral: false } });
  await host.apply(before);
  const shell = (script: string) => host.incus.instances.exec("aa", "aa-one", ["sh", "-c", script]);
  await shell("echo kept > /d/note; echo lost > /note");
  const { fingerprint } = (await host.incus.images.list())
    .find(({ aliases }) => aliases?.some(({ name }) => name === "anklume-test"))!;
  const image = { kind: "local", alias: fingerprint, text: fingerprint } as const;
  const after = withMachines(before, { "aa-one": { image } });
  const plan = await host.plan(after);
  assert.deepEqual(
    plan.changes.map(({ action, effect, needsForce }) => [action, effect, needsForce]),
    [
      ["replace", "rebuild", true],
    ],
  );
  const refused = await host.apply(after);
  assert.equal(refused.skipped[0]?.because, "protected: needs --force");
  assert.deepEqual((await host.apply(after, { force: true })).failed, []);
  assert.equal((await shell("cat /d/note; ls /note")).stdout.trim(), "kept");
  assert.deepEqual((await host.plan(after)).changes, []);
});

Deno.test("applyPlan() stops and starts nothing when the firewall cannot be loaded", async () => {
  await using host = await Host.connect(PROJECT);
  host.firewall.fault = new Error("nft: no such file");
  const report = await host.apply(lab());
  assert.deepEqual(report.failed.map(({ message }) => message), [
    "Cannot create firewall home-lab: nft: no such file".replace("home-lab", PROJECT),
  ]);
  assert.deepEqual(
    report.skipped.map(({ addr, because }) => [addr.kind, because]),
    lab().domains.flatMap(({ machines }) =>
      machines.map(() => ["instance", `firewall ${PROJECT}`])
    ),
  );
  const running = (await host.incus.instances.list()).filter(({ project }) =>
    project !== "default"
  );
  assert.deepEqual(running, []);
  host.firewall.fault = undefined;
  assert.deepEqual((await host.apply(lab())).failed, []);
  assert.deepEqual((await host.plan(lab())).changes, []);
});

Deno.test("applyPlan() starts nothing when a firewall that stood is found changed", async () => {
  await using host = await Host.connect(PROJECT);
  await host.apply(withMachines(lab(), { "aa-one": { state: "stopped" } }));
  const desired = lab();
  const plan = await host.plan(desired);
  assert.deepEqual(plan.changes.map(({ addr }) => formatAddr(addr)), ["instance aa/aa-one"]);
  host.firewall.fault = new Error("a rule is missing");
  const report = await host.apply(desired);
  assert.match(report.failed[0]!.message, /the firewall is not as expected.*a rule is missing/);
  assert.equal(await host.status("aa", "aa-one"), "Stopped");
});

Deno.test("applyPlan() goes on past a machine that cannot start, and the next apply mends it", async () => {
  await using host = await Host.connect(PROJECT);
  const device = { type: "unix-char", source: "/dev/anklume-none", path: "/dev/x" };
  const broken = withMachines(lab(), { "aa-one": { devices: { bad: device } } });
  const report = await host.apply(broken);
  assert.deepEqual(report.failed.map(({ addr }) => formatAddr(addr)), ["instance aa/aa-one"]);
  assert.match(
    report.failed[0]!.message,
    /^Cannot create instance aa\/aa-one: Incus answered 400: /,
  );
  assert.deepEqual(report.skipped, []);
  assert.equal(await host.status("aa", "aa-two"), "Running");
  assert.equal(await host.status("bb", "bb-one"), "Running");
  assert.deepEqual((await host.apply(lab())).failed, []);
  assert.deepEqual((await host.plan(lab())).changes, []);
});

Deno.test("applyPlan() reports a machine that died after a start Incus called a success", async () => {
  await using host = await Host.connect(PROJECT);
  const dying = withMachines(lab(), {
    "aa-one": { config: { "raw.lxc": "lxc.init.cmd = /bin/sh -c 'sleep 0.1'" } },
  });
  const report = await host.apply(dying, { settleMs: 2000 });
  assert.deepEqual(report.failed.map(({ addr }) => formatAddr(addr)), ["instance aa/aa-one"]);
  assert.match(report.failed[0]!.message, /Incus started it, and it is stopped now/);
});

Deno.test("applyPlan() starts nothing new once it is interrupted", async () => {
  await using host = await Host.connect(PROJECT);
  const controller = new AbortController();
  const report = await host.apply(lab(), {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "done" && event.addr.kind === "network") controller.abort();
    },
  });
  assert.equal(report.interrupted, true);
  assert.deepEqual(report.failed, []);
  const inFlight = host.events.filter((event) => event.type === "started").length;
  assert.equal(inFlight, report.done.length, "what was started was waited for");
  assert.deepEqual((await host.apply(lab())).failed, []);
  assert.deepEqual((await host.plan(lab())).changes, []);
});

Deno.test("applyPlan() does not overwrite what somebody changed after the plan was made", async () => {
  await using host = await Host.connect(PROJECT);
  await host.apply(lab());
  const infra = withMachines(lab(), { "aa-one": { config: { "limits.processes": "100" } } });
  const plan = await host.plan(infra);
  await host.incus.instances.patch("aa", "aa-one", { config: { "limits.processes": "300" } });
  const report = await host.run(plan, host.desired(infra));
  assert.match(report.failed[0]!.message, /something else changed it after the plan was made/);
});

Deno.test("applyPlan() gives machines IPv6 where the infra has it, and the next plan is empty", async () => {
  await using host = await Host.connect(PROJECT);
  const infra = { ...lab(), global: { ...lab().global, ipv6: true } };
  assert.deepEqual((await host.apply(infra)).failed, []);
  assert.deepEqual((await host.plan(infra)).changes, []);
});
