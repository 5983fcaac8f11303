import assert from "node:assert/strict";
import fc from "fast-check";
import { configBypass, deviceBypass } from "./bypass.ts";
import { JUDGED_DEVICES, OPEN_DEVICES, ROOT_DISK, VOLUME_DISK } from "./judged_devices.ts";
import { JUDGED_KEYS, judgedKey } from "./judged_keys.ts";
import { KEY_FAMILIES, KNOWN_KEYS } from "./known_keys.ts";

const place = { bridge: "net-pro", inProfile: false };
const text = fc.string({ minLength: 1, maxLength: 20 });
const device = (keys: Record<string, string>) => deviceBypass("d", keys, place);

Deno.test("every key that Incus knows by name is judged, and each judgement is about one of them", () => {
  assert.deepEqual([...KNOWN_KEYS].filter((key) => judgedKey(key) === undefined), []);
  const samples = [...KNOWN_KEYS, ...SAMPLES];
  const idle = JUDGED_KEYS.filter((judged) => !samples.some((key) => judgedKey(key) === judged));
  assert.deepEqual(idle.map(({ keys }) => keys.source), []);
});

/** Keys whose end the user chooses, Incus's own keys, and dangerous keys that no Incus has yet. */
const SAMPLES = [
  ...KEY_FAMILIES.map((family) => `${family}name`),
  "linux.sysctl.net.ipv4.ip_forward",
  "linux.sysctl.kernel.shmmax",
  "volatile.uuid",
  "raw.new",
  "security.idmap.new",
  "security.syscalls.intercept.new.kind",
];

Deno.test("a key that nobody has judged is refused, whatever it is", () => {
  const families = [...KEY_FAMILIES, "volatile.", "image."];
  const key = text.filter((each) =>
    !KNOWN_KEYS.has(each) && each !== "boot.debug_edk2" &&
    !families.some((family) => each.startsWith(family))
  );
  const near = fc.tuple(fc.constantFrom(...KNOWN_KEYS), text).map(([known, end]) => known + end)
    .filter((each) => !KNOWN_KEYS.has(each) && !families.some((family) => each.startsWith(family)));
  fc.assert(fc.property(fc.oneof(key, near), text, (key, value) => {
    assert.notEqual(configBypass(key, value), undefined);
  }));
});

Deno.test("a value with a line break is refused but where it stays text for the machine", () => {
  const asText = /^(?:user\.|cloud-init\.|systemd\.credential\.)/;
  const lines = [...KNOWN_KEYS, ...SAMPLES].filter((key) =>
    !asText.test(key) && !key.startsWith("volatile.")
  );
  fc.assert(fc.property(
    fc.constantFrom(...lines),
    fc.constantFrom("\n", "\r", "\0", "\x1b", "\u0085"),
    text,
    text,
    (key, control, before, after) => {
      assert.notEqual(configBypass(key, before + control + after), undefined, key);
    },
  ));
});

Deno.test("an empty value is an absent one, and Incus's spellings of a boolean are one", () => {
  for (const key of KNOWN_KEYS) assert.equal(configBypass(key, ""), undefined);
  for (const on of ["true", "1", "yes", "on", "TRUE", "Yes", "oN"]) {
    assert.notEqual(configBypass("security.privileged", on), undefined);
    assert.equal(configBypass("security.syscalls.deny_default", on), undefined);
    assert.equal(configBypass("security.nesting", on), undefined);
  }
  for (const off of ["false", "0", "no", "off", "False", "NO"]) {
    assert.equal(configBypass("security.privileged", off), undefined);
    assert.notEqual(configBypass("security.syscalls.deny_default", off), undefined);
  }
  // Incus refuses this value. A later version might accept it.
  assert.notEqual(configBypass("security.privileged", "enabled"), undefined);
});

Deno.test("what only containers hear opens nothing in a virtual machine", () => {
  assert.equal(configBypass("security.privileged", "true", "vm"), undefined);
  assert.equal(configBypass("security.syscalls.allow", "mount", "vm"), undefined);
  assert.notEqual(configBypass("raw.qemu", "-netdev tap", "vm"), undefined);
  assert.notEqual(configBypass("security.new", "true", "vm"), undefined);
});

Deno.test("a disk passes as the root, as a volume or as memory, and as nothing else", () => {
  const passes = [
    { type: "disk", path: "/", pool: "default", size: "2GiB" },
    { type: "disk", path: "/", "initial.zfs.blocksize": "8KiB" },
    { type: "disk", pool: "default", source: "data", path: "/data", readonly: "true" },
    { type: "disk", pool: "default", source: "data", path: "/data", "user.note": "mine" },
    { type: "disk", source: "tmpfs:", path: "/scratch", size: "64MiB", "initial.mode": "1777" },
  ];
  for (const disk of passes) assert.equal(device(disk), undefined, JSON.stringify(disk));
  const source = fc.oneof(
    text,
    fc.constantFrom("/", "/srv", "..", "cephfs:a/b", "cloud-init:config"),
  )
    .filter((each) => each !== "tmpfs:");
  fc.assert(fc.property(source, fc.constantFrom({}, { pool: "" }), (source, pool) => {
    assert.notEqual(device({ type: "disk", path: "/x", source, ...pool }), undefined);
  }));
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom("/", ".", "a", "b") }), (path) => {
    const climbs = path.split("/").some((part) => part === ".." || part === ".");
    const volume = { type: "disk", pool: "default", source: "data", path: `/a/${path}` };
    assert.equal(device(volume) !== undefined, climbs, path);
  }));
});

Deno.test("a key of a device that nobody has judged is refused, and so is an unknown type", () => {
  const known = new Set(
    [ROOT_DISK, VOLUME_DISK, ...Object.values(JUDGED_DEVICES)].flatMap(({ keys }) =>
      Object.keys(keys)
    ),
  );
  const key = text.filter((each) => !known.has(each) && !/^(?:type|user\..+)$/s.test(each));
  const base = fc.constantFrom(
    { type: "disk", path: "/" },
    { type: "disk", pool: "default", source: "data", path: "/data" },
    { type: "gpu" },
    { type: "none" },
    { type: "tpm" },
    { type: "unix-char", source: "/dev/null" },
    { type: "usb", vendorid: "0951", productid: "1666" },
    { type: "nic", network: "net-pro" },
  );
  fc.assert(fc.property(base, key, text, (base, key, value) => {
    const name = base.type === "nic" ? "eth0" : "d";
    assert.equal(deviceBypass(name, base, place), undefined);
    assert.notEqual(deviceBypass(name, { ...base, [key]: value }, place), undefined, key);
    // Incus does the same.
    assert.equal(deviceBypass(name, { ...base, [key]: "" }, place), undefined);
  }));
  const types = new Set(["nic", "disk", ...Object.keys(JUDGED_DEVICES)]);
  fc.assert(fc.property(text.filter((each) => !types.has(each)), (type) => {
    assert.notEqual(device({ type }), undefined);
  }));
  for (const type of Object.keys(OPEN_DEVICES)) assert.notEqual(device({ type }), undefined);
  for (const type of ["constructor", "__proto__", ""]) assert.notEqual(device({ type }), undefined);
});

Deno.test("a character device passes where it is the kernel's own, by the path that Incus reads", () => {
  const char = (keys: Record<string, string>) => device({ type: "unix-char", ...keys });
  for (const path of ["/dev/net/tun", "/dev//fuse", "/dev/kvm"]) {
    assert.equal(char({ path }), undefined);
    assert.equal(char({ source: path, path: "/dev/elsewhere", mode: "0660" }), undefined);
    assert.notEqual(char({ source: "/dev/mem", path }), undefined);
    assert.notEqual(char({ path, major: "1", minor: "1" }), undefined);
    assert.equal(char({ source: "", path, major: "" }), undefined);
  }
  for (
    const path of ["/dev/kmsg", "/dev/snd/timer", "/dev/video0", "/dev/dri/card0", "/dev/null/.."]
  ) {
    assert.notEqual(char({ path }), undefined, path);
  }
});

Deno.test("nothing but a NIC is called eth0, and that one leads to the domain's bridge", () => {
  for (
    const [name, nic] of [
      ["eth0", { type: "none" }],
      ["eth0", { type: "gpu" }],
      ["eth0", { type: "nic", network: "", parent: "br0" }],
      ["eth0", { type: "nic", network: "net-pro", parent: "br0" }],
      ["eth0", { type: "nic", nictype: "macvlan", parent: "net-pro" }],
      ["eth0", { type: "nic", "security.mac_filtering": "false" }],
      ["eth1", { type: "nic", network: "net-pro" }],
    ] as const
  ) {
    assert.notEqual(deviceBypass(name, nic, place), undefined, JSON.stringify(nic));
  }
  const own = { type: "nic", nictype: "", network: "net-pro", "security.mac_filtering": "" };
  assert.equal(deviceBypass("eth0", own, place), undefined);
  assert.notEqual(deviceBypass("eth0", own, { ...place, inProfile: true }), undefined);
});
