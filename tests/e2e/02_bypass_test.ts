import assert from "node:assert/strict";
import { DEVICE_TYPES } from "../../lib/infra/check/check_devices.ts";
import { judgedKey } from "../../lib/infra/check/judged_keys.ts";
import { typeOfKey } from "../../lib/infra/check/machine_type.ts";
import { IMAGE, inMachine, Lab, must, query } from "./_lab.ts";

/** Returns an infra of one machine with one exception to the isolation. */
function infraWith(trust: string, machine: string, profiles = "{}"): string {
  return `
project_name: doors
global: { default_os_image: "${IMAGE}" }
domains:
  den:
    trust_level: ${trust}
    internet: false
    ephemeral: true
    profiles: ${profiles}
    machines:
      den-a: ${machine}
`;
}

const PRIVILEGED = '{ p: { config: { security.privileged: "yes" } } }';

Deno.test("a device of the host, or a key that weakens a machine, is refused before anything is created", async () => {
  await using lab = await Lab.create();
  const refused: [code: string, trust: string, machine: string, profiles?: string][] = [
    ["PRIVILEGED_CONTAINER", "untrusted", "{ config: { security.idmap.base: 0 } }"],
    [
      "PRIVILEGED_CONTAINER",
      "untrusted",
      '{ profiles: [p], config: { security.privileged: "" } }',
      PRIVILEGED,
    ],
    ["ISOLATION_BYPASS", "trusted", "{ profiles: [p] }", PRIVILEGED],
    [
      "ISOLATION_BYPASS",
      "disposable",
      "{ config: { raw.lxc: x }, bypasses_isolation: [raw.lxc] }",
    ],
    [
      "ISOLATION_BYPASS",
      "admin",
      "{ devices: { share: { type: disk, source: /srv/share, path: /srv } } }",
    ],
    [
      "ISOLATION_BYPASS",
      "trusted",
      '{ devices: { x: { type: usb, vendorid: "", productid: "" } } }',
    ],
    [
      "ISOLATION_BYPASS",
      "trusted",
      '{ config: { linux.sysctl.net.ipv4.ip_forward: "1\\nlxc.hook.pre-start = /bin/true" } }',
    ],
  ];
  for (const [code, trust, machine, profiles] of refused) {
    await lab.write("infra.yml", infraWith(trust, machine, profiles));
    const { stderr } = await lab.anklume(["apply", "--infra", "--yes"], 2);
    assert.match(stderr, new RegExp(`error\\[${code}\\]`), machine);
  }
  await lab.write("infra.yml", infraWith("untrusted", "{}"));
  const projects = await query<string[]>("/1.0/projects");
  assert.ok(!projects.some((path) => path.endsWith("/den")), projects.join(" "));
});

Deno.test("a named directory is shown with its true path, and so is a directory that two domains share", async () => {
  const dir = await Deno.makeTempDir({ prefix: "anklume-shared-" });
  await Deno.mkdir(`${dir}/share/inner`, { recursive: true });
  await Deno.writeTextFile(`${dir}/share/note`, "from the host");
  await Deno.symlink(`${dir}/share`, `${dir}/link`);
  await using lab = await Lab.create();
  await lab.write(
    "infra.yml",
    `
project_name: doors
global: { default_os_image: "${IMAGE}" }
domains:
  one:
    trust_level: untrusted
    internet: false
    ephemeral: true
    machines:
      one-a:
        devices: { link: { type: disk, source: ${dir}/link, path: /mnt/link } }
        bypasses_isolation: [link]
  two:
    trust_level: trusted
    internet: false
    ephemeral: true
    profiles: { ours: { devices: { inner: { type: disk, source: ${dir}/share/inner, path: /mnt/inner } } } }
    machines:
      two-a:
        profiles: [ours]
        config: { security.privileged: "1" }
        bypasses_isolation: [inner, security.privileged]
      two-b:
        state: stopped
        devices:
          gone: { type: disk, source: ${dir}/gone, path: /mnt/gone, required: false }
          ours: { type: disk, source: ${lab.dir}, path: /mnt/ours, readonly: true }
        bypasses_isolation: [gone, ours]
`,
  );
  try {
    await lab.anklume(["apply", "--infra", "--yes"]);
    assert.equal(
      (await inMachine("one", "one-a", "cat", "/mnt/link/note")).stdout,
      "from the host",
    );
    const { stderr } = await lab.anklume(["check"]);
    const said = stderr.replace(/\s+/g, " ");
    assert.ok(said.includes(`gives \`one-a\` ${dir}/share of the host`), stderr);
    assert.ok(said.includes(`one-a (one) and two-a (two) share ${dir}/share of the host`), stderr);
    assert.ok(said.includes(`two-b (two) and this workspace share ${lab.dir} of the host`), stderr);
    assert.match(said, /warning\[UNRESOLVED_SOURCE\]: .* No such file or directory/);
    const status = JSON.parse((await lab.anklume(["status", "--json"])).stdout);
    assert.deepEqual(status.bypasses, [
      `one-a: link (${dir}/link, which is ${dir}/share)`,
      `two-a: inner (${dir}/share/inner), security.privileged`,
      `two-b: gone (${dir}/gone, which cannot be followed), ours (${lab.dir})`,
    ]);
    assert.deepEqual(status.channels, [
      `two-b (two) and this workspace share ${lab.dir} of the host`,
      `one-a (one) and two-a (two) share ${dir}/share of the host`,
    ]);
    const shown = (await lab.anklume(["status"])).stdout;
    assert.match(shown, /^Bypass {4}one-a: link/m);
    assert.match(shown, /^Channel {3}one-a \(one\) and two-a \(two\) share/m);
    assert.ok(shown.split("\n").every((line) => line.length <= 80 || line.includes("/")), shown);
  } finally {
    await lab.anklume(["destroy", "--yes", "--force"]);
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("an empty value is an absent one to this Incus, so that it hides no profile's value", async () => {
  const names = ["ak-bypass-one", "ak-bypass-two"];
  try {
    for (const name of names) await must(["incus", "profile", "create", name]);
    await must(["incus", "profile", "set", names[0]!, "security.privileged=true"]);
    await put(`/1.0/profiles/${names[1]}`, { config: { "security.privileged": "" }, devices: {} });
    await must([
      "incus",
      "query",
      "-X",
      "POST",
      "--wait",
      "/1.0/instances",
      "-d",
      JSON.stringify({
        name: "ak-bypass",
        source: { type: "none" },
        profiles: ["default", ...names],
        config: { "security.privileged": "" },
        devices: { x: { type: "unix-char", source: "/dev/null", path: "", major: "" } },
      }),
    ]);
    const made = await query<Expanded>("/1.0/instances/ak-bypass");
    assert.equal(made.expanded_config["security.privileged"], "true");
    assert.deepEqual(made.expanded_devices.x, { type: "unix-char", source: "/dev/null" });
  } finally {
    await must(["sh", "-c", "incus delete --force ak-bypass; true"]);
    for (const name of names) await must(["sh", "-c", `incus profile delete ${name}; true`]);
  }
});

interface Expanded {
  readonly expanded_config: Record<string, string>;
  readonly expanded_devices: Record<string, Record<string, string>>;
}

async function put(path: string, body: unknown): Promise<void> {
  await must(["incus", "query", "-X", "PUT", path, "-d", JSON.stringify(body)]);
}

Deno.test("every key and type of device that this Incus tells of is judged", async () => {
  type Groups = Record<string, { keys: Record<string, unknown>[] }>;
  const { configs } = await query<{ configs: Record<string, Groups> }>(
    "/1.0/metadata/configuration",
  );
  const told = ["instance", "kernel"].flatMap((entity) =>
    Object.values(configs[entity] ?? {}).flatMap(({ keys }) => keys.flatMap(Object.keys))
  );
  assert.ok(told.length > 100, `${told.length}`);
  const unjudged = told.filter((key) => judgedKey(key.replace("*", "name")) === undefined);
  assert.deepEqual(unjudged, [], "judge them in lib/infra/check/judged_keys.ts");
  const types = Object.keys(configs.devices ?? {}).map((group) =>
    group.replace(/^(gpu|nic)_.*/, "$1").replace("unix-char-block", "unix-char")
  );
  assert.ok(types.includes("disk"), types.join(" "));
  assert.deepEqual(types.filter((type) => !DEVICE_TYPES.includes(type)), []);
});

Deno.test("what this Incus has for containers alone, or for virtual machines, anklume knows as such", async () => {
  type Keys = { keys: Record<string, { readonly condition?: string }>[] };
  const { configs } = await query<{ configs: { instance: Record<string, Keys> } }>(
    "/1.0/metadata/configuration",
  );
  const conditions = Object.values(configs.instance)
    .flatMap(({ keys }) => keys.flatMap((key) => Object.entries(key)))
    .filter(([key]) => !/^(?:volatile|image)\./.test(key));
  assert.ok(conditions.length > 80, `${conditions.length}`);
  const told = conditions.map(([key, { condition = "" }]) => {
    const words = condition.toLowerCase();
    const container = words.includes("container");
    if (container === words.includes("virtual machine")) return [key, undefined];
    return [key, container ? "lxc" : "vm"];
  });
  // Of these it does otherwise than it says (`ConfigKeyChecker()`), or 7.0 otherwise than 6.0.
  const otherwise = [
    "raw.idmap",
    "security.nesting",
    "security.selinux.label_rootfs",
    "smbios11.*",
  ];
  const differing = told.filter(([key, type]) =>
    !otherwise.includes(key!) && typeOfKey(key!) !== type
  );
  assert.deepEqual(differing, [], "correct lib/infra/check/machine_type.ts");
});

Deno.test("every template that anklume brings is still taken", async () => {
  await using lab = await Lab.create();
  for (const template of ["minimal", "workstation", "classroom"]) {
    await lab.anklume(["init", template, "--template", template, "--image", IMAGE]);
    const text = await lab.read(`${template}/infra.yml`);
    await lab.write("infra.yml", text);
    assert.doesNotMatch((await lab.anklume(["validate"])).stderr, /error|warning/);
  }
});
