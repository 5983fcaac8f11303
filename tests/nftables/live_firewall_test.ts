import assert from "node:assert/strict";
import type { Ruleset } from "../../lib/nftables/ruleset.ts";
import { buildInfra, INFRA_ID } from "./_infra.ts";
import { rulesetOf } from "./_rules.ts";

const built = buildInfra({
  domains: [
    { name: "pro", internet: { kind: "public-only" }, machines: ["pro-dev", "pro-b"] },
    {
      name: "print",
      machines: [{ name: "printer", publish: [{ host: 80, to: 80, protocol: "tcp" }] }],
    },
  ],
  policies: [{ from: "pro", to: "printer", ports: [631] }, {
    from: "pro-dev",
    to: "host",
    ports: [22],
  }],
});
const ruleset = rulesetOf(built);
const { table } = ruleset;

/** A private /etc of the host: files written there are deleted with it. */
const OWN_ETC = "mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work && " +
  "mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc && ";

/** Runs steps in new namespaces; see _firewall.ts. */
async function onHost(
  steps: readonly string[],
  { rules = ruleset as Ruleset, before = "", pids = false } = {},
): Promise<unknown[]> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, JSON.stringify(rules));
    const script = `${before}exec "$0" run -A --no-check "$@"`;
    const done = await new Deno.Command("unshare", {
      args: [
        "--net",
        "--mount",
        // Programs left running end with the first process.
        ...(pids ? ["--pid", "--fork", "--kill-child", "--mount-proc"] : []),
        "sh",
        "-c",
        script,
        Deno.execPath(),
        `${import.meta.dirname}/_firewall.ts`,
        file,
        ...steps,
      ],
    }).output();
    if (!done.success) throw new Error(new TextDecoder().decode(done.stderr));
    return JSON.parse(new TextDecoder().decode(done.stdout)) as unknown[];
  } finally {
    await Deno.remove(file);
  }
}

const IN_PLACE = { state: "in-place", differences: [] };

Deno.test("a loaded ruleset reads back as in place, twice over, and is gone when deleted", async () => {
  const [, owner, first, , second, deleted, missing, again] = await onHost(
    ["load", "owner", "readBack", "load", "readBack", "delete", "readBack", "delete"],
  );
  assert.deepEqual(owner, { kind: "infra", format: 1, infraId: INFRA_ID });
  assert.deepEqual([first, second], [IN_PLACE, IN_PLACE]);
  assert.equal(deleted, true);
  assert.deepEqual(missing, {
    state: "missing",
    differences: [
      `the table "inet ${table}" is not loaded`,
      `the table "bridge ${table}" is not loaded`,
      `the table "arp ${table}" is not loaded`,
    ],
  });
  assert.equal(again, false);
});

Deno.test("one missing table counts as missing", async () => {
  const [, , read] = await onHost(["load", `$nft delete table bridge ${table}`, "readBack"]);
  assert.equal((read as { state: string }).state, "missing");
  // An older anklume did not have this table: nothing is open.
  const [, , older] = await onHost(["load", `$nft delete table arp ${table}`, "readBack"]);
  assert.deepEqual(older, {
    state: "different",
    differences: [`the table "arp ${table}" is not loaded`],
  });
});

Deno.test("a bridge that learns from frames to reserved addresses is seen, and set by the next load or start", async () => {
  const make = "$ip link add net-pro type bridge; ip link add docker0 type bridge";
  const learns = "$cat /sys/class/net/net-pro/bridge/no_linklocal_learn " +
    "/sys/class/net/docker0/bridge/no_linklocal_learn";
  const own = "mount -t sysfs sysfs /sys; ";
  const again = "$ip link set net-pro type bridge no_linklocal_learn 0";
  const [, before, , seen, verified, after, , , loaded] = await onHost(
    ["load", "readBack", make, "readBack", "verify", learns, again, "load", learns],
    { before: own },
  );
  assert.deepEqual(before, IN_PLACE);
  const wrong = "net-pro: no_linklocal_learn is 0, not 1: " +
    "a machine can intercept traffic for its neighbour";
  assert.deepEqual(seen, { state: "different", differences: [wrong] });
  // It is set before a start, or nothing starts.
  assert.deepEqual([verified, after, loaded], [null, "1\n0\n", "1\n0\n"]);
});

const TAMPERINGS: readonly (readonly [string, string])[] = [
  [
    `nft insert rule inet ${table} forward accept`,
    `chain forward of inet ${table}: "accept" was added`,
  ],
  [
    `nft add element inet ${table} bridges { eth7 }`,
    `set bridges of inet ${table}: "eth7" was added`,
  ],
  [
    `nft delete element inet ${table} to_host { 10.120.0.1 . tcp . 22 }`,
    `set to_host of inet ${table}: 10.120.0.1 . tcp . 22 comment "policy-2" is missing`,
  ],
  [`nft flush chain bridge ${table} port_arp`, `chain port_arp of bridge ${table}:`],
  [`nft add chain inet ${table} extra`, `chain extra of inet ${table} was added`],
  [
    `nft chain inet ${table} forward { policy drop \\; }`,
    `chain forward of inet ${table}: "type filter hook forward priority filter - 10; policy drop;" was added`,
  ],
  [
    `nft add rule inet ${table} port_nothing accept; nft add rule inet ${table} outside_in accept`,
    `chain outside_in of inet ${table}: its rules are repeated or in another order`,
  ],
  [
    `nft delete element inet ${table} internet { 10.120.0.0 }; nft add element inet ${table} internet { 10.120.0.0 : goto internet_full }`,
    `map internet of inet ${table}: 10.120.0.0 : goto internet_full was added`,
  ],
];

for (const [command, difference] of TAMPERINGS) {
  Deno.test(`tampering is seen: ${command.replaceAll(table, "T")}`, async () => {
    const [, , read, verified] = await onHost(["load", `$${command}`, "readBack", "verify"]);
    const { state, differences } = read as { state: string; differences: string[] };
    assert.equal(state, "different");
    assert.ok(differences.some((each) => each.startsWith(difference)), differences.join("\n"));
    assert.equal((verified as { fault: string }).fault, "differs");
  });
}

Deno.test("a table of another infra, or of nobody's, is refused and stays", async () => {
  const other = { ...ruleset, infraId: "00000000-0000-4000-8000-000000000002" };
  const foreign = `nft add table inet ${table}`;
  const [, refused, , read] = await onHost([`$${foreign}`, "load", "delete", "readBack"]);
  assert.match((refused as { message: string }).message, /is not anklume's/);
  const found = read as { state: string; foreign?: true };
  assert.equal(found.state, "different");
  assert.equal(found.foreign, true);

  const script = ruleset.text.replaceAll("'", "");
  const [, second] = await onHost([`$nft -f - <<'END'\n${script}\nEND`, "load"], { rules: other });
  assert.match((second as { message: string }).message, /belongs to another infra called "lab"/);

  const newer = script.replaceAll('comment "anklume 1 ', 'comment "anklume 2 ');
  const [, third] = await onHost([`$nft -f - <<'END'\n${newer}\nEND`, "load"]);
  assert.match((third as { message: string }).message, /newer anklume \(format 2\)/);
});

Deno.test("a script that nft refuses changes nothing and says nft's words", async () => {
  const broken = { ...ruleset, text: ruleset.text + "add rule inet nowhere nothing accept\n" };
  const [, , refused] = await onHost(["$:", `$nft -f - <<'END'\n${ruleset.text}\nEND`, "load"], {
    rules: broken,
  });
  const { fault, message } = refused as { fault: string; message: string };
  assert.equal(fault, "refused");
  assert.match(
    message,
    /^Cannot load the firewall of "lab": nft said: .*No such file or directory/s,
  );
});

Deno.test("the host's other tables are the same before and after", async () => {
  const theirs =
    "nft -f - <<'END'\ntable ip docker { chain f { type filter hook forward priority 0; policy accept; ip saddr 172.17.0.0/16 accept; }; }\ntable inet anklume_other { comment \"anklume 1 00000000-0000-4000-8000-00000000000f\"; set s { type ifname; }; }\nEND";
  const list = "$nft list ruleset";
  const [, before, , , , after] = await onHost([
    `$${theirs}`,
    list,
    "load",
    "load",
    "delete",
    list,
  ]);
  assert.equal(after, before);
});

Deno.test("without nft the error names it and what to install", async () => {
  // Hidden by an empty file that cannot be run, since sbin is searched whatever the user's PATH is.
  const hide =
    "for f in /usr/sbin/nft /sbin/nft; do [ ! -e $f ] || mount --bind /dev/null $f; done; ";
  for (const each of await onHost(["load", "readBack"], { before: hide })) {
    assert.equal((each as { fault: string }).fault, "missing-program");
    assert.match((each as { remedy: string }).remedy, /apt install nftables/);
  }
});

Deno.test("without root the state is unknown and loading is refused", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(file, JSON.stringify(ruleset));
  await Deno.chmod(file, 0o644);
  const done = await new Deno.Command("unshare", {
    args: [
      "--net",
      "setpriv",
      "--bounding-set=-net_admin,-sys_admin",
      "--inh-caps=-net_admin,-sys_admin",
      "--",
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      `${import.meta.dirname}/_firewall.ts`,
      file,
      "readBack",
      "load",
    ],
  }).output();
  await Deno.remove(file);
  const [read, loaded] = JSON.parse(new TextDecoder().decode(done.stdout)) as [
    { state: string },
    { fault: string },
  ];
  assert.equal(read.state, "unknown");
  assert.equal(loaded.fault, "not-permitted");
});

Deno.test("uplink bridges are those with a default route of either family", async () => {
  const setup = [
    "ip link set lo up",
    "ip link add br0 type bridge; ip link set br0 up; ip address add 192.0.2.1/24 dev br0",
    "ip link add br6 type bridge; ip link set br6 up",
    "ip link add docker0 type bridge; ip link set docker0 up; ip address add 172.17.0.1/16 dev docker0",
    "ip route add default via 192.0.2.254 dev br0; ip -6 route add default dev br6 metric 7",
  ].join("; ");
  const [none, , some] = await onHost(["uplinks", `$${setup}`, "uplinks"]);
  assert.deepEqual([none, some], [[], ["br0", "br6"]]);
});

Deno.test("the ruleset is kept for the next boot, with a unit that Incus requires, and taken away again", async () => {
  const list =
    "$find /etc/anklume /etc/systemd/system -newer /mnt/work \\( -name '*nklume*' -o -name '*.nft' \\) | sort; " +
    "systemctl is-enabled anklume-firewall.service";
  const boot =
    '$nft flush ruleset; sh -c "$(sed -n s/^ExecStartPre=//p /etc/anklume/anklume-firewall.service)"; echo $?';
  const [nothing, , , kept, files, , booted, back, tampered, seen, broken, , gone, left] =
    await onHost([
      "persisted",
      "load",
      "persist",
      "persisted",
      list,
      "persist",
      boot,
      "readBack",
      "$echo '# mine' >> /etc/anklume/lab.nft",
      "persisted",
      "$echo 'no such thing' > /etc/anklume/broken.nft; " + boot.slice(1) +
      "; rm /etc/anklume/broken.nft",
      "removePersisted",
      list,
      "persisted",
    ], { before: OWN_ETC });
  assert.equal((nothing as string[]).length, 4);
  assert.deepEqual(kept, []);
  assert.equal(
    files,
    "/etc/anklume\n/etc/anklume/anklume-firewall.service\n/etc/anklume/anklume-firewall.sh\n/etc/anklume/lab.nft\n" +
      "/etc/systemd/system/anklume-firewall.service\n" +
      "/etc/systemd/system/incus.service.requires/anklume-firewall.service\nenabled\n",
  );
  assert.match(booted as string, /0\n$/);
  assert.deepEqual(back, IN_PLACE);
  assert.equal(tampered, "");
  assert.deepEqual(seen, ["/etc/anklume/lab.nft is not as expected"]);
  assert.match(broken as string, /^1\n/, "a broken file must keep Incus from starting");
  assert.doesNotMatch(gone as string, /service\n.*service\n|lab\.nft/);
  assert.equal((left as string[]).length, 4);
});

Deno.test("rules that somebody flushes are back at once while the unit runs, and not after a destroy", async () => {
  const flush = (what: string) =>
    `$nft ${what}; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; nft list tables | grep -c ${table}; done | grep -n 3 | head -1`;
  const [, , , noticed, back, half, whole, , , gone] = await onHost([
    "load",
    "persist",
    '$setsid sh -c "$(sed -n s/^ExecStart=//p /etc/anklume/anklume-firewall.service)" >/tmp/watch 2>&1 & sleep 1',
    flush("flush ruleset"),
    "readBack",
    flush(`delete table bridge ${table}`),
    "readBack",
    "removePersisted",
    "delete",
    flush("flush ruleset"),
  ], { before: OWN_ETC, pids: true });
  assert.match(noticed as string, /^[12]:3\n$/, "within 0.2 s");
  assert.deepEqual(back, IN_PLACE);
  assert.match(half as string, /:3\n$/);
  assert.deepEqual(whole, IN_PLACE);
  assert.equal(gone, "");
});

Deno.test("while the unit runs, a bridge that is made or made anew is set at once, others are left alone", async () => {
  const learns = (name: string) => `cat /sys/class/net/${name}/bridge/no_linklocal_learn`;
  const make = (name: string) =>
    `$ip link add ${name} type bridge; for i in 1 2 3 4 5; do sleep 0.1; ${learns(name)}; done`;
  const processes = "$ps -eo args | grep -c '[m]onitor'";
  const [, , atLoad, , made, others, , again, , running] = await onHost([
    "persist",
    "$ip link add net-print type bridge",
    `$sh -c "$(sed -n s/^ExecStartPre=//p /etc/anklume/anklume-firewall.service)"; ${
      learns("net-print")
    }`,
    '$setsid sh -c "$(sed -n s/^ExecStart=//p /etc/anklume/anklume-firewall.service)" >/tmp/watch 2>&1 & sleep 1',
    make("net-pro"),
    make("net-other"),
    "$ip link delete net-pro",
    make("net-pro"),
    // No request is sent to the kernel while nothing happens.
    "$sleep 1; cat /tmp/watch >&2",
    processes,
  ], { before: `${OWN_ETC}mount -t sysfs sysfs /sys; `, pids: true });
  assert.match(atLoad as string, /1\n$/);
  for (const each of [made, again]) assert.match(each as string, /^([01]\n)?(1\n){4,5}$/);
  assert.equal(others, "0\n".repeat(5));
  assert.equal(running, "2\n");
});

Deno.test("systemd finds nothing wrong with the unit", async () => {
  const unit = new URL("../../nft/anklume-firewall.service", import.meta.url).pathname;
  let done: Deno.CommandOutput;
  try {
    done = await new Deno.Command("systemd-analyze", { args: ["verify", "--man=no", unit] })
      .output();
  } catch (error) {
    // Only on a machine without systemd: then it has no units either.
    assert.ok(error instanceof Deno.errors.NotFound);
    return;
  }
  const complaints = new TextDecoder().decode(done.stderr).split("\n")
    .filter((line) => line.includes("anklume"));
  assert.deepEqual(complaints, []);
});
