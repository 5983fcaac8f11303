import assert from "node:assert/strict";
import { BINARY, IMAGE, Lab, must, run } from "./_lab.ts";

/**
 * Commands that are safe as root in another user's directory, before `apply`: they run nothing of
 * it, and show nothing outside.
 */
const LOOKING = [
  "validate",
  "check",
  "check --json --fields",
  "status --json",
  "doctor",
  "doctor --json",
  "roles",
  "roles list --json",
  "roles show base_system",
  "roles show planted",
  "schema",
  "completions bash",
  "complete -- apply --domain h",
  "complete -- snapshot restore x",
  "complete -- roles show p",
  "sync --dry-run",
  "snapshot list",
  "network rules",
  "network rules --diff",
  "network why hostile-a outside 443",
  "network verify",
  "host status",
] as const;

const INFRA = `
project_name: hostile
global: { default_os_image: "${IMAGE}" }
domains:
  hostile:
    ephemeral: true
    machines: { hostile-a: { roles: [planted] } }
`;

/** Programs that anklume starts, and some that other programs might start. */
const PROGRAMS =
  "nft ip unshare systemctl sysctl stty pkill sh bash cat id git python3 ansible-playbook ansible-doc ansible-galaxy deno incus";
/** Settings of ansible.cfg that name code. */
const PLUGINS =
  "action cache callback cliconf connection doc_fragment filter httpapi inventory lookup module_utils netconf strategy terminal test vars";

/**
 * Fills a directory with all that a reading command might run; each program that runs writes a line
 * to `marker`.
 */
async function plant(dir: string, marker: string): Promise<void> {
  const shell = `#!/bin/sh\necho "$0 $*" >>${marker}\nexit 0\n`;
  const python = `open(${JSON.stringify(marker)}, "a").write(__file__ + "\\n")\n`;
  const write = async (path: string, text: string, mode = 0o644) => {
    const at = path.lastIndexOf("/");
    if (at > 0) await Deno.mkdir(`${dir}/${path.slice(0, at)}`, { recursive: true });
    await Deno.writeTextFile(`${dir}/${path}`, text, { mode });
    await Deno.chmod(`${dir}/${path}`, mode);
  };
  for (const name of PROGRAMS.split(" ")) {
    for (const at of ["", "bin/", "x/../bin/"]) {
      if (!at.includes("..")) await write(at + name, shell, 0o755);
    }
  }
  const settings = PLUGINS.split(" ").map((kind) => `${kind}_plugins = ./planted/${kind}`);
  await write(
    "ansible.cfg",
    `[defaults]\nlibrary = ./planted\nstdout_callback = planted\ncallbacks_enabled = planted\n` +
      `collections_path = ./collections\nhome = ./planted/home\nremote_tmp = ./planted\n` +
      `vault_password_file = ./bin/git\npython_interpreter = ./bin/python3\n${
        settings.join("\n")
      }\n`,
  );
  for (const kind of PLUGINS.split(" ")) await write(`planted/${kind}/planted.py`, python);
  const general = "collections/ansible_collections/community/general";
  const documented = `DOCUMENTATION = '''
name: incus
short_description: planted
description: planted
extends_documentation_fragment: [community.general.planted]
'''
`;
  await write(`${general}/plugins/connection/incus.py`, python + documented);
  await write(
    `${general}/plugins/doc_fragments/planted.py`,
    `${python}class ModuleDocFragment(object):\n    DOCUMENTATION = 'options: {}'\n`,
  );
  for (const at of ["", "plugins/", "plugins/connection/", "plugins/doc_fragments/"]) {
    await write(`${general}/${at}__init__.py`, python);
  }
  await write(`${general}/galaxy.yml`, "namespace: community\nname: general\nversion: 99.0.0\n");
  for (const name of ["sitecustomize.py", "usercustomize.py", "ansible.py", "yaml.py", "json.py"]) {
    await write(name, python);
  }
  await write("ansible/__init__.py", python);
  await write("connection_plugins/incus.py", python);
  await write("library/setup.py", python);
  await write("filter_plugins/planted.py", python);
  await write("callback_plugins/default.py", python);
  await write(
    ".env",
    `PATH=${dir}/bin\nLD_PRELOAD=${dir}/planted.so\nNODE_OPTIONS=--require=./planted.js\n`,
  );
  await write("planted.js", `require("fs").appendFileSync(${JSON.stringify(marker)}, "js\\n");`);
  await write("deno.json", `{ "imports": { "yaml": "./planted.js" }, "tasks": { "x": "sh" } }`);
  await write("package.json", `{ "scripts": { "postinstall": "./sh" }, "type": "commonjs" }`);
  await write("node_modules/yaml/index.js", `require("../../planted.js");`);
  await write(".git/hooks/post-checkout", shell, 0o755);
  await write(".git/config", `[core]\n\tfsmonitor = ${dir}/sh\n\tpager = ${dir}/sh\n`);
  await write(".vscode/tasks.json", `{ "tasks": [{ "command": "./sh" }] }`);
  await write(
    "roles/planted/tasks/main.yml",
    "- debug: { msg: \"{{ lookup('pipe', './sh') }}\" }\n",
  );
  await write("roles/planted/library/planted.py", python);
  await write("roles/planted/meta/argument_specs.yml", "argument_specs: { main: {} }\n");
  await write("site.yml", "- hosts: localhost\n  tasks: [{ command: ./sh }]\n");
  await write("inventory/planted.py", shell, 0o755);
}

/** A careless PATH, and one that a workspace may have suggested. */
const careless = (dir: string) => `.:bin::./bin:${dir}/bin:${dir}/x/../bin:${Deno.env.get("PATH")}`;

Deno.test("looking at a hostile workspace as root runs nothing of it", async () => {
  await using lab = await Lab.create(INFRA);
  const outside = await Deno.makeTempDir({ prefix: "anklume-e2e-marker-" });
  const marker = `${outside}/ran`;
  const ran = () => Deno.readTextFile(marker).catch(() => "");
  try {
    await lab.anklume(["apply", "--infra"]);
    await plant(lab.dir, marker);
    const env = { PATH: careless(lab.dir), PYTHONPATH: ".", LD_LIBRARY_PATH: "." };
    const left = [...LOOKING];
    const look = async () => {
      for (let words = left.shift(); words !== undefined; words = left.shift()) {
        const { code, stderr } = await run(["timeout", "60", BINARY, ...words.split(" ")], {
          cwd: lab.dir,
          env,
        });
        assert.ok([0, 1, 2].includes(code), `${words}: ${code}\n${stderr}`);
        assert.equal(await ran(), "", words);
      }
    };
    await Promise.all([look(), look(), look()]);
    assert.match((await lab.anklume(["doctor"])).stdout, /ok +ansible +2\./);
    assert.equal(await ran(), "");
    // The planted code does run if asked for: Ansible in this directory, by its configuration.
    await run(["ansible-doc", "--type", "connection", "--json", "community.general.incus"], {
      cwd: lab.dir,
      env: { ANSIBLE_CONFIG: "./ansible.cfg" },
    });
    assert.match(await ran(), /doc_fragments\/planted\.py/);
  } finally {
    // The lab's cleanup must not run the planted programs either.
    await Deno.remove(outside, { recursive: true });
  }
});

/** Paths where a link, a pipe or a directory may be in place of a file that anklume reads. */
const READ = [
  "infra.yml",
  "infra.lock.yml",
  "infra/base.yml",
  "ansible.cfg",
  "site.yml",
  "requirements.yml",
  ".gitignore",
  "group_vars/all.yml",
  "host_vars/hostile-a.yml",
  "host_vars/hostile-a/more.yml",
  "inventory/hostile.yml",
  "roles/planted/README.md",
  "roles/planted/meta/argument_specs.yml",
  "roles/planted/defaults/main.yml",
  ".anklume/version",
  ".anklume/schema.json",
  ".anklume/roles/base_system/tasks/main.yml",
] as const;
const DIRECTORIES = [
  "infra",
  "infra/domains",
  "roles",
  "roles/planted",
  "group_vars",
  "host_vars",
  "inventory",
  ".anklume",
  ".anklume/roles",
  "shell_plugins",
  "collections",
] as const;

Deno.test("looking through links, pipes, devices and giants shows nothing of what lies elsewhere, and ends", async () => {
  const outside = await Deno.makeTempDir({ prefix: "anklume-e2e-outside-" });
  const secret = `${outside}/secret-file.yml`;
  try {
    await Deno.writeTextFile(secret, "root:$6$TOP-SECRET:1:0:99999:7:::\nkey: TOP-SECRET\n");
    const make: Record<string, (path: string) => Promise<unknown>> = {
      link: (path) => Deno.symlink(secret, path),
      pipe: (path) => must(["mkfifo", path]),
      device: (path) => must(["mknod", path, "c", "1", "5"]),
      directory: (path) => Deno.mkdir(path),
      giant: (path) => must(["truncate", "-s", "10G", path]),
    };
    const cases = [
      ...READ.flatMap((path, index) =>
        // The check for other file types is in one place.
        Object.keys(make).slice(0, index < 4 ? 5 : 2).map((kind) => [path, kind] as const)
      ),
      ...DIRECTORIES.map((path) => [path, "elsewhere"] as const),
      ...DIRECTORIES.map((path) => [path, "loop"] as const),
    ];
    await Promise.all([0, 1].map(async (worker) => {
      for (const [path, kind] of cases.filter((_, index) => index % 2 === worker)) {
        const dir = await Deno.makeTempDir({ prefix: "anklume-e2e-links-" });
        try {
          if (!path.startsWith("infra")) await Deno.writeTextFile(`${dir}/infra.yml`, INFRA);
          const above = path.split("/").slice(0, -1).join("/");
          await Deno.mkdir(`${dir}/${above}`, { recursive: true });
          const target = { elsewhere: outside, loop: "." }[kind as "loop"];
          if (target === undefined) await make[kind]!(`${dir}/${path}`);
          else await Deno.symlink(target, `${dir}/${path}`);
          const verbs = target !== undefined
            ? ["check"]
            : [path.startsWith("roles") ? "roles show planted" : "sync --dry-run"];
          for (const verb of verbs) {
            const { code, stdout, stderr } = await run(
              ["timeout", "60", BINARY, ...verb.split(" ")],
              { cwd: dir },
            );
            const shown = `${kind} ${path}: ${verb} ${code}\n${stdout}${stderr}`;
            assert.ok([0, 1, 2].includes(code), shown);
            assert.doesNotMatch(stdout + stderr, /TOP-SECRET|secret-file/, shown);
            // Not in the diff, which has the text of our own plugins.
            assert.doesNotMatch(stderr, /bug in anklume|memory/i, shown);
          }
        } finally {
          await Deno.remove(dir, { recursive: true });
        }
      }
    }));
  } finally {
    await Deno.remove(outside, { recursive: true });
  }
});

const SECRETS = `
project_name: hushed
global: { default_os_image: "${IMAGE}" }
domains:
  hushed:
    ephemeral: true
    profiles:
      kept: { config: { environment.PROFILE_TOKEN: LEAKa } }
    machines:
      hushed-a:
        profiles: [kept]
        config:
          environment.DB_PASSWORD: LEAKb
          cloud-init.user-data: "#cloud-config LEAKc"
          user.anything: LEAKd
        vars:
          plain: shown
          db_password: LEAKe
          nested: { list: [ { apiKey: LEAKf } ], ssh_keys: [ LEAKg ] }
          url: "https://me:LEAKh@host/x"
          blob: "x9Kd82LEAKj3mQpL7zRtVb"
          pem: |
            -----BEGIN OPENSSH PRIVATE KEY-----
            LEAKk
          templated_token: "{{ LEAKm }}"
`;

Deno.test("neither secrets of infra.yml nor the owner's own text reach a screen, a log or JSON", async () => {
  await using lab = await Lab.create(SECRETS);
  const say = async (words: string, expected = 0) => {
    const { stdout, stderr } = await lab.anklume(words.split(" "), expected);
    assert.doesNotMatch(stdout + stderr, /LEAK/, words);
    return stdout;
  };
  const sayAll = (...verbs: string[]) => Promise.all(verbs.map((verb) => say(verb)));
  await sayAll("validate", "check", "check --fields", "check --fields --json");
  assert.match(await say("sync --dry-run"), /^\+plain: !unsafe "shown"$/m);
  await say("apply --infra --json");
  // The user's own text, and a change made by hand.
  const path = "host_vars/hushed-a.yml";
  await lab.write(path, `${await lab.read(path)}own: LEAKn\n# LEAKo\n`);
  const project = ["--project", "hushed"];
  await must([
    "incus",
    "config",
    "set",
    ...project,
    "hushed-a",
    "environment.DB_PASSWORD=LEAKp",
    "user.anything=LEAKq",
  ]);
  await lab.write("infra.yml", SECRETS.replace("LEAKe", "LEAKr").replace("shown", "other"));
  const diff = await say("sync --dry-run");
  assert.match(diff, /^\+db_password: !unsafe \(hidden, changed\)$/m);
  const [checked] = await sayAll("check", "check --fields --json", "status", "status --json");
  assert.match(checked!, /environment\.DB_PASSWORD/);
  await say("check --adopt hushed-a", 1);
  await say("check --adopt hushed-a --yes");
  // A mistake on the same line does not show the value either.
  await lab.write("infra.yml", SECRETS.replace("db_password: LEAKe", "db_password: LEAKe, x: }"));
  await say("check", 2);
  await lab.write(
    "infra.yml",
    SECRETS.replace("cloud-init.user-data", "user.k: LEAKs, cloud-init.user-data"),
  );
  await say("validate", 2);
  await lab.write("infra.yml", SECRETS);
});
