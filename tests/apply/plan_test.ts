import assert from "node:assert/strict";
import { sketchInfra } from "../../lib/infra/_infra_builder.ts";
import { withMachines } from "../../lib/plan/_plan_fixture.ts";
import { readActualState } from "../../lib/plan/read_actual_state.ts";
import { formatAddr } from "../../lib/resource/address.ts";
import { Host, onTestImage } from "./_host.ts";

const PROJECT = "plan-test";

Deno.test("createPlan() refuses resources of a declared name that are not ours, and touches nothing", async () => {
  await using host = await Host.connect(PROJECT);
  const infra = onTestImage(
    sketchInfra([{ name: "ee", machines: ["ee-one"] }], { projectName: PROJECT }),
  );
  const bridge = {
    name: "net-ee",
    type: "bridge",
    description: "",
    config: { "ipv6.address": "none" },
  };
  await host.incus.networks.create(bridge);
  const standing = async () => [await host.incus.projects.list(), await host.incus.networks.list()];
  try {
    const before = await standing();
    const plan = await host.plan(infra);
    assert.deepEqual(
      plan.diagnostics.map(({ code, summary }) => [code, summary]),
      [["FOREIGN_RESOURCE", "network net-ee exists already and was not made by anklume"]],
    );
    assert.deepEqual(plan.changes.filter(({ addr }) => addr.name === bridge.name), []);
    assert.deepEqual(await standing(), before);
  } finally {
    await host.incus.networks.delete("net-ee");
  }
});

Deno.test("createPlan() tells two infras of one name apart by their UUID", async () => {
  const infra = onTestImage(
    sketchInfra([{ name: "ee", machines: [] }], { projectName: PROJECT }),
  );
  await using first = await Host.connect(PROJECT);
  await using second = await Host.connect(PROJECT);
  assert.deepEqual((await first.apply(infra)).failed, []);
  const plan = await second.plan(infra);
  assert.deepEqual(plan.diagnostics.map(({ code }) => code), [
    "NAME_TAKEN",
    "FOREIGN_RESOURCE",
    "FOREIGN_RESOURCE",
  ]);
  assert.match(plan.diagnostics[1]!.summary, /belongs to another infra, "plan-test"/);
});

Deno.test("createPlan() knows missing images and pools beforehand", async () => {
  await using host = await Host.connect(PROJECT);
  const infra = withMachines(
    onTestImage(sketchInfra([{ name: "ee", machines: ["ee-one"] }], { projectName: PROJECT })),
    {
      "ee-one": {
        image: { kind: "local", alias: "no-such", text: "no-such" },
        devices: { root: { pool: "tank" } },
      },
    },
  );
  const plan = await host.plan(infra);
  assert.deepEqual(plan.diagnostics.map(({ code }) => code).toSorted(), [
    "IMAGE_MISSING",
    "POOL_MISSING",
  ]);
});

Deno.test("readActualState() asks as many requests for 50 machines as for 2", async () => {
  await using host = await Host.connect(PROJECT);
  const count = async (machines: number): Promise<number> => {
    const names = Array.from({ length: machines }, (_, index) => `m${index}`);
    const infra = onTestImage(
      sketchInfra([{ name: "ee", machines: names }], { projectName: PROJECT }),
    );
    const stopped = Object.fromEntries(names.map((name) => [name, { state: "stopped" as const }]));
    assert.deepEqual((await host.apply(withMachines(infra, stopped))).failed, []);
    const before = host.incus.requestCount;
    const state = await readActualState(host.incus, { images: true });
    const found = state.resources.filter(({ addr }) => formatAddr(addr).startsWith("instance ee/"));
    assert.equal(found.length, machines);
    return host.incus.requestCount - before;
  };
  const few = await count(2);
  assert.equal(await count(50), few);
  assert.equal(
    few,
    7,
    "projects, networks, profiles, instances, pools, images, one pool's volumes",
  );
});
