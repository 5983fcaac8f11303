import assert from "node:assert/strict";
import { IMAGE, inMachine, Lab, liveInstances, must, query } from "./_lab.ts";

const MOUNT = "/var/tmp/anklume-small-pool";
const INFRA = `project_name: dir
global: { default_os_image: "${IMAGE}", storage_pool: small }
domains:
  dir:
    ephemeral: true
    machines:
      dir-one: { storage_volumes: { data: { path: /data, pool: small } } }
`;

/** Makes a pool whose driver copies, and which a few copies fill. */
async function smallPool(): Promise<AsyncDisposable> {
  await must(["mkdir", "-p", MOUNT]);
  await must(["mount", "-t", "tmpfs", "-o", "size=900m", "tmpfs", MOUNT]);
  await must(["incus", "storage", "create", "small", "dir", `source=${MOUNT}`]);
  return {
    [Symbol.asyncDispose]: async () => {
      await must(["incus", "storage", "delete", "small"]);
      await must(["umount", MOUNT]);
    },
  };
}

async function word(): Promise<string> {
  return (await inMachine("dir", "dir-one", "cat", "/root/word", "/data/word")).stdout;
}

async function put(text: string): Promise<void> {
  const script = `echo ${text} > /root/word; echo ${text} > /data/word`;
  const { code, stderr } = await inMachine("dir", "dir-one", "sh", "-c", script);
  assert.equal(code, 0, stderr);
}

Deno.test("on a dir pool a set goes back too, and one that does not fit is taken back whole", async () => {
  await using _pool = await smallPool();
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  await put("before");
  const { stdout } = await lab.anklume(["snapshot", "create", "one"]);
  assert.match(stdout, /pool small \(dir\): each snapshot is a full copy/);
  await put("after");
  await lab.anklume(["snapshot", "restore", "one", "--yes", "--no-safety"]);
  assert.equal(await word(), "before\nbefore\n");
  await lab.anklume(["check", "--exit-code"]);

  // Fill the pool, so that no further copy fits.
  await must(["sh", "-c", `head -c 2G /dev/zero > ${MOUNT}/ballast 2>/dev/null || true`]);
  const full = await lab.anklume(["snapshot", "create", "two", "--consistent"], 1);
  assert.match(full.stderr, /no space left/i);
  assert.match(full.stderr, /storage pool is full/);
  assert.match(full.stderr, /Nothing of two was kept/);
  assert.equal((await liveInstances())[0]?.status, "Running");
  await must(["rm", `${MOUNT}/ballast`]);
  const snapshots = await query<string[]>("/1.0/instances/dir-one/snapshots?project=dir");
  assert.deepEqual(snapshots.map((url) => url.split("?")[0]?.split("/").at(-1)), ["one"]);
  const project = await query<{ config: Record<string, string> }>("/1.0/projects/dir");
  assert.equal(project.config["user.anklume.snapshot.two"], undefined);
});
