import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { LINGER } from "../_linger.ts";
import type { FaultHost } from "./host.ts";

/*
 * Two infras, and a plan between them that creates, updates, restarts, moves, replaces and deletes;
 * `a` to `b` and back. Two domains do not change: their machines look for holes all the time.
 */
export type Side = "a" | "b";

const IMAGE = "local:anklume-test";
const EYE = "10.120.0.10";
const ALLY = "10.120.1.10";

/** @param fingerprint another name of the same image: an edited `image:` makes a replacement */
export function infraOf(side: Side, fingerprint: string): string {
  const b = side === "b";
  return `project_name: faults
global: { default_os_image: "${IMAGE}" }
domains:
  watch: { subnet_id: 0, ephemeral: true, machines: { eye: { ip: ${EYE} } } }
  ally: { subnet_id: 1, ephemeral: true, machines: { friend: { ip: ${ALLY} } } }
  work:
    subnet_id: 2
    ephemeral: true
    internet: ${b}
    description: ${b ? "after" : "before"}
    profiles: { limits: { config: { limits.processes: "${b ? 900 : 800}" } } }
    machines:
      # Restarted: its address changes. Its disk and its volume stay.
      web:
        ip: 10.120.2.${b ? 22 : 21}
        profiles: [default, limits]
        config: { limits.memory: ${b ? "512MiB" : "256MiB"} }
        storage_volumes: { data: { path: /data } }
      # Replaced: its image is edited and it has a snapshot. Its volume stays.
      db:
        image: "local:${b ? fingerprint : IMAGE.slice("local:".length)}"
        ip: 10.120.2.31
        storage_volumes: { data: { path: /data } }
      ${b ? "new" : "old"}: { ip: 10.120.2.4${b ? 1 : 2} }
      # Renamed: its disk stays.
      ${b ? "novel" : "tale"}: { ip: 10.120.2.60, renamed_from: ${b ? "tale" : "novel"} }
${b ? "" : "      mover: { ip: 10.120.2.50 }"}
${b ? "  extra: { subnet_id: 3, ephemeral: true, machines: { mover: { ip: 10.120.3.50 } } }" : ""}
network_policies:
  - { from: eye, to: friend, ports: all }
`;
}

const MACHINES: Record<Side, readonly string[]> = {
  a: ["ally/friend", "watch/eye", "work/db", "work/mover", "work/old", "work/tale", "work/web"],
  b: ["ally/friend", "extra/mover", "watch/eye", "work/db", "work/new", "work/novel", "work/web"],
};

interface Live {
  readonly name: string;
  readonly project: string;
  readonly status: string;
  readonly config: Readonly<Record<string, string>>;
}

async function live(host: FaultHost): Promise<Live[]> {
  const path = "/1.0/instances?recursion=1&all-projects=true";
  return JSON.parse(await host.must(["incus", "query", path])) as Live[];
}

const KEPT = ["eye", "friend", "web", "mover", "tale"];
/** Its name on the other side. */
const RENAMED: Readonly<Record<string, string>> = { novel: "tale" };

/** Returns `volatile.uuid` of the machines that no plan here may lose. */
export async function identities(host: FaultHost): Promise<Map<string, string>> {
  const machines = await live(host);
  return new Map(
    machines.map(({ name, config }) =>
      [RENAMED[name] ?? name, config["volatile.uuid"] ?? ""] as const
    ).filter(([name]) => KEPT.includes(name)),
  );
}

/** Makes data on disks and volumes, the user's files, and the probers. */
export async function prepare(host: FaultHost): Promise<void> {
  const exec = (project: string, name: string, line: string) =>
    host.must(["incus", "exec", "--project", project, name, "--", "sh", "-c", line]);
  await exec("work", "web", "echo web > /data/mine; echo web > /root/mine; sync");
  await exec("work", "db", "echo db > /data/mine; sync");
  await exec("work", "mover", "echo mover > /root/mine; sync");
  await exec("work", "tale", "echo tale > /root/mine; sync");
  await Deno.writeTextFile(
    `${host.workspace}/host_vars/web.yml`,
    `${await Deno.readTextFile(`${host.workspace}/host_vars/web.yml`)}mine: of the user\n`,
  );
  await Deno.mkdir(`${host.workspace}/roles/mine/tasks`, { recursive: true });
  await Deno.writeTextFile(`${host.workspace}/roles/mine/tasks/main.yml`, "# of the user\n");
  const script = new URL("prober.py", import.meta.url).pathname;
  const targets = [0, 1, 2, 3].flatMap((subnet) =>
    [10, 21, 22, 31, 41, 42, 50, 60, 254].map((last) => `10.120.${subnet}.${last}`)
  );
  for (
    const [project, name, own, peer] of [
      ["watch", "eye", "10.120.0.", ALLY],
      ["ally", "friend", "10.120.1.", EYE],
    ] as const
  ) {
    const others = targets.filter((target) => !target.startsWith(own));
    // It is always started again.
    const unit =
      `[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/usr/bin/python3 /root/prober.py ${own} ${peer} ${
        others.join(" ")
      }\nRestart=always\nRestartSec=0\n[Install]\nWantedBy=multi-user.target\n`;
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, unit);
    const at = (path: string) => `${name}/${path}`;
    await host.must(["incus", "file", "push", "--project", project, script, at("root/prober.py")]);
    await host.must(
      [
        "incus",
        "file",
        "push",
        "--project",
        project,
        file,
        at("etc/systemd/system/prober.service"),
      ],
    );
    await Deno.remove(file);
    await exec(project, name, "systemctl enable --now prober.service");
  }
}

const PROBERS = [["watch", "eye"], ["ally", "friend"]] as const;
/** Every half second, for fifteen seconds. */
const LOOKS = 30;

/**
 * Deletes the table that isolates the domains: probers that see nothing then would never see
 * anything. `close` loads it again, and the probers start again.
 * @returns what each had seen
 */
export async function proveProbers(
  host: FaultHost,
  close: () => Promise<void>,
): Promise<readonly string[]> {
  const exec = async (project: string, name: string, line: string) =>
    await host.must(["incus", "exec", "--project", project, name, "--", "sh", "-c", line]);
  const seen = () =>
    Promise.all(
      PROBERS.map(([project, name]) => exec(project, name, "cat /root/holes 2>/dev/null || true")),
    );
  assert.deepEqual((await seen()).map((holes) => holes.trim()), ["", ""], "nothing is open yet");
  await host.must(["nft", "delete", "table", "inet", "anklume_faults"]);
  let holes = await seen();
  for (let look = 0; look < LOOKS && holes.some((each) => each.trim() === ""); look++) {
    await sleep(500);
    holes = await seen();
  }
  await close();
  for (const [index, [project, name]] of PROBERS.entries()) {
    assert.match(holes[index]!, /^10\.120\.\d\.\d+ -> 10\.120/, `${name} saw no open firewall`);
    await exec(project, name, "systemctl stop prober; : >/root/holes; systemctl start prober");
  }
  return holes;
}

/** Returns how often the eye has heard its ally: it is running. */
export async function beats(host: FaultHost): Promise<number> {
  const { text } = await host.run(
    ["incus", "exec", "--project", "watch", "eye", "--", ...LINGER, "cat", "/root/beats"],
  );
  return Number(text.trim()) || 0;
}

/** Asserts all that must be true after the second apply. */
export async function verify(
  host: FaultHost,
  side: Side,
  before: ReadonlyMap<string, string>,
  infra: string,
): Promise<void> {
  const check = await host.anklume("check", "--exit-code");
  assert.equal(check.code, 0, `check is not empty\n${check.text}`);
  const machines = await live(host);
  assert.deepEqual(
    machines.map(({ project, name, status }) => `${project}/${name} ${status}`).sort(),
    MACHINES[side].map((name) => `${name} Running`),
  );
  assert.deepEqual(await identities(host), before, "a machine was made anew that no plan named");
  const mover = side === "b" ? "extra" : "work";
  const read = async (project: string, name: string, files: string) =>
    (await host.must([
      "incus",
      "exec",
      "--project",
      project,
      name,
      "--",
      ...LINGER,
      "cat",
      ...files.split(" "),
    ]))
      .trim();
  assert.equal(await read("work", "web", "/data/mine /root/mine"), "web\nweb");
  assert.equal(await read("work", "db", "/data/mine"), "db");
  assert.equal(await read(mover, "mover", "/root/mine"), "mover");
  assert.equal(await read("work", side === "b" ? "novel" : "tale", "/root/mine"), "tale");
  assert.equal(await Deno.readTextFile(`${host.workspace}/infra.yml`), infra);
  assert.match(
    await Deno.readTextFile(`${host.workspace}/host_vars/web.yml`),
    /^mine: of the user$/m,
  );
  assert.equal(
    await Deno.readTextFile(`${host.workspace}/roles/mine/tasks/main.yml`),
    "# of the user\n",
  );
  for (const [project, name] of PROBERS) {
    assert.equal(await read(project, name, "/root/holes"), "", `${name} was reached from outside`);
  }
}
