import assert from "node:assert/strict";
import { sketchInfra } from "../../lib/infra/_infra_builder.ts";
import type { Infra } from "../../lib/infra/infra.ts";
import { withMachines } from "../../lib/plan/_plan_fixture.ts";
import { formatAddr } from "../../lib/resource/address.ts";
import { Host, onTestImage } from "./_host.ts";

const PROJECT = "destroy-test";
const range = { file: "infra.yml", start: { line: 1, column: 1 }, end: { line: 1, column: 2 } };

function lab(): Infra {
  const infra = onTestImage(sketchInfra([
    { name: "cc", machines: ["cc-one", "cc-two"] },
    { name: "dd", machines: ["dd-one"] },
  ], { projectName: PROJECT }));
  return withMachines(infra, {
    "cc-one": {
      storageVolumes: [{ key: "d", name: "cc-one-d", path: "/d", pool: "default", range }],
    },
  });
}

/** Returns all resources on the host that are not Incus's own. */
async function leftovers(host: Host): Promise<string[]> {
  return (await host.actual()).resources
    .filter((resource) => resource.kind !== "network" || resource.managed)
    .map((resource) => formatAddr(resource.addr))
    .toSorted();
}

Deno.test("createDestroyPlan() applied leaves nothing, and the firewall goes last", async () => {
  await using host = await Host.connect(PROJECT);
  const before = await leftovers(host);
  await host.apply(lab());
  assert.equal(host.firewall.loaded, true);
  const report = await host.destroy();
  assert.deepEqual(report.failed, []);
  assert.deepEqual(await leftovers(host), before);
  assert.equal(host.firewall.loaded, false);
  assert.equal(host.events.findLast((event) => event.type === "done")?.addr.kind, "firewall");
});

Deno.test("createDestroyPlan() keeps a protected machine and all it leans on, until --force", async () => {
  await using host = await Host.connect(PROJECT);
  const before = await leftovers(host);
  await host.apply(withMachines(lab(), { "cc-one": { ephemeral: false } }));
  const report = await host.destroy();
  assert.deepEqual(report.failed, []);
  const kept = ["instance cc/cc-one", "network net-cc", "project cc", "volume cc/cc-one-d"];
  assert.deepEqual(report.skipped.map(({ addr }) => formatAddr(addr)).toSorted(), kept);
  assert.deepEqual(
    (await leftovers(host)).filter((name) => !before.includes(name)),
    [...kept, "profile cc/default"].toSorted(),
  );
  assert.equal(await host.status("cc", "cc-one"), "Running");
  assert.equal(host.firewall.loaded, true, "what stays, stays walled off");
  assert.deepEqual((await host.destroy({ force: true })).failed, []);
  assert.deepEqual(await leftovers(host), before);
});

Deno.test("a protected machine goes with --force although its network has moved to another subnet", async () => {
  await using host = await Host.connect(PROJECT);
  const before = await leftovers(host);
  await host.apply(withMachines(lab(), { "cc-one": { ephemeral: false } }));
  const { value: network, etag } = await host.incus.networks.get("net-cc");
  await host.incus.networks.update("net-cc", {
    description: network.description,
    config: { ...network.config, "ipv4.address": "10.213.7.254/24" },
  }, { etag });
  assert.deepEqual((await host.destroy({ force: true })).failed, []);
  assert.deepEqual(await leftovers(host), before);
});

Deno.test("createDestroyPlan() leaves what somebody else put into our project", async () => {
  await using host = await Host.connect(PROJECT);
  await host.apply(lab());
  await host.incus.profiles.create("dd", {
    name: "theirs",
    description: "",
    config: {},
    devices: {},
  });
  const report = await host.destroy();
  assert.deepEqual(
    report.skipped.map(({ addr, because }) => [formatAddr(addr), because]),
    [["project dd", "project dd stays: it is used by profile dd/theirs"]],
  );
  await host.incus.profiles.delete("dd", "theirs");
});
