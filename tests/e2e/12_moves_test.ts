import assert from "node:assert/strict";
import { runAndKill } from "./_killer.ts";
import {
  eventually,
  IMAGE,
  killDaemon,
  Lab,
  liveInstances,
  must,
  run,
  startDaemon,
} from "./_lab.ts";
import { check, expectEmpty, lines, sh, snapshots } from "./_plan.ts";

const HEAD = `project_name: moves\nglobal: { default_os_image: "${IMAGE}" }\ndomains:\n`;
const VOLUME = "storage_volumes: { data: { path: /data, size: 64MiB } }";

/** Writes a file to the root disk and one to the volume, and takes a snapshot. */
async function fill(domain: string, machine: string): Promise<void> {
  await sh(domain, machine, "echo root > /root/mine; echo volume > /data/mine");
  await must(["incus", "snapshot", "create", "--project", domain, machine, "before"]);
}

async function expectKept(
  domain: string,
  machine: string,
  taken: readonly string[] = ["before"],
): Promise<void> {
  // Right after a start Incus may not run commands yet.
  await eventually(
    "both files are there",
    async () => await sh(domain, machine, "cat /root/mine /data/mine") === "root\nvolume",
  );
  assert.deepEqual(await snapshots(domain, machine), taken);
}

Deno.test("a renamed machine, a moved one and a renamed domain keep disk, volume, snapshots and their set", async () => {
  await using lab = await Lab.create(
    `${HEAD}  one: { ephemeral: true, machines: { web: { ${VOLUME} } } }\n`,
  );
  await lab.anklume(["apply", "--infra"]);
  await fill("one", "web");
  await lab.anklume(["snapshot", "create", "mine"]);
  const taken = ["before", "mine"];
  const theirs = ["--project", "one", "web", "vol-data", "propagation=private"];
  await must(["incus", "config", "device", "set", ...theirs]);
  const mac = (await liveInstances())[0]!.devices.eth0!.hwaddr;

  // Renamed, in its domain: address and MAC stay the same.
  const ip = (await liveInstances())[0]!.devices.eth0!["ipv4.address"];
  await lab.write(
    "infra.yml",
    `${HEAD}  one: { ephemeral: true, machines: { www: { renamed_from: web, ${VOLUME} } } }\n`,
  );
  const renaming = await check(lab);
  const machines = renaming.changes.filter(({ resource }) => resource.startsWith("instance"));
  assert.deepEqual(machines.map(({ from, effect }) => [from, effect]), [
    ["instance one/web", "restart"],
  ]);
  assert.ok(lines(renaming).includes("update instance one/www name: web -> www restart"));
  assert.deepEqual(renaming.orphans, []);
  const refused = await lab.anklume(["apply", "--infra"], 1);
  assert.match(refused.stderr, /--yes/);
  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);
  await expectKept("one", "www", taken);
  const [www] = await liveInstances();
  assert.equal(www!.devices.eth0!.hwaddr, mac);
  assert.equal(www!.devices.eth0!["ipv4.address"], ip);

  // Moved to another domain: the machine is found by its name.
  await lab.write(
    "infra.yml",
    `${HEAD}  one: { ephemeral: true, machines: {} }\n` +
      `  two: { ephemeral: true, machines: { www: { ${VOLUME} } } }\n`,
  );
  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);
  await expectKept("two", "www", taken);
  assert.deepEqual((await liveInstances()).map(({ project, name }) => `${project}/${name}`), [
    "two/www",
  ]);
  const kept = (await liveInstances())[0]!.devices["vol-data"]!;
  assert.deepEqual([kept.source, kept.propagation], ["www-data", "private"]);

  // The domain is renamed: its machine moves, and its empty resources are deleted.
  await lab.write(
    "infra.yml",
    `${HEAD}  three: { renamed_from: two, ephemeral: true, machines: { www: { ${VOLUME} } } }\n`,
  );
  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);
  await expectKept("three", "www", taken);
  const { orphans } = await check(lab);
  assert.deepEqual(orphans.map(({ resource }) => resource).sort(), [
    "network net-one",
    "project one",
  ]);
  assert.ok(orphans.every(({ createdAt }) => createdAt !== undefined), "each has an age");

  // The set follows, also after the project with its note is deleted, and it restores the machine
  // at its new place.
  await lab.anklume(["apply", "--infra", "--yes", "--prune"]);
  await sh("three", "www", "echo new > /root/mine; echo new > /data/mine");
  const [mine] = await setsCalled(lab, "mine");
  assert.equal(mine!.complete, true);
  assert.deepEqual(
    mine!.members.map(({ project, machine, before }) => [project, machine, before]),
    [
      ["three", "www", { project: "one", machine: "web" }],
    ],
  );
  await lab.anklume(["snapshot", "restore", "mine", "--yes", "--no-safety"]);
  await expectEmpty(lab);
  await expectKept("three", "www", taken);
  await lab.anklume(["snapshot", "delete", "mine", "--yes"]);
  assert.deepEqual(await snapshots("three", "www"), ["before"]);
  assert.deepEqual(await setsCalled(lab, "mine"), []);
});

interface ListedSet {
  readonly name: string;
  readonly complete: boolean;
  readonly members: readonly { project: string; machine: string; before?: unknown }[];
}

async function setsCalled(lab: Lab, name: string): Promise<ListedSet[]> {
  const { stdout } = await lab.anklume(["snapshot", "list", "--json"]);
  const { sets } = JSON.parse(stdout) as { readonly sets: readonly ListedSet[] };
  return sets.filter((set) => set.name === name);
}

Deno.test("another pool is a move, not a loss", async () => {
  await using host = new AsyncDisposableStack();
  const undo = (argv: readonly string[]) => host.defer(async () => void await must(argv));
  await must(["incus", "storage", "create", "second", "btrfs", "size=2GiB"]);
  undo(["incus", "storage", "delete", "second"]);
  const tiny = await Deno.makeTempDir();
  host.defer(() => Deno.remove(tiny));
  await must(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tiny]);
  undo(["umount", tiny]);
  await must(["incus", "storage", "create", "tiny", "dir", `source=${tiny}`]);
  // After a failed copy Incus 7.0.2 leaves the new volume mounted.
  undo([
    "sh",
    "-c",
    `incus storage delete tiny || {
    umount -l /var/lib/incus/storage-pools/tiny/custom/*; incus storage delete tiny; }`,
  ]);
  await using lab = await Lab.create(
    `${HEAD}  one: { ephemeral: true, machines: { web: { ${VOLUME} } } }\n`,
  );
  await lab.anklume(["apply", "--infra"]);
  await fill("one", "web");
  const disk = ["config", "device", "set", "--project", "one", "web"];
  await must(["incus", ...disk, "vol-data", "propagation=private"]);
  // Incus 7 changes a root disk only while the machine is stopped.
  await lab.anklume(["stop", "web", "--force"]);
  await must(["incus", ...disk, "root", "boot.priority=7"]);
  await lab.anklume(["start", "web"]);
  const before = await lab.read("infra.yml");
  const inPool = (pool: string) =>
    lab.write("infra.yml", before.replace("global: {", `global: { storage_pool: ${pool},`));

  // There is no room: the machine runs on in its place, with all its data.
  await sh("one", "web", "head -c 4M /dev/urandom >/data/bulk; sync");
  await inPool("tiny");
  await lab.anklume(["apply", "--infra", "--yes"], 1);
  await expectKept("one", "web");
  const [stayed] = await liveInstances();
  assert.equal(stayed!.devices["vol-data"]!.propagation, "private");
  await lab.write("infra.yml", before);
  await expectEmpty(lab);

  await inPool("second");
  const planned = lines(await check(lab));
  assert.ok(
    planned.includes(
      "update instance one/web devices.root.pool: default -> second restart",
    ),
    planned.join("\n"),
  );
  assert.ok(
    planned.includes(
      "update instance one/web volumes.web-data: volume one/web-data -> volume second:one/web-data in-place",
    ),
    planned.join("\n"),
  );
  // Killed while the volume is detached from the machine.
  const stopped = { at: 2, when: "after" } as const;
  const { requests, said } = await runAndKill(lab.dir, ["apply", "--infra", "--yes"], stopped);
  assert.match(requests.at(-1) ?? "", /^PUT .*\/1.0\/instances\/web$/, said);
  // Incus had accepted the request when it answered.
  await eventually(
    "the volume is taken out",
    async () => (await liveInstances())[0]!.devices["vol-data"] === undefined,
  );
  const { stderr } = await lab.anklume(["start", "web"], 2);
  assert.match(stderr, /Not started: web was being moved/);
  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);
  await expectKept("one", "web");
  const { devices } = (await liveInstances())[0]!;
  assert.equal(devices["vol-data"]!.pool, "second");
  assert.equal(devices["vol-data"]!.propagation, "private", "what others set goes along");
  assert.equal(devices.root!["boot.priority"], "7");
});

Deno.test("a daemon that dies in the middle of a move loses nothing", async () => {
  // A driver that copies each file.
  await must(["incus", "storage", "create", "slow", "dir"]);
  try {
    const head = HEAD.replace("global: {", "global: { storage_pool: slow,");
    const [ones, twos] = [["web", ""], ["", "web"]].map(([one, two]) =>
      `${head}${
        [["one", one], ["two", two]].map(([domain, machine]) =>
          `  ${domain}: { ephemeral: true, machines: { ${machine ? `web: { ${VOLUME} }` : ""} } }\n`
        ).join("")
      }`
    );
    await using lab = await Lab.create(ones);
    await lab.anklume(["apply", "--infra"]);
    await fill("one", "web");
    await sh("one", "web", "head -c 60M /dev/urandom >/root/bulk; seq 5000 >/root/last; sync");
    // Once with half a copy, once with half an original.
    for (
      const [text, words, domain] of [
        [twos!, /moving from instance one\/web/, "two"],
        [ones!, /deleting the original/, "one"],
      ] as const
    ) {
      await lab.write("infra.yml", text);
      const moving = await lab.startUntil(["apply", "--infra", "--yes"], words);
      await eventually("there are two", async () => (await liveInstances()).length === 2);
      await killDaemon();
      const { code, said } = await moving.end();
      assert.equal(code, 1, said);
      await startDaemon();
      assert.equal((await liveInstances()).length, 2, "the move was under way");
      if (domain === "two") {
        const { stderr } = await lab.anklume(["start", "web"], 2);
        assert.match(stderr, /the move is not finished/);
      }
      assert.deepEqual(
        (await check(lab)).orphans.filter(({ resource }) => /web/.test(resource)),
        [],
      );
      await lab.anklume(["apply", "--infra", "--yes", "--prune"]);
      await expectEmpty(lab);
      await expectKept(domain, "web");
      assert.equal(await sh(domain, "web", "tail -1 /root/last"), "5000");
      assert.equal((await liveInstances()).length, 1);
    }
  } finally {
    await run(["incus", "storage", "delete", "slow"]);
  }
});

Deno.test("a machine of which a dying daemon left only the record is made anew", async () => {
  const machine = (state: string) =>
    `${HEAD}  one: { ephemeral: true, machines: { web: { state: ${state} } } }\n`;
  await using lab = await Lab.create(machine("stopped"));
  await lab.anklume(["apply", "--infra"]);
  const disk = "/var/lib/incus/storage-pools/default/containers/one_web";
  await must(["btrfs", "subvolume", "delete", disk]);
  const forget = "DELETE FROM storage_volumes WHERE name = 'web'";
  await must(["incus", "admin", "sql", "global", forget]);
  await lab.write("infra.yml", machine("running"));
  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);

  // A machine that has run is not deleted for a lost disk: the user may know where the disk is.
  await must(["incus", "stop", "--force", "--project", "one", "web"]);
  await must(["mv", disk, `${disk}.away`]);
  const { stdout } = await lab.anklume(["apply", "--infra", "--yes"], 1);
  assert.match(stdout, /Failed: 1 resource/);
  // The failed start made a directory.
  await must(["rm", "--dir", "--force", disk]);
  await must(["mv", `${disk}.away`, disk]);
  await lab.anklume(["apply", "--infra", "--yes"]);
  await expectEmpty(lab);
});

Deno.test("an edited image: a new root disk, and the volumes and snapshots stay", async () => {
  await using lab = await Lab.create(
    `${HEAD}  one: { machines: { web: { ${VOLUME} }, web-fresh: { state: stopped } } }\n`,
  );
  await lab.anklume(["apply", "--infra"]);
  const namesake = async () =>
    (await liveInstances()).find(({ name }) => name === "web-fresh")?.config["volatile.uuid"];
  const itself = await namesake();
  await fill("one", "web");
  const { fingerprint } = JSON.parse(
    await must(["incus", "query", "/1.0/images/aliases/anklume-test"]).then((text) =>
      text.replace('"target"', '"fingerprint"')
    ),
  ) as { fingerprint: string };
  const before = await lab.read("infra.yml");
  await lab.write("infra.yml", before.replace("web: {", `web: { image: "local:${fingerprint}",`));

  const planned = await check(lab);
  assert.deepEqual(lines(planned).filter((line) => line.includes("snapshots:")), []);
  assert.equal(planned.changes[0]!.needsForce, true, "ephemeral: false protects");
  const { stdout } = await lab.anklume(["check"]);
  assert.match(
    stdout.replace(/\s+/g, " "),
    /loses its root disk; its volumes stay/,
  );

  // Without --force nothing is changed, and with it but without consent neither.
  await lab.anklume(["apply", "--infra", "--yes"], 1);
  await lab.anklume(["apply", "--infra", "--force"], 1);
  await expectKept("one", "web");

  // An image that cannot be started: the old machine is restored.
  const broken = "local:broken";
  await must(["bash", "-c", BROKEN_IMAGE]);
  try {
    await lab.write("infra.yml", before.replace("web: {", `web: { image: "${broken}",`));
    const failed = await lab.anklume(["apply", "--infra", "--force", "--yes"], 1);
    assert.match(failed.stdout, /Failed: 1 resource/);
    await expectKept("one", "web");
    await lab.write("infra.yml", before);
    await expectEmpty(lab);
  } finally {
    await run(["incus", "image", "delete", "broken"]);
  }

  await lab.write("infra.yml", before.replace("web: {", `web: { image: "local:${fingerprint}",`));
  await lab.anklume(["apply", "--infra", "--force", "--yes"]);
  await expectEmpty(lab);
  assert.equal(await sh("one", "web", "cat /data/mine; ls /root"), "volume");
  assert.deepEqual(await snapshots("one", "web"), ["before"]);
  const live = await liveInstances();
  assert.deepEqual(live.map(({ name }) => name).sort(), ["web", "web-fresh"]);
  assert.ok(live.every(({ config }) => config["user.anklume.fresh"] === undefined));
  assert.equal(await namesake(), itself, "a machine called as what holds a new disk is another");

  // Without snapshots Incus rebuilds in place, and fails halfway: the old disk is gone, and the
  // image cannot be unpacked.
  await must(["incus", "snapshot", "delete", "--project", "one", "web", "before"]);
  const disk = ["--project", "one", "web", "vol-data", "propagation=private"];
  await must(["incus", "config", "device", "set", ...disk]);
  await must(["bash", "-c", TRUNCATED_IMAGE, "-", fingerprint]);
  try {
    await lab.write("infra.yml", before.replace("web: {", 'web: { image: "local:truncated",'));
    for (const words of [/rebuilding/, /creating the new disk/]) {
      const failed = await lab.anklume(["apply", "--infra", "--force", "--yes"], 1);
      assert.match(failed.stdout, words);
      assert.match(failed.stdout, /Unpack failed/);
    }
  } finally {
    await run(["incus", "image", "delete", "truncated"]);
  }
  await lab.write("infra.yml", before);
  await lab.anklume(["apply", "--infra", "--force", "--yes"]);
  await expectEmpty(lab);
  assert.equal(await sh("one", "web", "cat /data/mine; ls /root"), "volume");
  const rebuilt = await liveInstances();
  assert.deepEqual(rebuilt.map(({ name }) => name).sort(), ["web", "web-fresh"]);
  const web = rebuilt.find(({ name }) => name === "web")!;
  assert.equal(web.devices["vol-data"]!.propagation, "private", "what others set stays");
  assert.equal(await namesake(), itself);
});

/** Makes an image with half of it missing. */
const TRUNCATED_IMAGE = `
set -e
dir=$(mktemp -d); cd "$dir"
printf 'architecture: x86_64\\ncreation_date: 1700000000\\nproperties: {os: none}\\n' >metadata.yaml
tar czf metadata.tar.gz metadata.yaml
head -c 1M "/var/lib/incus/images/$1.rootfs" >rootfs.squashfs
incus image import metadata.tar.gz rootfs.squashfs --alias truncated >/dev/null
rm -rf "$dir"
`;

/** Makes an image without an init. */
const BROKEN_IMAGE = `
set -e
dir=$(mktemp -d); cd "$dir"; mkdir -p rootfs/etc
printf 'architecture: x86_64\\ncreation_date: 1700000000\\nproperties: {os: none}\\n' >metadata.yaml
tar czf image.tar.gz metadata.yaml rootfs
incus image import image.tar.gz --alias broken >/dev/null
rm -rf "$dir"
`;
