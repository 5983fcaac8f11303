import assert from "node:assert/strict";
import { IMAGE, Lab, liveInstances, must } from "./_lab.ts";
import { check, expectEmpty, lines } from "./_plan.ts";

const HEAD = `project_name: drift\nglobal: { default_os_image: "${IMAGE}" }\ndomains:\n`;
const MACHINE = `
        description: The web
        profiles: [default, small]
        config: { limits.memory: 256MiB, limits.cpu: "0-1", environment.DEBUG: "1", user.mine: "yes" }
        storage_volumes: { data: { path: /data, size: 64MiB } }
        devices: { root: { type: disk, path: /, pool: default, size: 1GiB } }`;
const LAB = `${HEAD}  one:
    ephemeral: true
    description: First
    profiles: { small: { config: { limits.processes: "500" } } }
    machines:
      web:${MACHINE}
      off: { state: stopped }
`;

const incus = (...args: string[]) => must(["incus", ...args]);

Deno.test("each kind is compared field by field, shown with its effect, and brought back", async () => {
  await using lab = await Lab.create(LAB);
  await lab.anklume(["apply", "--infra"]);
  await expectEmpty(lab);

  // Other spellings of the same values, and undeclared keys, are no drift.
  await incus(
    "config",
    "set",
    "--project",
    "one",
    "web",
    "limits.memory=268435456",
    "limits.cpu=0,1",
  );
  await incus(
    "config",
    "set",
    "--project",
    "one",
    "web",
    "user.note=theirs",
    "boot.host_shutdown_timeout=20",
  );
  await incus("profile", "set", "--project", "one", "small", "user.note=theirs");
  await expectEmpty(lab);

  // One edit of each kind.
  await incus("project", "set", "one", "user.anklume.domain=else");
  await incus("network", "set", "net-one", "ipv4.nat=true", "dns.mode=none");
  await incus("storage", "volume", "set", "--project", "one", "default", "web-data", "size=100MiB");
  await incus("profile", "set", "--project", "one", "small", "limits.processes=100");
  await incus(
    "config",
    "set",
    "--project",
    "one",
    "web",
    "limits.memory=300MiB",
    "environment.DEBUG=true",
  );
  await incus("config", "unset", "--project", "one", "web", "user.mine");
  await incus(
    "config",
    "device",
    "add",
    "--project",
    "one",
    "web",
    "eth7",
    "nic",
    "nictype=bridged",
    "parent=docker0",
  );
  await incus(
    "config",
    "device",
    "set",
    "--project",
    "one",
    "web",
    "eth0",
    "security.mac_filtering=false",
  );
  await incus("pause", "--project", "one", "web");
  await incus("start", "--project", "one", "off");

  const drifted = await check(lab, 1);
  assert.deepEqual(
    drifted.diagnostics.map(({ code }) => code).filter((code) => code === "SHRINK"),
    [
      "SHRINK",
    ],
    "a volume that somebody enlarged is not made smaller",
  );
  await incus("storage", "volume", "set", "--project", "one", "default", "web-data", "size=64MiB");
  const planned = lines(await check(lab));
  for (
    const line of [
      "update network net-one config.dns.mode: none -> - in-place BREACH",
      "update network net-one config.ipv4.nat: true -> false in-place BREACH",
      "update profile one/small config.limits.processes: 100 -> 500 in-place",
      "update instance one/web devices.eth7: type=nic nictype=bridged parent=docker0 -> - in-place BREACH",
      "update instance one/web devices.eth0.security.mac_filtering: false -> true restart BREACH",
      "update instance one/web config.limits.memory: 300MiB -> 256MiB in-place",
      "update instance one/web config.user.mine: - -> (hidden, 3 characters) in-place",
      "update instance one/web state: frozen -> running in-place",
      "update instance one/off state: running -> stopped restart",
    ]
  ) assert.ok(planned.includes(line), `${line}\nnot in\n${planned.join("\n")}`);
  assert.ok(
    planned.some((line) => line.includes("config.environment.DEBUG") && line.endsWith("in-place")),
    "a value that may be a secret shows as changed, not what it is",
  );
  const { stdout } = await lab.anklume(["check"]);
  assert.match(stdout, /^BREACH {2}network net-one: config\.\S+\n/, "a door comes first");
  assert.match(stdout, /^BREACH {2}instance one\/web: devices\.eth7$/m);
  assert.match(
    stdout,
    /drift: 0 to create, \d to update \(2 restarts\), 0 to delete; \d+ unchanged\.\n$/,
  );
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  await lab.anklume(["check", "--exit-code"], 3);

  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);
  const web = (await liveInstances()).find(({ name }) => name === "web")!;
  assert.equal(web.config["user.note"], "theirs", "what others set is left alone");
  assert.equal(web.config["boot.host_shutdown_timeout"], "20");
  assert.equal(web.status, "Running");

  // A key removed from infra.yml is unset, and nothing else.
  await lab.write(
    "infra.yml",
    LAB.replace(', environment.DEBUG: "1", user.mine: "yes"', "").replace(
      "[default, small]",
      "[default]",
    ),
  );
  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);
  const after = (await liveInstances()).find(({ name }) => name === "web")!;
  assert.equal(after.config["environment.DEBUG"], undefined);
  assert.equal(after.config["user.mine"], undefined);
  assert.equal(after.config["user.note"], "theirs");

  // Its monitor does not answer: Incus reports it five seconds later, and can neither stop nor
  // start it.
  const monitor = ["--euid", "0", "--full", "^\\[lxc monitor\\] .*/containers one_web$"];
  await must(["pkill", "--signal", "STOP", ...monitor]);
  const [status, checked, , applied] = await Promise.all([
    lab.anklume(["status"]),
    check(lab),
    lab.anklume(["snapshot", "list"]),
    lab.anklume(["apply", "--infra", "--yes"]),
  ]);
  assert.match(status.stdout, /^web +lxc +error /m);
  assert.deepEqual(lines(checked), ["update instance one/web state: error -> running in-place"]);
  assert.match(applied.stdout, /instance one\/web: waking the process that runs it/);
  await expectEmpty(lab);

  // The other direction: changes made by hand are written into infra.yml, except those that weaken
  // the isolation.
  const declared = await lab.read("infra.yml");
  const web1 = ["--project", "one", "web"];
  await incus("config", "set", ...web1, "limits.memory=300MiB");
  await incus("config", "device", "set", ...web1, "root", "size=2GiB");
  await incus(
    "config",
    "device",
    "add",
    ...web1,
    "eth7",
    "nic",
    "nictype=bridged",
    "parent=docker0",
  );
  await incus("storage", "volume", "set", "--project", "one", "default", "web-data", "size=96MiB");
  const asked = await lab.anklume(["check", "--adopt", "web"], 1);
  assert.match(asked.stdout, /limits\.memory: 256MiB -> 300MiB/);
  assert.match(
    asked.stdout,
    /not adopted: apply changes it to what infra.yml says\n {2}x instance one\/web devices\.eth7\n/,
  );
  assert.match(
    asked.stdout,
    /^- +config: \{ limits\.memory: 256MiB,[^+]*^\+ +config: \{ limits\.memory: 300MiB,/m,
  );
  assert.match(asked.stderr, /Nothing was written\. This needs your consent/);
  assert.equal(await lab.read("infra.yml"), declared, "nobody agreed");
  await lab.anklume(["check", "--adopt", "web", "--yes"]);
  assert.equal(
    await lab.read("infra.yml"),
    declared.replace("256MiB", "300MiB").replace("64MiB", "96MiB").replace(
      "size: 1GiB } }",
      "size: 2GiB } }",
    ),
  );
  assert.deepEqual(lines(await check(lab)), [
    "update instance one/web devices.eth7: type=nic nictype=bridged parent=docker0 -> - in-place BREACH",
  ]);
  assert.match(
    (await lab.anklume(["check", "--adopt", "off"])).stdout,
    /there is nothing to adopt/,
  );
});

Deno.test("storage grows in place, and every shrink is refused before anything is done", async () => {
  await using lab = await Lab.create(LAB);
  await lab.anklume(["apply", "--infra"]);
  const grown = LAB.replace("64MiB", "128MiB").replace("size: 1GiB", "size: 2GiB");
  await lab.write("infra.yml", grown);
  const planned = lines(await check(lab));
  assert.deepEqual(planned.filter((line) => line.includes("size")), [
    "update volume one/web-data config.size: 64MiB -> 128MiB in-place",
    "update instance one/web devices.root.size: 1GiB -> 2GiB in-place",
  ]);
  await lab.anklume(["apply", "--infra"]);
  await expectEmpty(lab);
  for (const [less, what] of [["128MiB", "64MiB"], ["size: 2GiB", "size: 1GiB"]] as const) {
    await lab.write("infra.yml", grown.replace(less, what).replace("First", "Changed"));
    const { stderr } = await lab.anklume(["apply", "--infra", "--yes", "--force"], 1);
    assert.match(stderr, /error\[SHRINK\].*\n.*infra\.yml:\d+/);
    assert.equal(
      (await must(["incus", "project", "get", "one", "user.anklume.domain"])).trim(),
      "one",
    );
    const { description } = JSON.parse(await must(["incus", "query", "/1.0/projects/one"])) as {
      description: string;
    };
    assert.equal(description, "First", "nothing else of the plan was done either");
  }
});
