/** A workspace that is not the current directory: `-C`, `ANKLUME_WORKSPACE`, a directory below. */
import assert from "node:assert/strict";
import { anklume, run, shell, SMALL, withWorkspace } from "./binary.ts";

Deno.test("-C, ANKLUME_WORKSPACE and a directory below lead to the same workspace", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const below = `${cwd}/notes/two words`;
    await Deno.mkdir(below, { recursive: true });
    const here = await anklume(["validate"], { cwd });
    assert.equal(here.code, 0, here.err);
    const name = cwd.split("/").at(-1)!;
    for (
      const [args, options] of [
        [["-C", cwd, "validate"], { cwd: "/" }],
        [["-C", "..", "-C", name, "validate"], { cwd }],
        [["validate"], { cwd: "/", env: { ANKLUME_WORKSPACE: cwd } }],
        [["validate"], { cwd: below }],
        // The nearer word wins.
        [["-C", cwd, "validate"], { cwd: "/", env: { ANKLUME_WORKSPACE: "/nowhere" } }],
      ] as const
    ) {
      assert.deepEqual(await anklume(args, options), here, args.join(" "));
    }
  });
});

Deno.test("the status, standard input and mistakes come through from a directory below", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const below = `${cwd}/below`;
    await Deno.mkdir(below);
    await Deno.writeTextFile(`${cwd}/infra.yml`, "project_name: [\n");
    const { code, err } = await anklume(["validate"], { cwd: below });
    assert.equal(code, 2);
    assert.match(err, /^ *--> infra\.yml:/m);
  });
});

Deno.test("a directory that is missing, closed or without a workspace is named", async () => {
  await withWorkspace(undefined, async (cwd) => {
    const missing = await anklume(["-C", "nowhere", "status"], { cwd });
    assert.equal(missing.code, 2);
    assert.match(missing.err, /There is no directory nowhere/);
    assert.equal((await anklume(["-C"], { cwd })).code, 2);
    const none = await anklume(["validate"], { cwd });
    assert.equal(none.code, 2);
    assert.match(none.err, /NO_INFRA.*here or above/);
  });
});

Deno.test("a workspace above that belongs to another user is not used", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    await Deno.mkdir(`${cwd}/below`);
    const validate = () => anklume(["validate"], { cwd: `${cwd}/below` });
    await Deno.chown(`${cwd}/infra.yml`, 65534, 65534);
    const { code, err } = await validate();
    assert.equal(code, 2, err);
    assert.match(err.replaceAll(/\s+/g, " "), /belongs to another user/);
    // Nor a link to somebody's file.
    await Deno.rename(`${cwd}/infra.yml`, `${cwd}/theirs.yml`);
    await Deno.symlink("theirs.yml", `${cwd}/infra.yml`);
    assert.match((await validate()).err, /NO_INFRA/);
    // One's own directory in one's own workspace is used, also by root.
    await Deno.remove(`${cwd}/infra.yml`);
    await Deno.rename(`${cwd}/theirs.yml`, `${cwd}/infra.yml`);
    await run(["chown", "-R", "65534:65534", cwd]);
    assert.equal((await validate()).code, 0);
  });
});

Deno.test("SIGTERM to the first process ends the second", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    // A daemon that never answers keeps `status` busy.
    const { out } = await shell(
      `mkdir -p below; cd below
      unshare --mount sh -c '
        mount -t tmpfs tmpfs /var/lib; mkdir /var/lib/incus
        python3 -c "import socket,time; s=socket.socket(socket.AF_UNIX); s.bind(\\"/var/lib/incus/unix.socket\\"); s.listen(); time.sleep(30)" &
        server=$!
        sleep 0.5
        "$BIN" status >/dev/null 2>&1 &
        first=$!
        sleep 1
        kill -TERM $first
        wait $first
        echo "status $?"
        kill $server
        pgrep -f "$BIN --started-below" >/dev/null || echo gone'`,
      { cwd },
    );
    assert.match(out, /^status (?:130|1)$/m);
    assert.match(out, /^gone$/m);
  });
});

Deno.test("the installed program is what is started again", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const { out } = await shell(
      `cp "$BIN" ./mine; ./mine -C . --version; "$BIN" --version; cd /; exec -a odd-name "${cwd}/mine" -C "${cwd}" validate`,
      { cwd },
    );
    const [mine, theirs] = out.split("\n");
    assert.equal(mine, theirs);
    assert.match(out, /is valid/);
  });
});
