import assert from "node:assert/strict";
import { IMAGE, Lab, must, run } from "./_lab.ts";

const infra = (publish: string, name = "pub", zone = 100) =>
  `project_name: ${name}
global: { default_os_image: "${IMAGE}", addressing: { zone_base: ${zone} } }
domains:
  ${name}-web:
    trust_level: untrusted
    ephemeral: true
    machines:
      ${name}-w: { state: stopped, publish: [${publish}] }
`;

/** Starts a service of the host, until it is disposed of. */
async function listen(address: string, port: number, kind = "STREAM") {
  const code = "import socket,sys,time\n" +
    `s=socket.socket(${
      address.includes(":") ? "socket.AF_INET6" : "socket.AF_INET"
    },socket.SOCK_${kind})\n` +
    `s.bind((${JSON.stringify(address)},${port}))\n` +
    (kind === "STREAM" ? "s.listen()\n" : "") + "print('up',flush=True)\ntime.sleep(600)\n";
  const child = new Deno.Command("python3", { args: ["-c", code], stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async [Symbol.asyncDispose]() {
      child.kill();
      await reader.cancel();
      await child.status;
    },
  };
}

async function publishedLive(name: string): Promise<boolean> {
  return (await run(["nft", "list", "map", "inet", `anklume_${name}`, "publish"])).code === 0;
}

Deno.test("a port that the host, another infra or other rules use is not published before somebody says so", async (t) => {
  await using lab = await Lab.create(infra("{ host: 22, to: 22 }"));
  const refused = async (words: RegExp, publish: string) => {
    await lab.write("infra.yml", infra(publish));
    const { stdout } = await lab.anklume(["check", "--json"], 1);
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { code: string; severity: string; summary: string; range: unknown }[];
    };
    const found = diagnostics.find(({ code }) => code === "PUBLISH_TAKEN");
    assert.equal(found?.severity, "error", stdout);
    assert.match(found!.summary, words);
    assert.ok(found!.range !== undefined);
    await lab.anklume(["apply", "--infra", "--yes"], 1);
    await lab.anklume(["network", "deploy"], 1);
    assert.ok(!await publishedLive("pub"), "nothing was loaded");
  };

  // The testbed's own services: one in place of sshd, and one on UDP.
  await t.step("nothing is loaded where the host listens", async () => {
    await refused(
      /tcp port 22 leads to `pub-w`, and a program on the host listens there/,
      "{ host: 22, to: 22 }",
    );
    await refused(/udp port 9000/, "{ host: 9000, to: 9, protocol: udp }");
    await using _ = await listen("198.51.100.2", 2301);
    await refused(/tcp port 2301.*198\.51\.100\.2/, "{ host: 2301, to: 22 }");
  });

  await t.step("nor where Incus's network forwards or another infra have it", async () => {
    await must([
      "incus",
      "network",
      "create",
      "fwd0",
      "ipv4.address=10.77.0.1/24",
      "ipv6.address=none",
    ]);
    await must(["incus", "network", "forward", "create", "fwd0", "198.51.100.2"]);
    await must([
      "incus",
      "network",
      "forward",
      "port",
      "add",
      "fwd0",
      "198.51.100.2",
      "tcp",
      "2302",
      "10.77.0.5",
      "22",
    ]);
    await refused(/`table inet incus` send it elsewhere/, "{ host: 2302, to: 22 }");
    await must(["incus", "network", "delete", "fwd0"]);
    await using other = await Lab.create(infra("{ host: 2303, to: 22 }", "else", 200));
    await other.anklume(["apply", "--infra", "--yes"]);
    await refused(/another infra, `else`, publishes it/, "{ host: 2303, to: 22 }");
  });

  await t.step("what nobody outside reaches keeps its port beside it", async () => {
    await using _one = await listen("127.0.0.1", 2304);
    await using _two = await listen("172.17.0.1", 2304);
    await using _three = await listen("::1", 2304);
    await lab.write(
      "infra.yml",
      infra("{ host: 2304, to: 22 }, { host: 53, to: 53, protocol: udp }"),
    );
    await lab.anklume(["apply", "--infra", "--yes"]);
    await lab.expectEmptyPlan();
  });

  await t.step(
    "what comes to listen later is told of, and the rules can be loaded all the same",
    async () => {
      await using _ = await listen("0.0.0.0", 2304);
      await lab.expectEmptyPlan("PUBLISH_TAKEN");
      const status = await lab.anklume(["status"]);
      assert.match(status.stdout, /^Port {6}The host's tcp port 2304 leads to/m);
      assert.doesNotMatch(status.stdout, /all as declared/);
      const doctor = await lab.try(["doctor"]);
      assert.match(doctor.stdout, /listeners.*tcp port 2304/s);
      // After a flush, the file for the next boot still has the published ports.
      await must(["nft", "flush", "ruleset"]);
      await lab.anklume(["network", "deploy"]);
      assert.ok(await publishedLive("pub"));
      await lab.anklume(["apply", "--infra", "--yes"]);
    },
  );

  await t.step("it is done where infra.yml says that it is meant", async () => {
    await lab.write("infra.yml", infra("{ host: 22, to: 22, replace_host: true }"));
    await lab.anklume(["apply", "--infra", "--yes"]);
    await lab.expectEmptyPlan();
    assert.match((await lab.anklume(["status"])).stdout, /all as declared/);
  });
});
