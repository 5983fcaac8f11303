import assert from "node:assert/strict";
import { childEnvironment, ENV_NAMES, searchPath } from "./environment.ts";

Deno.test("searchPath() keeps the user's directories first and adds the sbin ones", () => {
  const path = searchPath("/home/ada/venv/bin:/usr/bin").split(":");
  assert.deepEqual(path.slice(0, 2), ["/home/ada/venv/bin", "/usr/bin"]);
  assert.ok(path.includes("/usr/sbin"));
  assert.equal(path.filter((entry) => entry === "/usr/bin").length, 1);
});

Deno.test("searchPath() drops entries that mean the current directory", () => {
  const path = searchPath(":.:bin:/opt/bin").split(":");
  assert.equal(path[0], "/opt/bin");
  assert.ok(path.every((entry) => entry.startsWith("/")));
});

Deno.test("childEnvironment() hands on HOME and TERM, and no LD_PRELOAD or odd locale", () => {
  const ours: Record<string, string> = {
    PATH: "/usr/bin",
    HOME: "/home/ada",
    TERM: "xterm",
    LD_PRELOAD: "/tmp/evil.so",
    LC_ALL: "tlh_KX",
  };
  const child = childEnvironment({ ANSIBLE_CONFIG: "/w/ansible.cfg" }, (name) => ours[name]);
  assert.equal(child["HOME"], "/home/ada");
  assert.equal(child["TERM"], "xterm");
  assert.equal(child["LC_ALL"], "C.UTF-8");
  assert.equal(child["ANSIBLE_CONFIG"], "/w/ansible.cfg");
  assert.ok(!("LD_PRELOAD" in child));
});

Deno.test("childEnvironment() reads only variables that the binary is granted", () => {
  const granted = new Set<string>(ENV_NAMES);
  childEnvironment({}, (name) => {
    assert.ok(granted.has(name), `${name} is read and not granted`);
    return undefined;
  });
});

Deno.test("ENV_NAMES are the variables that the binary is compiled to read", async () => {
  const flags = await Deno.readTextFile(
    new URL("../../scripts/lib/permissions.txt", import.meta.url),
  );
  const granted = /^--allow-env=(.*)$/m.exec(flags)?.[1]?.split(",");
  assert.deepEqual(granted?.toSorted(), [...ENV_NAMES].toSorted());
});

Deno.test("searchPath() leaves out what lies in the workspace, however it is written", () => {
  const path = "/ws/bin:/ws:/ws/../ws//x:/wsx/bin:/a/../ws/bin";
  assert.equal(searchPath(path, "/ws").split(":")[0], "/wsx/bin");
  assert.doesNotMatch(searchPath(path, "/ws"), /ws(?!x)/);
  // Ansible, which `apply` runs, may be installed there.
  assert.match(searchPath(path), /^\/ws\/bin:/);
});

Deno.test("childEnvironment() hands on no directory that would be the workspace's", () => {
  const env = (name: string) => ({ HOME: ".", TMPDIR: "tmp", USER: "me" })[name];
  const { HOME, TMPDIR, USER } = childEnvironment({}, env);
  assert.deepEqual([HOME, TMPDIR, USER], [undefined, undefined, "me"]);
});
