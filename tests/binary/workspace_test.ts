import assert from "node:assert/strict";
import { anklume, BIN, looksLikeATrace, shell, SMALL, withWorkspace } from "./binary.ts";

for (const template of ["minimal", "workstation", "classroom"]) {
  Deno.test(`init --template ${template} makes a workspace that validates and syncs`, async () => {
    await withWorkspace(undefined, async (cwd) => {
      const made = await anklume(["init", "--template", template, "--image", "local:x"], { cwd });
      assert.deepEqual({ code: made.code, err: made.err }, { code: 0, err: "" });
      assert.match(made.out, /Wrote infra\.yml, \.gitignore, \.anklume\/schema\.json/);
      const valid = await anklume(["validate"], { cwd });
      assert.deepEqual({ code: valid.code, err: valid.err }, { code: 0, err: "" });
      const first = await anklume(["sync"], { cwd });
      assert.equal(first.code, 0, first.err);
      const again = await anklume(["sync"], { cwd });
      assert.match(again.out, /^Workspace: \d+ unchanged\.\n$/);
    });
  });
}

Deno.test("init overwrites nothing", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const { code, err } = await anklume(["init"], { cwd });
    assert.equal(code, 2);
    assert.match(err, /infra\.yml exists already and is not changed/);
    assert.equal(await Deno.readTextFile(`${cwd}/infra.yml`), SMALL);
    assert.deepEqual([...Deno.readDirSync(cwd)].map(({ name }) => name), ["infra.yml"]);
  });
});

Deno.test("init keeps a .gitignore that stands", async () => {
  await withWorkspace(undefined, async (cwd) => {
    await Deno.writeTextFile(`${cwd}/.gitignore`, "mine\n");
    assert.equal((await anklume(["init"], { cwd })).code, 0);
    assert.equal(await Deno.readTextFile(`${cwd}/.gitignore`), "mine\n");
  });
});

Deno.test("init DIR makes a workspace below, and refuses to go elsewhere", async () => {
  await withWorkspace(undefined, async (cwd) => {
    const { code, out } = await anklume(["init", "labs/first"], { cwd });
    assert.equal(code, 0);
    assert.match(out, /`cd labs\/first`/);
    assert.match(await Deno.readTextFile(`${cwd}/labs/first/infra.yml`), /^project_name: first$/m);
    for (const elsewhere of ["..", "../x", "/tmp/x", "labs/../../x"]) {
      const refused = await anklume(["init", elsewhere], { cwd });
      assert.equal(refused.code, 2, elsewhere);
      assert.match(refused.err, /is not below the current directory/);
    }
  });
});

Deno.test("init writes through no symbolic link", async () => {
  await withWorkspace(undefined, async (cwd) => {
    await Deno.mkdir(`${cwd}/inside`);
    await Deno.symlink("/tmp", `${cwd}/inside/link`);
    const { code, err } = await anklume(["init", "inside/link/anklume-escape"], { cwd });
    assert.equal(code, 1);
    assert.match(err, /its\s+path\s+contains\s+a\s+symbolic\s+link/);
  });
});

Deno.test("a directory without infra.yml is a wrong input, with what to do", async () => {
  await withWorkspace(undefined, async (cwd) => {
    for (const verb of ["validate", "sync", "check", "apply", "status", "destroy"]) {
      const { code, out, err } = await anklume([verb], { cwd });
      assert.equal(code, 2, verb);
      assert.equal(out, "", verb);
      assert.match(err, /There is no `infra\.yml` and no/, verb);
      assert.match(err, /anklume init/, verb);
    }
    assert.deepEqual([...Deno.readDirSync(cwd)], []);
  });
});

Deno.test("mistakes are reported all at once, with their places, and nothing is written", async () => {
  const infra =
    "project_name: t\ndomains:\n  lab:\n    machines:\n      lab-one: { roels: [a] }\n" +
    "      lab-two: { ip: 10.0.0.300 }\n";
  await withWorkspace(infra, async (cwd) => {
    for (const verb of ["validate", "sync", "check", "apply", "status"]) {
      const { code, err } = await anklume([verb], { cwd });
      assert.equal(code, 2, verb);
      assert.match(err, /infra\.yml:5:18/, verb);
      assert.match(err, /roles/, verb);
      assert.match(err, /infra\.yml:6:/, verb);
    }
    assert.deepEqual([...Deno.readDirSync(cwd)].map(({ name }) => name), ["infra.yml"]);
  });
});

Deno.test("validate --json prints the diagnostics for a machine", async () => {
  await withWorkspace("project_name: t\nrolse: 1\n", async (cwd) => {
    const { code, out } = await anklume(["validate", "--json"], { cwd });
    assert.equal(code, 2);
    const { format, diagnostics } = JSON.parse(out);
    assert.equal(format, 1);
    const unknown = diagnostics.find(({ code }: { code: string }) => code === "UNKNOWN_KEY");
    assert.deepEqual(unknown.range.start, { line: 2, column: 1 });
  });
});

Deno.test("sync --dry-run shows a diff and writes nothing", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const { code, out } = await anklume(["sync", "--dry-run"], { cwd });
    assert.equal(code, 0);
    assert.match(out, /^\+\+\+ b\/inventory\/lab\.yml$/m);
    assert.deepEqual([...Deno.readDirSync(cwd)].map(({ name }) => name), ["infra.yml"]);
  });
});

Deno.test("a workspace that another program holds is refused, and no number that stands in the file is named", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    await Deno.mkdir(`${cwd}/.anklume`);
    const { code, out } = await shell(
      `flock --no-fork .anklume/lock sleep 30 & first=$!
       until [ -e .anklume/lock ] && ! flock -n .anklume/lock true; do sleep 0.05; done
       since=$(date -u -d '5 minutes ago 10 seconds ago' +%Y-%m-%dT%H:%M:%S.000Z)
       echo "{\\"pid\\":4711,\\"since\\":\\"$since\\"}" > .anklume/lock
       "$BIN" sync 2>&1; status=$?
       kill $first; exit $status`,
      { cwd },
    );
    assert.equal(code, 1, out);
    assert.match(
      out.replace(/\s+/g, " "),
      /Another program \(sleep, process \d+\) is working on this workspace: it holds \.anklume\/lock;/,
    );
    assert.doesNotMatch(out, /4711/);
  });
});

Deno.test("an unknown --domain is a wrong input that names the known ones", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const { code, err } = await anklume(["check", "--domain", "lba"], { cwd });
    assert.equal(code, 2);
    assert.match(err, /lba/);
    assert.match(err, /lab/);
    assert.equal(looksLikeATrace(err), false);
  });
});

/**
 * Kills a sync when it starts to write the first file of the tree: mostly it then writes another
 * one.
 */
async function killedWhileWriting(cwd: string): Promise<void> {
  using watcher = Deno.watchFs(cwd);
  const child = new Deno.Command(BIN, { args: ["sync"], cwd, stdout: "null" }).spawn();
  const seen = (async () => {
    for await (const { paths } of watcher) {
      if (paths.some((path) => path.endsWith(".tmp") && !path.includes("/.anklume/"))) return;
    }
  })();
  await Promise.race([seen, child.status]);
  try {
    child.kill("SIGKILL");
  } catch {
    // The sync has ended already.
  }
  await child.status;
}

Deno.test("what a killed sync was writing is removed by the next one", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    let left = "";
    for (let attempt = 0; attempt < 100 && left === ""; attempt++) {
      await shell(
        "rm -rf .anklume ansible.cfg inventory group_vars host_vars site.yml",
        { cwd },
      );
      await killedWhileWriting(cwd);
      left =
        (await shell(`find . -path ./.anklume -prune -o -name '.*-*-*-*-*.tmp' -print`, { cwd }))
          .out;
    }
    assert.notEqual(left, "", "no kill came while a file was written");
    const next = await anklume(["sync"], { cwd });
    assert.equal(next.code, 0, next.err);
    assert.match(next.out, /^ {2}removed {3}\S+\.tmp$/m);
    assert.equal((await shell("find . -name '.*.tmp'", { cwd })).out, "");
    assert.match((await anklume(["sync"], { cwd })).out, /^Workspace: \d+ unchanged\.\n$/);
  });
});

Deno.test("exec --json prints the diagnostics of a wrong infra.yml for a machine too", async () => {
  await withWorkspace("project_name: t\nrolse: 1\n", async (cwd) => {
    const { code, out } = await anklume(["exec", "--all", "--json", "--", "true"], { cwd });
    assert.equal(code, 2);
    assert.equal(JSON.parse(out).format, 1);
  });
});

Deno.test("a file that lies at the wrong place of infra/ is named, not left out in silence", async () => {
  await withWorkspace(undefined, async (cwd) => {
    await Deno.mkdir(`${cwd}/infra/domains/school`, { recursive: true });
    const write = (file: string, text: string) => Deno.writeTextFile(`${cwd}/infra/${file}`, text);
    await write("base.yml", "project_name: t\n");
    await write("domains/lab.yaml", "domains: { lab: {} }\n");
    assert.equal((await anklume(["validate"], { cwd })).code, 0);
    await write("policies.yaml", "network_policies: []\n");
    await write("domains/school/tp.yml", "domains: { tp: {} }\n");
    const { code, err } = await anklume(["validate"], { cwd });
    assert.equal(code, 2);
    assert.match(err, /STRAY_FILE.*infra\/policies\.yaml/);
    assert.match(err, /STRAY_FILE.*infra\/domains\/school\/tp\.yml/);
  });
});

Deno.test("roles copy carries on where one was cut short, and leaves a role alone that anybody changed", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const copy = () => anklume(["roles", "copy", "packages"], { cwd });
    const role = `${cwd}/roles/packages`;
    assert.equal((await copy()).code, 0);
    const whole = (await shell("find roles -type f | sort", { cwd })).out;
    assert.match((await copy()).err, /roles\/packages exists already/);

    // As after a full disk: the file that makes it a role for Ansible is written last.
    await Deno.remove(`${role}/tasks/main.yml`);
    assert.equal((await copy()).code, 0);
    assert.equal((await shell("find roles -type f | sort", { cwd })).out, whole);

    await Deno.remove(`${role}/tasks/main.yml`);
    await Deno.writeTextFile(`${role}/README.md`, "mine\n");
    const refused = await copy();
    assert.equal(refused.code, 2, refused.out);
    assert.match(refused.err, /roles\/packages exists already/);
    assert.equal(await Deno.readTextFile(`${role}/README.md`), "mine\n");
  });
});

Deno.test("roles show --json says what the text says", async () => {
  await withWorkspace(SMALL, async (cwd) => {
    const { code, out } = await anklume(["roles", "show", "web_server", "--json"], { cwd });
    assert.equal(code, 0);
    const shown = JSON.parse(out);
    assert.equal(shown.format, 1);
    assert.deepEqual([shown.name, shown.origin, shown.differs], ["web_server", "embedded", []]);
    const text = (await anklume(["roles", "show", "web_server"], { cwd })).out;
    assert.ok(shown.variables.length > 0);
    for (const { name, type } of shown.variables) {
      assert.ok(text.includes(`${name}  ${type}`), name);
    }
  });
});
