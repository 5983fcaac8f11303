import assert from "node:assert/strict";
import { LINGER } from "../_linger.ts";
import { BINARY, eventually, IMAGE, Lab, must, run } from "./_lab.ts";

/*
 * The testbed has no systemd, so the unit that answers an admin container runs there under a
 * replacement. Here a container with its own systemd acts as the host: it needs no Incus for that.
 */

const HOST = "unit-host";
const WORKSPACE = "/srv/lab";

function inHost(...argv: string[]): Promise<string> {
  return must(["incus", "exec", HOST, "--", ...LINGER, ...argv]);
}

async function push(file: string, to = file): Promise<void> {
  await must(["incus", "file", "push", "--quiet", "--create-dirs", file, `${HOST}${to}`]);
}

/** Copies nft, its libraries and the names of protocols from the testbed's own Debian. */
async function pushNft(): Promise<void> {
  const libraries = (await must(["ldd", "/usr/sbin/nft"])).matchAll(/=> (\/\S+)/g);
  const missing = [...libraries].map(([, path]) => path!).filter((path) =>
    !/lib(c|m)\.so/.test(path)
  );
  for (const file of ["/usr/sbin/nft", "/etc/protocols", ...missing]) {
    await push(await Deno.realPath(file), file);
  }
}

const ASK = `
import json, os, sys, time, uuid
os.chdir("${WORKSPACE}/.anklume/host")
request = {"format": 1, "action": sys.argv[1]}
if len(sys.argv) > 2: request["ruleset"] = open(sys.argv[2]).read()
name = f"{uuid.uuid4()}.json"
open("requests/.one", "w").write(json.dumps(request))
os.rename("requests/.one", f"requests/{name}")
for _ in range(200):
    if os.path.exists(f"answers/{name}"): break
    time.sleep(0.05)
print(open(f"answers/{name}").read()); os.remove(f"answers/{name}")
`;

async function ask(...args: string[]): Promise<{ ok: boolean; message?: string }> {
  return JSON.parse(await inHost("python3", "-c", ASK, ...args));
}

Deno.test("under a real systemd the host's unit answers, refuses, and is there after a restart", async () => {
  await using lab = await Lab.create(
    `project_name: unit\nglobal: { default_os_image: "${IMAGE}" }\n` +
      "domains: { one: { ephemeral: true, machines: { web: {} } } }\n",
  );
  await lab.anklume(["network", "deploy"]);
  await must(["incus", "launch", "--quiet", IMAGE, HOST]);
  try {
    await eventually("the host is up", async () => {
      const { stdout } = await run([
        "incus",
        "exec",
        HOST,
        "--",
        ...LINGER,
        "systemctl",
        "is-system-running",
      ]);
      return /running|degraded/.test(stdout);
    });
    await push(BINARY, "/usr/local/bin/anklume");
    await pushNft();
    for (const file of ["infra.yml", "infra.lock.yml"]) {
      await push(`${lab.dir}/${file}`, `${WORKSPACE}/${file}`);
    }
    await push("/etc/anklume/unit.nft", "/root/unit.nft");
    // Without Incus nothing is loaded.
    await inHost("sh", "-c", `cd ${WORKSPACE} && anklume host install`);
    const blind = await ask("load", "/root/unit.nft");
    assert.equal(blind.ok, false);
    assert.match(blind.message ?? "", /Incus/);
    await inHost("mkdir", "-p", "/var/lib/incus");
    const socket = "unix:/var/lib/incus/unix.socket";
    const proxy = [`connect=${socket}`, `listen=${socket}`, "bind=instance"];
    await must(["incus", "config", "device", "add", HOST, "socket", "proxy", ...proxy]);
    await inHost("sh", "-c", `cd ${WORKSPACE} && anklume host install`);
    assert.match(await inHost("sh", "-c", `cd ${WORKSPACE} && anklume host status`), /listens/);

    assert.equal((await ask("look")).ok, true);
    assert.equal((await ask("load", "/root/unit.nft")).ok, true);
    const tables = ["inet", "bridge", "arp"].map((family) => `table ${family} anklume_unit`);
    assert.deepEqual((await inHost("nft", "list", "tables")).trim().split("\n"), tables);
    await inHost("sh", "-c", "echo 'table inet theirs { }' >/root/theirs.nft");
    const refused = await ask("load", "/root/theirs.nft");
    assert.equal(refused.ok, false);
    assert.match(refused.message ?? "", /The host refused: it is not what is rendered/);
    assert.deepEqual((await inHost("nft", "list", "tables")).trim().split("\n"), tables);

    await must(["incus", "restart", "--force", HOST]);
    await eventually("the unit is back", async () => {
      const asked = ["systemctl", "is-active", "anklume-handover-unit.path"];
      return (await run(["incus", "exec", HOST, "--", ...LINGER, ...asked])).stdout.trim() ===
        "active";
    });
    assert.equal((await ask("read", "/root/unit.nft")).ok, true);
    await inHost("sh", "-c", `cd ${WORKSPACE} && anklume host uninstall`);
    assert.equal(
      (await run(["incus", "exec", HOST, "--", "systemctl", "cat", "anklume-handover-unit.path"]))
        .code,
      1,
    );
  } finally {
    await run(["incus", "delete", "--force", HOST]);
  }
});
