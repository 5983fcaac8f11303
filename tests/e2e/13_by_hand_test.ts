import assert from "node:assert/strict";
import { IMAGE, inMachine, Lab, liveInstances, must, run } from "./_lab.ts";
import { check, expectEmpty, lines } from "./_plan.ts";

const share = await Deno.makeTempDir({ prefix: "anklume-e2e-" });
const elsewhere = `${share}-elsewhere`;
const INFRA = `project_name: hand
global: { default_os_image: "${IMAGE}" }
domains:
  one:
    ephemeral: true
    profiles: { own: { config: { limits.processes: "500" } } }
    machines:
      web:
        profiles: [default, own]
        storage_volumes: { data: { path: /data } }
        devices: { said: { type: disk, source: ${share}, path: /said } }
        bypasses_isolation: [said]
      hand: { state: manual }
  two:
    ephemeral: true
    machines: { box: {} }
`;

const incus = (...args: string[]) => must(["incus", ...args]);
const one = ["--project", "one"];
const device = (verb: string, ...args: string[]) =>
  incus("config", "device", verb, ...one, ...args);

type Door = readonly [resource: string, path: string, effect: string];

/** Asserts that `check` and `status` report each of these breaches, and no others. */
async function areBreaches(lab: Lab, ...doors: readonly Door[]): Promise<void> {
  const planned = lines(await check(lab)).filter((line) => line.endsWith(" BREACH"));
  const found = planned.map((line) => line.replace(/: .* (\S+) BREACH$/s, " $1"));
  const wanted = doors.map(([resource, path, effect]) => `update ${resource} ${path} ${effect}`);
  assert.deepEqual(found.sort(), wanted.sort(), planned.join("\n"));
  const { stdout } = await lab.anklume(["status"]);
  for (const [resource, path] of doors) {
    assert.ok(stdout.includes(`BREACH    ${resource}: ${path}`), stdout);
  }
  assert.doesNotMatch(stdout, /all as declared/);
}

/** Asserts that an apply repairs it, and nothing else is reported. */
async function isClosed(lab: Lab): Promise<void> {
  await lab.anklume(["apply", "--infra", "--yes"]);
  const { stdout } = await lab.anklume(["status"]);
  assert.match(stdout, /running, all as declared\.\n$/);
  assert.doesNotMatch(stdout, /BREACH/);
}

/** Returns the text without line breaks. */
function flat(text: string): string {
  return text.replace(/\s+/g, " ");
}

async function uidMap(machine: string): Promise<string> {
  const { stdout } = await inMachine("one", machine, "cat", "/proc/self/uid_map");
  return stdout.trim().replace(/\s+/g, " ");
}

Deno.test("what somebody hangs into a machine, its profiles or its bridge is a breach until apply takes it away", async (t) => {
  await using lab = await Lab.create(INFRA);
  await Deno.mkdir(elsewhere);
  await using _ = {
    [Symbol.asyncDispose]: () => must(["rm", "-r", share, elsewhere]).then(() => {}),
  };
  await lab.anklume(["apply", "--infra"]);
  await expectEmpty(lab);

  await t.step("what is known to be harmless is left alone", async () => {
    await incus("storage", "volume", "create", ...one, "default", "extra");
    await device("add", "web", "extra", "disk", "pool=default", "source=extra", "path=/extra");
    const limit = ["device", "set", ...one, "web", "root", "limits.read=30MB"];
    const limited = await run(["incus", "config", ...limit]);
    if (limited.code !== 0) assert.match(limited.stderr, /IO cgroup controller is missing/);
    await device("set", "web", "eth0", "limits.ingress=10Mbit");
    await incus("config", "set", ...one, "web", "limits.memory=300MiB", "user.note=theirs");
    await incus("network", "set", "net-one", "user.note=theirs");
    await expectEmpty(lab);
    await device("remove", "web", "extra");
    await incus("storage", "volume", "delete", ...one, "default", "extra");
  });

  await t.step("devices of every kind, on the machine", async () => {
    const added = {
      root: ["disk", "source=/", "path=/hostroot"],
      zero: ["unix-char", "source=/dev/zero", "path=/dev/hand"],
      loop: ["unix-block", "source=/dev/loop0", "path=/dev/hand0"],
      usb: ["usb"],
      stick: ["usb", "vendorid=1d6b", "productid=0002"],
      plug: ["unix-hotplug", "vendorid=1234", "productid=5678"],
      door: ["proxy", "listen=tcp:127.0.0.1:9999", "connect=tcp:127.0.0.1:22"],
      routed: ["nic", "nictype=p2p"],
      other: ["nic", "network=net-two"],
    };
    for (const [name, words] of Object.entries(added)) {
      await device("add", "web", `x-${name}`, ...words);
    }
    // A device of a declared name is compared with the declared one.
    await device("set", "web", "said", `source=${elsewhere}`, "shift=true");
    await areBreaches(
      lab,
      ["instance one/web", "devices.said.source", "in-place"],
      ["instance one/web", "devices.said.shift", "in-place"],
      ...Object.keys(added).map((name): Door => [
        "instance one/web",
        `devices.x-${name}`,
        "in-place",
      ]),
    );
    const verify = await lab.anklume(["network", "verify"], 1);
    assert.match(verify.stdout, /^BREACH +instance one\/web: devices\.x-root/m);
    const doctor = await lab.try(["doctor", "--json"]);
    const { findings } = JSON.parse(doctor.stdout) as {
      findings: { check: string; state: string; detail: string }[];
    };
    const doors = findings.find((each) => each.check === "doors");
    assert.equal(doors?.state, "bad");
    assert.match(doors!.detail, /BREACH: .*instance one\/web: devices\.x-root/);
    const restart = await lab.anklume(["restart", "web"], 2);
    assert.match(
      flat(restart.stderr),
      /Not started \(BREACH\), because the isolation has an opening/,
    );
    assert.equal((await liveInstances()).find(({ name }) => name === "web")?.status, "Running");
    await isClosed(lab);
    assert.equal(
      (await inMachine("one", "web", "test", "-e", "/hostroot/etc")).code,
      1,
      "it is gone from the machine that runs",
    );
  });

  await t.step("what the owner edits in infra.yml is no break-in", async () => {
    const moved = `${share}/sub`;
    await Deno.mkdir(moved);
    await lab.write("infra.yml", INFRA.replace(`source: ${share}`, `source: ${moved}`));
    assert.deepEqual(lines(await check(lab)), [
      `update instance one/web devices.said.source: ${share} -> ${moved} in-place`,
    ]);
    await lab.write("infra.yml", INFRA);
  });

  await t.step("keys, on the machine, and a device in a profile of ours", async () => {
    await incus("profile", "device", "add", ...one, "own", "x", "usb");
    await incus(
      "config",
      "set",
      ...one,
      "web",
      "security.nesting=true",
      "raw.lxc=lxc.mount.auto = proc:rw",
      "security.syscalls.intercept.mount=true",
      "linux.kernel_modules=fuse",
    );
    const keys = [
      "linux.kernel_modules",
      "raw.lxc",
      "security.nesting",
      "security.syscalls.intercept.mount",
    ];
    await areBreaches(
      lab,
      ["profile one/own", "devices.x", "in-place"],
      ...keys.map((key): Door => ["instance one/web", `config.${key}`, "restart"]),
    );
    const { stderr } = await lab.anklume(["apply", "--infra"], 1);
    assert.match(stderr, /consent/, "what restarts a machine is asked first");
    await isClosed(lab);
  });

  await t.step("root of the host, also where the machine starts when its owner likes", async () => {
    await incus("config", "set", ...one, "hand", "security.privileged=true");
    await incus("restart", "--force", ...one, "hand");
    assert.match(await uidMap("hand"), /^0 0 /);
    await areBreaches(lab, ["instance one/hand", "config.security.privileged", "restart"]);
    // Removing the key by hand does not change the running machine.
    await incus("config", "unset", ...one, "hand", "security.privileged");
    assert.match(await uidMap("hand"), /^0 0 /);
    await areBreaches(lab, ["instance one/hand", "idmap", "restart"]);
    await isClosed(lab);
    assert.doesNotMatch(await uidMap("hand"), /^0 0 /);
  });

  await t.step("root of the host by a note that Incus 6 believes", async () => {
    await incus("config", "set", ...one, "web", "volatile.idmap.next=[]");
    await areBreaches(lab, ["instance one/web", "idmap", "restart"]);
    await incus("restart", "--force", ...one, "web");
    if (/^0 0 /.test(await uidMap("web"))) {
      await areBreaches(lab, ["instance one/web", "idmap", "restart"]);
      await incus("stop", "--force", ...one, "web");
      const start = await lab.anklume(["start", "web"], 2);
      assert.match(flat(start.stderr), /Not started.*instance one\/web \(idmap\)/);
    } else {
      // Incus 7.0 computes the map again at each start, and so overwrites the note.
      await expectEmpty(lab);
    }
    await isClosed(lab);
    assert.doesNotMatch(await uidMap("web"), /^0 0 /);
  });

  await t.step(
    "profiles: the project's default, and one that somebody assigned",
    async () => {
      await lab.anklume(["snapshot", "create", "before"]);
      await incus(
        "profile",
        "device",
        "add",
        ...one,
        "default",
        "x",
        "disk",
        "source=/",
        "path=/h",
      );
      await areBreaches(lab, ["profile one/default", "devices.x", "in-place"]);
      const restore = await lab.anklume(["snapshot", "restore", "before", "--yes"], 2);
      assert.match(
        flat(restore.stderr),
        /Nothing was restored \(BREACH\), because the isolation has an opening/,
      );
      await incus("stop", "--force", ...one, "hand");
      const start = await lab.anklume(["start", "hand"], 2);
      assert.match(flat(start.stderr), /Not started.*profile one\/default \(devices\.x\)/);
      await isClosed(lab);
      await lab.anklume(["snapshot", "delete", "before", "--yes"]);
      await incus("start", ...one, "hand");

      const hosts = async () =>
        (await inMachine("one", "hand", "cat", "/proc/1/environ")).stdout.includes("DOOR=1");
      await incus("profile", "set", ...one, "default", "raw.lxc=lxc.environment = DOOR=1");
      await incus("profile", "create", ...one, "theirs");
      await incus("profile", "device", "add", ...one, "theirs", "x", "disk", "source=/", "path=/h");
      await incus("profile", "add", ...one, "hand", "theirs");
      await incus("restart", "--force", ...one, "hand");
      assert.ok(await hosts());
      await areBreaches(
        lab,
        ["instance one/hand", "profiles", "restart"],
        ["profile one/default", "config.raw.lxc", "next-start"],
        ["instance one/hand", "restart", "restart"],
        ["instance one/web", "restart", "restart"],
      );
      await isClosed(lab);
      assert.ok(!await hosts(), "it runs without it");
      await incus("profile", "delete", ...one, "theirs");
    },
  );

  await t.step("keys of the bridge", async () => {
    await incus(
      "network",
      "set",
      "net-one",
      "bridge.external_interfaces=eth7",
      "ipv4.routes=192.0.2.0/24",
      "ipv4.nat=true",
      "raw.dnsmasq=server=192.0.2.1",
    );
    const keys = ["bridge.external_interfaces", "ipv4.nat", "ipv4.routes", "raw.dnsmasq"];
    await areBreaches(
      lab,
      ...keys.map((key): Door => ["network net-one", `config.${key}`, "in-place"]),
    );
    const restart = await lab.anklume(["restart", "web"], 2);
    assert.match(flat(restart.stderr), /Not started.*network net-one/);
    await isClosed(lab);
    // An edit of infra.yml is no breach.
    await lab.write("infra.yml", INFRA.replace("  one:\n", "  one:\n    internet: false\n"));
    const planned = lines(await check(lab));
    assert.ok(planned.some((line) => line.includes("network net-one config.raw.dnsmasq")));
    assert.deepEqual(planned.filter((line) => line.endsWith("BREACH")), []);
    await lab.write("infra.yml", INFRA);
  });

  await t.step(
    "a forward of Incus's is told, and that a machine would go when it stops",
    async () => {
      await incus("network", "forward", "create", "net-one", "198.51.100.9");
      assert.match(flat((await lab.try(["doctor"])).stdout), /forwards .*net-one 198\.51\.100\.9/);
      await incus("network", "forward", "delete", "net-one", "198.51.100.9");
      const patch = ["--request", "PATCH", "--data", '{"ephemeral":true}'];
      await incus("query", ...patch, "/1.0/instances/hand?project=one");
      assert.deepEqual(lines(await check(lab)), [
        "update instance one/hand deleted when it stops: true -> false in-place",
      ]);
      await isClosed(lab);
    },
  );

  await t.step("a machine that left infra.yml is looked at all the same", async () => {
    await lab.write("infra.yml", INFRA.replace(/ +hand: .*\n/, ""));
    assert.match(
      flat((await lab.anklume(["status"])).stdout),
      /1 resource that infra\.yml no longer/,
    );
    await device("add", "hand", "x", "disk", "source=/", "path=/hostroot");
    const status = await lab.anklume(["status"]);
    assert.match(status.stdout, /^BREACH {4}instance one\/hand: devices\.x is open$/m);
    const { stdout } = await lab.anklume(["check"]);
    assert.match(
      flat(stdout),
      /anklume does not change what infra.yml no longer declares: close it with incus/,
    );
    await lab.write("infra.yml", INFRA);
    await isClosed(lab);
  });

  await t.step("a domain that is switched off is looked at all the same", async () => {
    await lab.write("infra.yml", INFRA.replace("  one:\n", "  one:\n    enabled: false\n"));
    await lab.anklume(["apply", "--infra"]);
    await device("add", "web", "x", "disk", "source=/", "path=/hostroot");
    const status = await lab.anklume(["status"]);
    assert.match(status.stdout, /^BREACH {4}instance one\/web: devices\.x is open$/m);
    assert.doesNotMatch(status.stdout, /all as declared/);
    const { stdout } = await lab.anklume(["check"]);
    assert.match(stdout, /anklume changes nothing in one \(`enabled: false`\)/);
    await lab.write("infra.yml", INFRA);
    await isClosed(lab);
  });
});

Deno.test("a machine that somebody made ephemeral goes with its plug, and destroying it is done", async () => {
  await using lab = await Lab.create(INFRA.replace(/ +(devices: .*said|bypasses).*\n/g, ""));
  await lab.anklume(["apply", "--infra"]);
  await incus(
    "query",
    "--request=PATCH",
    '--data={"ephemeral":true}',
    "/1.0/instances/web?project=one",
  );
  await lab.anklume(["destroy", "--force", "--yes"]);
  assert.deepEqual(await liveInstances(), []);
});

Deno.test("a foreign machine among anklume's is named", async () => {
  await using lab = await Lab.create(INFRA.replace(/ +(devices: .*said|bypasses).*\n/g, ""));
  await lab.anklume(["apply", "--infra"]);
  await incus("launch", IMAGE, "guest", ...one, "--storage", "default", "--network", "net-one");
  await incus("config", "device", "add", ...one, "guest", "eth1", "nic", "network=net-two");
  await incus("init", IMAGE, "idle", ...one, "--storage", "default");
  await incus(
    "config",
    "device",
    "add",
    ...one,
    "idle",
    "d",
    "nic",
    "nictype=bridged",
    "parent=docker0",
  );
  await incus("init", IMAGE, "visitor", "--storage", "default", "--network", "net-two");
  try {
    const { stdout } = await lab.anklume(["status"]);
    for (
      const line of [
        "Foreign   instance one/guest (running) is not anklume's; ",
        "Foreign   instance one/idle (stopped) is not anklume's; ",
        "Foreign   instance default/visitor (stopped) is not anklume's; ",
      ]
    ) assert.ok(stdout.replaceAll(/\n {10}/g, " ").includes(line), stdout);
    assert.match(stdout, /d \(nic docker0\),\s+past the firewall/);
    assert.match(flat(stdout), /; 3 foreign machines\. $/);
    // The rules isolate them; they are not anklume's to change, nor are their ports.
    assert.deepEqual(lines(await check(lab)), []);
    assert.doesNotMatch(stdout, /BREACH/);
    const text = (await lab.anklume(["check"])).stdout;
    assert.match(text, /instance one\/idle \(stopped\)/);
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
    assert.match((await lab.anklume(["network", "verify"])).stdout, /one\/idle \(stopped\)/);
    assert.match((await lab.try(["doctor"])).stdout, /one\/idle \(stopped\)/);
    await lab.anklume(["apply", "--infra"]);
    const plug = `volatile.eth0.host_name`;
    const [port] = (await incus("config", "get", ...one, "guest", plug)).split("\n");
    assert.match(await must(["ip", "link", "show", "master", "net-one"]), new RegExp(`${port}@`));
    const left = (await liveInstances()).map(({ name }) => name).sort();
    assert.deepEqual(left, ["box", "guest", "hand", "idle", "visitor", "web"]);
  } finally {
    for (const name of ["guest", "idle"]) await run(["incus", "delete", "-f", ...one, name]);
    await run(["incus", "delete", "-f", "visitor"]);
  }
});
