import assert from "node:assert/strict";
import type { Infra } from "../infra/infra.ts";
import { parseInfra } from "../infra/parse_infra.ts";
import { formatAddr } from "../resource/address.ts";
import type { ActualState } from "./actual_state.ts";
import { adoptTarget, planAdoptions } from "./adoption.ts";
import { createPlan } from "./create_plan.ts";
import { editAdoptions, type EditedAdoptions } from "./edit_adoptions.ts";
import { altered, appliedHost, desiredOf } from "./_plan_fixture.ts";

const TEXT = `project_name: home-lab
global: { default_os_image: "local:debian" }
domains:
  pro:
    profiles:
      small: { config: { limits.processes: "500" } }   # for all
      big: {}
    machines:
      web:
        description: The web   # of us
        profiles: [default, small]
        config: { limits.memory: 256MiB, environment.KEY: "old", security.nesting: "true" }
        devices:
          usb: { type: usb, vendorid: "1234", productid: "5678" }
        storage_volumes: { data: { path: /data, size: 1GiB } }
        snapshots_schedule: "0 2 * * *"
        boot_priority: 3
      off: { state: stopped }
`;

function read(text: string): Infra {
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  assert.ok(infra, JSON.stringify(diagnostics));
  return infra;
}

/**
 * Returns the adoptions and the resulting text, on a host where `text` was applied and then
 * something was changed.
 */
function adopted(
  alter: (host: ActualState) => ActualState,
  name = "pro",
  options: { readonly text?: string; readonly before?: string } = {},
): EditedAdoptions & { readonly text: string; readonly said: readonly string[] } {
  const { text = TEXT, before = text } = options;
  const infra = read(text);
  const actual = alter(appliedHost(desiredOf(read(before))));
  const desired = desiredOf(infra);
  const plan = createPlan(desired, actual);
  const target = adoptTarget(infra, name);
  assert.ok(typeof target === "object");
  const wanted = planAdoptions(plan, desired, actual, target);
  const edited = editAdoptions(
    { sources: [{ file: "infra.yml", text }], infra },
    plan,
    wanted,
    (then) => createPlan(desiredOf(then), actual),
  );
  const said = edited.left.map(({ addr, path, reason }) =>
    `${formatAddr(addr)} ${path ?? ""}: ${reason}`
  );
  return { ...edited, text: edited.sources[0]!.text, said };
}

/** Returns `TEXT` with these replacements: the expected result, byte for byte. */
function edited(...pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  }, TEXT);
}

Deno.test("what somebody changed by hand is written where infra.yml says it, and nowhere else", () => {
  const { text, said, following } = adopted((host) =>
    altered(
      altered(
        altered(
          altered(host, "web", {
            config: {
              "limits.memory": "300MiB",
              "environment.KEY": "new",
              "security.nesting": undefined,
              "boot.autostart.priority": "7",
              "snapshots.schedule": "0 3 * * *",
              "security.protection.delete": undefined,
            },
            devices: { usb: undefined },
            profiles: ["default", "small", "big"],
            status: "Stopped",
          }),
          "off",
          { status: "Running" },
        ),
        "web-data",
        { config: { size: "2GiB" } },
      ),
      "small",
      { config: { "limits.processes": "600" } },
    )
  );
  assert.deepEqual(said, []);
  assert.equal(
    text,
    edited(
      ["500", "600"],
      ["[default, small]", "[default, small, big]"],
      ["256MiB", "300MiB"],
      ['"old"', '"new"'],
      [', security.nesting: "true"', ""],
      ['          usb: { type: usb, vendorid: "1234", productid: "5678" }\n', ""],
      ["size: 1GiB", "size: 2GiB"],
      ["0 2 *", "0 3 *"],
      [
        "boot_priority: 3\n      off: { state: stopped }",
        "boot_priority: 7\n        state: stopped\n        ephemeral: true\n" +
        "      off: { state: running }",
      ],
    ),
  );
  // The machine's schedule also applies to its volumes.
  assert.deepEqual(following.map(({ addr, field }) => `${formatAddr(addr)} ${field.path}`), [
    "volume pro/web-data config.snapshots.schedule",
  ]);
});

Deno.test("what opens a door, or is not infra.yml's to say, is left with its reason", () => {
  const { text, said, adoptions } = adopted((host) =>
    altered(host, "web", {
      config: {
        "security.privileged": "true",
        "raw.lxc": "x",
        "linux.sysctl.net.ipv6.conf.default.disable_ipv6": "0",
        "user.anklume.domain": "else",
      },
      devices: {
        eth0: { type: "nic", network: "net-lab" },
        eth9: { type: "nic", network: "net-lab" },
        door: { type: "proxy", listen: "tcp:0.0.0.0:1", connect: "tcp:127.0.0.1:1" },
        "vol-data": { type: "disk", pool: "other", source: "web-data", path: "/data" },
      },
      profiles: ["default", "small", "strange"],
      status: "Frozen",
    })
  );
  assert.equal(text, TEXT);
  assert.deepEqual(adoptions, []);
  const reasons = new Map(said.map((line) => {
    const [what = "", reason = ""] = line.split(/: (.*)/);
    return [what.replace("instance pro/web ", ""), reason] as const;
  }));
  const isolation = "it affects the isolation, which only infra.yml decides";
  assert.equal(reasons.get("config.security.privileged"), isolation);
  assert.equal(reasons.get("config.raw.lxc"), isolation);
  assert.equal(
    reasons.get("config.linux.sysctl.net.ipv6.conf.default.disable_ipv6"),
    "anklume sets it itself",
  );
  assert.match(reasons.get("devices.eth0.ipv4.address") ?? "", /the lock decides/);
  assert.equal(reasons.get("devices.eth9"), isolation);
  assert.equal(reasons.get("devices.door"), isolation);
  assert.match(reasons.get("devices.vol-data.pool") ?? "", /storage_volumes/);
  assert.match(reasons.get("profiles") ?? "", /does not declare the profile strange/);
  assert.match(reasons.get("state") ?? "", /it is frozen/);
  assert.ok(![...reasons.keys()].some((key) => key.includes("anklume")));
});

Deno.test("what has left infra.yml and is not yet applied comes back into it", () => {
  const after = edited(
    ["limits.memory: 256MiB, ", ""],
    ['        snapshots_schedule: "0 2 * * *"\n', ""],
    ['          usb: { type: usb, vendorid: "1234", productid: "5678" }\n', ""],
    ["The web", "Another"],
  );
  const { said, following, text } = adopted((host) => host, "web", { text: after, before: TEXT });
  assert.deepEqual([said.filter((line) => !line.includes("volume")), following], [[], []]);
  const [machine] = read(text).domains[0]!.machines;
  const [was] = read(TEXT).domains[0]!.machines;
  assert.deepEqual(
    [machine!.config, machine!.devices, machine!.description, machine!.snapshotsSchedule],
    [was!.config, was!.devices, was!.description, was!.snapshotsSchedule],
  );
});

Deno.test("a device that walks around the isolation does not come back", () => {
  const own = edited(
    ['usb: { type: usb, vendorid: "1234", productid: "5678" }', "usb: { type: usb }"],
    ["        snapshots", "        bypasses_isolation: [usb]\n        snapshots"],
  );
  const { said, text } = adopted((host) => host, "web", { before: own });
  assert.equal(text, TEXT);
  assert.match(said.join("\n"), /devices\.usb\.productid: it bypasses the isolation/);
});

Deno.test("a root disk that infra.yml never mentioned is given its size", () => {
  const sized = edited([
    '          usb: { type: usb, vendorid: "1234", productid: "5678" }\n',
    '          usb: { type: usb, vendorid: "1234", productid: "5678" }\n' +
    "          root: { type: disk, path: /, size: 3GiB }\n",
  ]);
  const { said, text } = adopted((host) => host, "web", { before: sized });
  assert.deepEqual(said, []);
  assert.equal(text, sized);
});

Deno.test("a value that cannot be valid is left, and nothing else is kept from being written", () => {
  const { said, text } = adopted((host) =>
    altered(host, "web", {
      config: { "limits.memory": "1GiB", "snapshots.schedule": "@hourly" },
    }), "web");
  assert.deepEqual(said.map((line) => line.replace(/: infra.yml would be wrong: .*/, ": wrong")), [
    "instance pro/web config.snapshots.schedule: wrong",
  ]);
  assert.equal(text, edited(["256MiB", "1GiB"]));
});

Deno.test("what a YAML anchor shares is left, in the machine that holds it and in the one that points there", () => {
  const shared = `project_name: home-lab
global: { default_os_image: "local:debian" }
domains:
  pro:
    machines:
      one: { config: &small { limits.memory: 1GiB } }
      two: { config: *small }
`;
  for (const name of ["one", "two"]) {
    const { said, text } = adopted(
      (host) => altered(host, name, { config: { "limits.memory": "2GiB" } }),
      name,
      { text: shared },
    );
    assert.equal(text, shared);
    assert.match(said.join(), /the YAML anchor `&small` shares it with other places/);
  }
});

Deno.test("a machine leaves its profiles to the domain, and a domain's file is found in infra/", () => {
  const drift = (host: ActualState) =>
    altered(host, "small", { config: { "limits.processes": "600" } });
  const { said, text } = adopted(drift, "web");
  assert.equal(text, TEXT);
  assert.deepEqual(said, [
    "profile pro/small : its machines share it: `anklume check --adopt pro`",
  ]);
  const [head, domain] = TEXT.split("domains:\n") as [string, string];
  const sources = [
    { file: "infra/base.yml", text: head },
    { file: "infra/domains/lab.yml", text: "domains:\n  lab: {}\n" },
    { file: "infra/domains/pro.yml", text: `domains:\n${domain}` },
  ];
  const { infra } = parseInfra(sources);
  assert.ok(infra);
  const desired = desiredOf(infra);
  const actual = drift(appliedHost(desired));
  const plan = createPlan(desired, actual);
  const target = adoptTarget(infra, "pro");
  assert.ok(typeof target === "object");
  const wanted = planAdoptions(plan, desired, actual, target);
  const planWith = (then: Infra) => createPlan(desiredOf(then), actual);
  const result = editAdoptions({ sources, infra }, plan, wanted, planWith);
  assert.deepEqual(
    result.sources.map(({ text }) => text),
    sources.map(({ text }) => text.replace("500", "600")),
  );
});

Deno.test("adoptTarget() refuses what belongs to several machines, and what is disabled", () => {
  const infra = read(`project_name: home-lab
global: { default_os_image: "local:debian" }
domains:
  tp: { copies: 2, machines: { pc: {} } }
  off: { enabled: false, machines: { idle: {} } }
  pro: { machines: { web: {} } }
`);
  for (const name of ["tp", "tp-01", "tp-01-pc", "pc"]) {
    assert.match(String(adoptTarget(infra, name)), /belongs to every copy of `tp`/, name);
  }
  for (const name of ["off", "idle"]) {
    assert.match(String(adoptTarget(infra, name)), /is disabled/);
  }
  assert.equal(adoptTarget(infra, "nobody"), undefined);
  assert.equal((adoptTarget(infra, "web") as { kind: string }).kind, "machine");
});
