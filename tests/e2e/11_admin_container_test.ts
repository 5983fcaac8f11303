import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { withElement } from "../../lib/handover/_place.ts";
import { LINGER } from "../_linger.ts";
import {
  IMAGE,
  inMachine,
  Lab,
  liveInstances,
  must,
  type Outcome,
  REPOSITORY,
  run,
} from "./_lab.ts";

/* All work from inside the admin container, and what the host accepts from it. */

const CONTROL = `
project_name: tower
global: { default_os_image: "${IMAGE}" }
domains:
  control:
    ephemeral: true
    trust_level: admin
    machines: { admin-ws: { roles: [admin] } }
`;
const TWO_MORE = `
  left:
    ephemeral: true
    machines: { left-a: { roles: [base_system] }, left-b: {} }
  right:
    ephemeral: true
    internet: false
    machines: { right-a: { roles: [base_system] } }
`;

const REQUESTS = ".anklume/host/requests";
const ANSWERS = ".anklume/host/answers";

/** Runs `anklume ARGS` in the admin container, as a user at its prompt. */
function inside(...args: string[]): Promise<Outcome> {
  return inMachine("control", "admin-ws", "env", "-C", "/workspace", "anklume", ...args);
}

async function insideDone(...args: string[]): Promise<Outcome> {
  const outcome = await inside(...args);
  assert.equal(outcome.code, 0, `${args.join(" ")}\n${outcome.stdout}${outcome.stderr}`);
  return outcome;
}

async function running(): Promise<string[]> {
  const live = await liveInstances();
  return live.filter(({ status }) => status === "Running").map(({ name }) => name).toSorted();
}

interface Answer {
  readonly ok: boolean;
  readonly message?: string;
}

/**
 * Writes a request into the workspace as root of the container, and waits for the answer;
 * undefined: none came within `patience` seconds after the request was read.
 */
async function handOver(text: string, patience = 20): Promise<Answer | undefined> {
  const name = `${crypto.randomUUID()}.json`;
  const script = `cd /workspace
    cat > ${REQUESTS}/.${name} && mv ${REQUESTS}/.${name} ${REQUESTS}/${name}
    left=${patience * 20}
    for i in $(seq 600); do
      if [ -e ${ANSWERS}/${name} ]; then cat ${ANSWERS}/${name}; rm ${ANSWERS}/${name}; exit; fi
      if [ ! -e ${REQUESTS}/${name} ]; then left=$((left - 1)); fi
      if [ $left = 0 ]; then exit; fi
      sleep 0.05
    done
    echo "nobody took it" >&2; exit 1`;
  const argv = [
    "incus",
    "exec",
    "--project",
    "control",
    "admin-ws",
    "--",
    ...LINGER,
    "sh",
    "-c",
    script,
  ];
  const said = await must(argv, text);
  return said === "" ? undefined : JSON.parse(said) as Answer;
}

function load(ruleset: string): string {
  return JSON.stringify({ format: 1, action: "load", ruleset });
}

/** Requests that a compromised admin container may try: each is refused, and nothing changes. */
function malicious(good: string): Record<string, string> {
  const changed = (from: string | RegExp, to: string): string => {
    const text = good.replace(from, to);
    assert.notEqual(text, good, String(from));
    return load(text);
  };
  return {
    "another table": load(`${good}table inet filter {\n}\n`),
    "a flush": load(`flush ruleset\n${good}`),
    "somebody else's table": load(`delete table ip foreign_docker\n${good}`),
    "an include": load(`include "/etc/shadow"\n${good}`),
    "another infra's tables": changed(/anklume_tower/g, "anklume_other"),
    "another infra's mark": changed(/(anklume 1 )[0-9a-f]{8}/g, "$1ffffffff"),
    "a rule of its own": changed("\tchain forward {", "\tchain forward {\n\t\taccept"),
    "a hook of its own": changed("priority filter - 10", "priority filter - 300"),
    "a drop taken out": changed("\t\tcounter drop\n", ""),
    "a policy turned": changed("policy accept;", "policy drop;"),
    "the host's card as a bridge": changed(/"net-control" comment/, '"eth0" comment'),
    "Docker's bridge": changed(/"net-control" comment/, '"docker0" comment'),
    "the host's card as a port": changed(/"ak[a-z0-9]+" comment/, '"eth0" comment'),
    "a public network": changed(/(set subnets \{.*?\t\t\t)[\d.]+/s, "$18.8.8.0"),
    "an element that ends its set": changed(/\t\t\t"net-/, '\t\t\t"x" } ; flush ruleset ; { "net-'),
    "a comment that ends early": changed(/comment "control"/, 'comment "x" accept "'),
    "half of it": load(good.slice(0, good.length / 2)),
    "nothing": load(""),
  };
}

/** Files that are no requests: they get no answer. */
function noRequests(good: string): Record<string, string> {
  return {
    "an unknown action": JSON.stringify({ format: 1, action: "run", ruleset: good }),
    "another format": JSON.stringify({ format: 2, action: "load", ruleset: good }),
    "no JSON": "nft flush ruleset",
    "far too much": load(good + "#".repeat(9_000_000)),
  };
}

/** Another infra on the same host: only rules. */
const BESIDE = `
project_name: beside
global: { default_os_image: "${IMAGE}", addressing: { zone_base: 170 } }
domains:
  beside:
    ephemeral: true
    machines: { beside-a: { publish: [{ host: 2222, to: 22 }] } }
`;

/** Adds a domain to each set where it belongs. */
function withDomain(good: string, bridge: string, subnet: string): string {
  let text = withElement(good, "inet bridges", `"${bridge}"`);
  text = withElement(text, "inet own", `"${bridge}" . "${bridge}"`);
  text = withElement(text, "inet gateways", `"${bridge}" . ${subnet.replace(/0$/, "254")}`);
  text = withElement(text, "inet subnets", subnet);
  return withElement(text, "bridge subnets", subnet);
}

/**
 * Rules in the form of ours that would reach beyond the infra, after the sentence of
 * docs/isolation.md: "It cannot touch another table, another infra, Docker's or the host's
 * traffic."
 */
function reaching(
  good: string,
  dockersMac: string,
): Record<string, [string, RegExp]> {
  const machine = /"net-left" \. [0-9a-f:]{17} \. ([\d.]+)/.exec(good);
  assert.ok(machine !== null, good);
  const add = (set: string, element: string) => withElement(good, set, element);
  return {
    "Docker's subnet as a domain's": [withDomain(good, "net-x", "172.17.0.0"), /on docker0/],
    "Docker's port": [add("bridge ports", '"vethdocker"'), /not a port of a machine/],
    "Docker's container": [add("bridge macs", dockersMac), /not a MAC|neighbour/],
    "Docker as the outside": [add("inet outside", '"docker0"'), /not the outside/],
    "a port to Docker": [add("inet publish", "tcp . 4000 : 172.17.0.2 . 80"), /in no subnet/],
    "the host's own port": [
      add("inet publish", `tcp . 22 : ${machine[1]} . 22`),
      /listens at tcp port 22/,
    ],
    "another infra's bridge": [
      add("inet bridges", '"net-beside"'),
      /the infra "beside" has the bridge/,
    ],
    "another infra's published port": [
      add("inet publish", `tcp . 2222 : ${machine[1]} . 22`),
      /the infra "beside" has the publish/,
    ],
    "a stranger's bridge": [add("inet bridges", '"net-stray"'), /Incus does not know/],
    "a stranger's machine": [add("bridge ports", '"strayport"'), /belongs to default\/stray/],
  };
}

/** Returns all rules of the host in nftables, without counters. */
function hostRules(): Promise<string> {
  return must(["nft", "--stateless", "list", "ruleset"]);
}

Deno.test("the admin container drives its host, and the host's unit accepts anklume's rules only", async (t) => {
  await using lab = await Lab.create(CONTROL);
  // Its role installs this host's Ansible.
  await lab.anklume(["apply"]);

  await t.step("nothing starts while the host does not listen", async () => {
    await lab.anklume(["host", "status"], 1);
    const status = await insideDone("status");
    assert.match(status.stdout, /Firewall\s+unknown/);
    await lab.write("infra.yml", CONTROL + TWO_MORE);
    const refused = await inside("apply", "--infra");
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(
      refused.stderr,
      /no\s+unit\s+there\s+accepts\s+rulesets.*anklume\s+host\s+install/s,
    );
    assert.deepEqual(await running(), ["admin-ws"]);
  });

  await t.step("the host listens: units that systemd accepts", async () => {
    await lab.anklume(["host", "install"]);
    assert.match((await lab.anklume(["host", "status"])).stdout, /^listens/);
    const units = ["path", "service"].map((kind) => `/etc/anklume/anklume-handover-tower.${kind}`);
    assert.equal(await must(["systemd-analyze", "verify", ...units]), "");
  });

  await t.step(
    "two domains built and provisioned from inside, with the host's own firewall",
    async () => {
      const built = await insideDone("apply");
      assert.match(built.stdout, /Provisioned: 2 machines/);
      assert.deepEqual(await running(), ["admin-ws", "left-a", "left-b", "right-a"]);
      assert.match(await hostRules(), /set bridges \{[^}]*net-right/);
      // Host and container see the same state.
      await insideDone("check", "--exit-code");
      await lab.expectEmptyPlan();
      assert.match((await insideDone("status")).stdout, /Firewall\s+loaded, as rendered/);
      assert.equal((await insideDone("exec", "right-a", "--", "hostname")).stdout, "right-a\n");
    },
  );

  await t.step("what looks at the host's own kernel is left to the host", async () => {
    for (const verb of [["network", "verify"], ["network", "rules"], ["doctor"]]) {
      const refused = await inside(...verb);
      assert.equal(refused.code, 2, refused.stdout);
      assert.match(refused.stderr, /the command is for its host/);
    }
  });

  await t.step("the workspace's lock is one", async () => {
    const host = new Deno.Command("flock", {
      args: ["--no-fork", `${lab.dir}/.anklume/lock`, "sleep", "60"],
    }).spawn();
    await sleep(300);
    const refused = await inside("apply", "--infra");
    host.kill("SIGKILL");
    await host.status;
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is working on this workspace/);
  });

  await t.step("malicious rulesets, each refused", async () => {
    const good = await lab.read(".anklume/nft/tower.nft");
    assert.equal((await handOver(load(good)))?.ok, true, "the good one is taken");
    const before = await hostRules();
    for (const [what, request] of Object.entries(malicious(good))) {
      assert.equal((await handOver(request))?.ok, false, what);
      assert.equal(await hostRules(), before, what);
    }
    for (const [what, request] of Object.entries(noRequests(good))) {
      assert.equal(await handOver(request, 1), undefined, what);
      assert.equal(await hostRules(), before, what);
    }
    assert.equal(await must(["sh", "-c", "ls /etc/anklume/*.nft"]), "/etc/anklume/tower.nft\n");
  });

  await t.step("nothing that reaches beyond the infra, sentence by sentence", async () => {
    await using beside = await Lab.create(BESIDE);
    await beside.anklume(["network", "deploy"]);
    await must(["incus", "init", "--quiet", IMAGE, "stray"]);
    try {
      const nic = ["nic", "nictype=bridged", "parent=docker0", "host_name=strayport"];
      await must(["incus", "config", "device", "add", "stray", "eth0", ...nic]);
      await must(["ip", "link", "add", "net-stray", "type", "bridge"]);
      const link = await must(["ip", "-n", "docker", "-json", "link", "show", "eth0"]);
      const [{ address: dockersMac }] = JSON.parse(link);
      const good = await lab.read(".anklume/nft/tower.nft");
      const before = await hostRules();
      for (const [what, [text, because]] of Object.entries(reaching(good, dockersMac))) {
        const answer = await handOver(load(text));
        assert.equal(answer?.ok, false, what);
        assert.match(answer?.message ?? "", because, what);
        assert.equal(await hostRules(), before, what);
      }
      const removed = await handOver(JSON.stringify({ format: 1, action: "remove" }));
      assert.match(removed?.message ?? "", /as long as one of their bridges exists: net-control/);
      assert.equal(await hostRules(), before);
    } finally {
      await run(["ip", "link", "delete", "net-stray"]);
      await run(["incus", "delete", "--force", "stray"]);
    }
  });

  await t.step(
    "the container can do what infra.yml can: a policy, a port, the internet",
    async () => {
      const good = await lab.read(".anklume/nft/tower.nft");
      const [, left] = /"net-left" \. [0-9a-f:]{17} \. ([\d.]+)/.exec(good)!;
      const [, right] = /"net-right" \. [0-9a-f:]{17} \. ([\d.]+)/.exec(good)!;
      let text = withElement(good, "inet policies", `${left} . ${right} . 6 . 7777`);
      text = withElement(text, "inet publish", `tcp . 40000 : ${left} . 22`);
      text = withElement(text, "inet published", `40000 . tcp . ${left} . 22`);
      text = withElement(text, "inet host_ports", "6 . 40000");
      text = withElement(
        text,
        "inet internet",
        `${right!.replace(/\d+$/, "0")} : goto internet_full`,
      );
      assert.deepEqual(await handOver(load(text)), { format: 1, ok: true, result: null });
      assert.match(await hostRules(), /tcp \. 40000 : /);
      assert.equal((await handOver(load(good)))?.ok, true);
    },
  );

  await t.step("a request that is not a regular file of root is removed unread", async () => {
    const good = await lab.read(".anklume/nft/tower.nft");
    const place = `${lab.dir}/${REQUESTS}`;
    const name = () => `${place}/${crypto.randomUUID()}.json`;
    await Deno.symlink("/etc/shadow", name());
    await must(["mkfifo", name()]);
    await Deno.mkdir(`${place}/directory.json`);
    await Deno.writeTextFile(`${lab.dir}/second`, load(good));
    await Deno.link(`${lab.dir}/second`, name());
    await must(["truncate", "-s", "1T", name()]);
    await must(["mknod", name(), "c", "1", "5"]);
    await must([
      "sh",
      "-c",
      `touch "${place}/$(printf 'a\\nb.json')" "${place}/$(printf '\\377\\376.json')"`,
    ]);
    // The host may replace the directory at this time, and for a moment it is missing.
    const lay = `seq 3000 | sed 's|^|${place}/|' | xargs touch`;
    await must(["sh", "-c", `for i in 1 2 3 4 5; do ${lay} && exit 0; done; exit 1`]);
    await Deno.writeTextFile(`${place}/no-uuid.json`, load(good));
    const stranger = name();
    await Deno.writeTextFile(`${lab.dir}/stranger`, load(good.replaceAll("net-left", "net-gone")));
    await Deno.chown(`${lab.dir}/stranger`, 1000, 1000);
    await Deno.rename(`${lab.dir}/stranger`, stranger);
    for (let i = 0; i < 100 && (await Array.fromAsync(Deno.readDir(place))).length > 0; i++) {
      await sleep(100);
    }
    assert.deepEqual(await Array.fromAsync(Deno.readDir(place)), []);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${lab.dir}/${ANSWERS}`)), []);
    assert.doesNotMatch(await hostRules(), /net-gone/);
  });

  await t.step("it does not stop, delete or restore its own machine", async () => {
    for (const args of [["restart", "admin-ws"], ["stop", "control", "--force"]]) {
      const refused = await inside(...args);
      assert.equal(refused.code, 2, refused.stdout);
      assert.match(refused.stderr, /cannot\s+(restart|stop)\s+its\s+own\s+machine/);
    }
    const frozen = await inside("snapshot", "create", "--all", "--consistent");
    assert.equal(frozen.code, 2, frozen.stdout);
    assert.match(frozen.stderr, /cannot\s+freeze\s+its\s+own\s+machine/);
    await insideDone("snapshot", "create", "before", "--domain", "control", "--machine", "right-a");
    const back = await inside("snapshot", "restore", "before", "--yes", "--no-safety");
    assert.equal(back.code, 1, back.stderr);
    assert.match(back.stdout, /Not restored: admin-ws: it runs this anklume/);
    assert.match(back.stdout, /Restored: 1 machine/);
    const alone = await inside("snapshot", "restore", "before", "--yes", "--machine", "admin-ws");
    assert.equal(alone.code, 2, alone.stdout);
    assert.match(alone.stderr, /cannot\s+restore\s+its\s+own\s+machine/);
    await lab.write(
      "infra.yml",
      (CONTROL + TWO_MORE).replace("{ roles", '{ ip: "10.100.0.77", roles'),
    );
    const held = await inside("apply", "--infra", "--yes");
    assert.equal(held.code, 1);
    assert.match(held.stdout + held.stderr, /cannot\s+restart\s+its\s+own\s+machine/);
    const destroyed = await inside("destroy", "--yes", "--force", "--domain", "control");
    assert.equal(destroyed.code, 1);
    assert.match(destroyed.stdout + destroyed.stderr, /cannot\s+delete\s+its\s+own\s+machine/);
    assert.ok((await running()).includes("admin-ws"));
    // The host may do it.
    await lab.anklume(["apply", "--infra", "--yes"]);
    await insideDone("check");
  });

  await t.step("it survives a restart of Incus", async () => {
    await must([`${REPOSITORY}/scripts/hosts/testbed_daemon.sh`, "restart"]);
    assert.match((await insideDone("status")).stdout, /Firewall\s+loaded, as rendered/);
    await insideDone("apply", "--infra");
  });

  await t.step("torn down from inside, the last domain excepted", async () => {
    await insideDone("destroy", "--yes", "--domain", "left", "--domain", "right");
    assert.deepEqual(await running(), ["admin-ws"]);
  });

  await t.step("the host listens no more: nothing starts again", async () => {
    await lab.anklume(["host", "uninstall"]);
    assert.equal((await inside("apply", "--infra")).code, 1);
    assert.deepEqual(await running(), ["admin-ws"]);
  });
});
