import assert from "node:assert/strict";
import { sketchInfra } from "../infra/_infra_builder.ts";
import type { Machine } from "../infra/infra.ts";
import { desiredOf, withDomains, withMachines } from "../plan/_plan_fixture.ts";
import { type DesiredInstance, instanceCreateBody } from "./instance.ts";
import { MARK } from "./mark.ts";

function desired(
  patch: Partial<Machine>,
  options: { ipv6?: boolean; nvidia?: boolean } = {},
): DesiredInstance {
  const infra = sketchInfra([{ name: "pro", machines: ["pro-dev"] }], {
    ipv6: options.ipv6 ?? false,
  });
  const state = desiredOf(withMachines(infra, { "pro-dev": patch }), {
    nvidia: options.nvidia ?? false,
  });
  return state.resources.find((resource) => resource.kind === "instance")!;
}

Deno.test("desiredInstance() gives a machine its address, MAC and port, filtered", () => {
  const { eth0 } = desired({}).devices;
  assert.equal(eth0?.network, "net-pro");
  assert.equal(eth0?.["ipv4.address"], "10.120.0.1");
  assert.match(eth0?.hwaddr ?? "", /^10:66:6a:/);
  assert.match(eth0?.host_name ?? "", /^ak/);
  assert.equal(eth0?.["security.mac_filtering"], "true");
  assert.equal(eth0?.["security.ipv4_filtering"], "true");
  assert.equal(eth0?.["ipv6.address"], undefined);
  assert.notEqual(desired({}, { ipv6: true }).devices.eth0?.["ipv6.address"], undefined);
});

Deno.test("desiredInstance() keeps the user's keys of eth0 but not against the filters", () => {
  const eth0 = { type: "nic", "limits.ingress": "10Mbit", "security.mac_filtering": "false" };
  const device = desired({ devices: { eth0 } }).devices.eth0;
  assert.equal(device?.["limits.ingress"], "10Mbit");
  assert.equal(device?.["security.mac_filtering"], "true");
});

Deno.test("desiredInstance() leaves an eth0 alone that may bypass the isolation", () => {
  const eth0 = { type: "nic", nictype: "macvlan", parent: "enp1s0" };
  const machine = desired({ devices: { eth0 }, bypassesIsolation: ["eth0"] });
  assert.deepEqual(machine.devices.eth0, eth0);
});

Deno.test("desiredInstance() translates infra.yml's words into Incus's keys", () => {
  const { config } = desired({
    ephemeral: false,
    bootAutostart: false,
    bootPriority: 7,
    snapshotsSchedule: "0 2 * * *",
    snapshotsExpiry: "30d",
    config: { "limits.cpu": "2" },
    vars: { secret: "x" },
  });
  assert.equal(config["security.protection.delete"], "true");
  assert.equal(config["boot.autostart"], "false");
  assert.equal(config["boot.autostart.priority"], "7");
  assert.equal(config["snapshots.schedule"], "0 2 * * *");
  assert.equal(config["snapshots.expiry"], "30d");
  assert.equal(config["limits.cpu"], "2");
  assert.equal(JSON.stringify(config).includes("secret"), false, "Ansible's variables stay out");
  assert.equal(desired({ ephemeral: true }).config["security.protection.delete"], undefined);
  assert.equal(desired({}).config["boot.autostart"], undefined, "unset: as it was before a reboot");
});

Deno.test("desiredInstance() switches IPv6 off in containers unless the infra has it", () => {
  const key = "linux.sysctl.net.ipv6.conf.eth0.disable_ipv6";
  assert.equal(desired({}).config[key], "1");
  assert.equal(desired({}, { ipv6: true }).config[key], undefined);
  assert.equal(desired({ type: "vm" }).config[key], undefined);
});

Deno.test("desiredInstance() keeps anklume's notes from the machine, unless infra.yml or the role admin wants it to ask", () => {
  const key = "security.guestapi";
  assert.equal(desired({}).config[key], "false");
  assert.equal(desired({ type: "vm" }).config[key], "false");
  assert.equal(desired({ config: { [key]: "true" } }).config[key], "true");
  assert.equal(desired({ roles: ["admin"] }).config[key], undefined);
  const infra = sketchInfra([{ name: "pro", machines: ["pro-dev"] }]);
  const [domain] = infra.domains;
  const profile = {
    name: "talks",
    description: "",
    config: { [key]: "true" },
    devices: {},
    range: domain!.range,
  };
  const state = desiredOf(withMachines(
    { ...infra, domains: [{ ...domain!, profiles: [profile] }] },
    { "pro-dev": { profiles: ["default", "talks"] } },
  ));
  const machine = state.resources.find((resource) => resource.kind === "instance");
  assert.equal(machine?.config[key], undefined, "a profile of infra.yml says it");
});

Deno.test("desiredInstance() adds a GPU, and NVIDIA's runtime to containers where the host has it", () => {
  assert.deepEqual(desired({ gpu: true }).devices.gpu, { type: "gpu" });
  assert.equal(desired({ gpu: true }).config["nvidia.runtime"], undefined);
  assert.equal(desired({ gpu: true }, { nvidia: true }).config["nvidia.runtime"], "true");
  assert.equal(
    desired({ gpu: true, type: "vm" }, { nvidia: true }).config["nvidia.runtime"],
    undefined,
  );
});

Deno.test("desiredInstance() puts the root disk on the machine, with the user's size", () => {
  assert.deepEqual(desired({}).devices.root, { type: "disk", path: "/", pool: "default" });
  assert.deepEqual(desired({ devices: { root: { size: "20GiB" } } }).devices.root, {
    type: "disk",
    path: "/",
    pool: "default",
    size: "20GiB",
  });
});

Deno.test("desiredInstance() leaves the root disk to a profile that has one", () => {
  const infra = sketchInfra([{ name: "pro", machines: ["pro-dev"] }]);
  const range = infra.domains[0]!.range;
  const devices = { root: { type: "disk", path: "/", pool: "fast" } };
  const profile = { name: "big", description: "", config: {}, devices, range };
  const state = desiredOf(withMachines(
    withDomains(infra, { pro: { profiles: [profile] } }),
    { "pro-dev": { profiles: ["default", "big"] } },
  ));
  const machine = state.resources.find((resource) => resource.kind === "instance")!;
  assert.equal(machine.devices.root, undefined);
});

Deno.test("desiredInstance() hangs volumes in by name, whatever they are called", () => {
  const range = { file: "infra.yml", start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };
  const { devices } = desired({
    storageVolumes: [{ key: "root", name: "pro-dev-root", path: "/srv", pool: "default", range }],
  });
  assert.deepEqual(devices["vol-root"], {
    type: "disk",
    pool: "default",
    source: "pro-dev-root",
    path: "/srv",
  });
  assert.equal(devices.root?.path, "/");
});

Deno.test("instanceCreateBody() asks for a VM from a simplestreams server, started", () => {
  const body = instanceCreateBody(desired({
    type: "vm",
    image: {
      kind: "remote",
      remote: "images",
      server: "https://images.example",
      alias: "debian/13",
      text: "images:debian/13",
    },
    config: { "limits.memory": "2GiB" },
    devices: { root: { size: "20GiB" } },
  }));
  assert.equal(body.type, "virtual-machine");
  assert.equal(body.start, true);
  assert.equal(body.config?.["limits.memory"], "2GiB");
  assert.equal(body.devices?.root?.size, "20GiB");
  assert.equal(body.config?.[MARK.image], "images:debian/13");
  assert.deepEqual(body.source, {
    type: "image",
    mode: "pull",
    protocol: "simplestreams",
    server: "https://images.example",
    alias: "debian/13",
  });
});

Deno.test("instanceCreateBody() starts what is to run or is the user's business, not what is to stand still", () => {
  assert.equal(instanceCreateBody(desired({ state: "running" })).start, true);
  assert.equal(instanceCreateBody(desired({ state: "manual" })).start, true);
  assert.equal(instanceCreateBody(desired({ state: "stopped" })).start, false);
});
