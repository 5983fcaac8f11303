import assert from "node:assert/strict";
import { connectIncus, DEFAULT_SOCKETS } from "../../lib/incus/incus_client.ts";
import { IncusError } from "../../lib/incus/incus_error.ts";
import { withIncus } from "./live_incus.ts";

Deno.test("connectIncus() takes one request and knows the daemon", () =>
  withIncus(async (incus, requests) => {
    assert.equal(incus.requestCount, 1);
    assert.deepEqual(requests.map(({ method, path, status }) => [method, path, status]), [
      ["GET", "/1.0", 200],
    ]);
    assert.equal(incus.info.environment.server, "incus");
    assert.equal(incus.socket, DEFAULT_SOCKETS[0]);
    const { memory, cpu } = await incus.server.resources();
    assert.ok(memory.total > 0 && cpu.total > 0);
  }));

Deno.test("a client leaves no silent connection, which would stop the daemon", async () => {
  // In a new process, where a pool (Deno's default) opens a connection in advance and sends nothing
  // over it.
  const module = import.meta.resolve("../../lib/incus/incus_client.ts");
  const script = `
    import { connectIncus } from ${JSON.stringify(module)};
    const incus = await connectIncus();
    await incus.server.resources();
    await incus.networks.list();
    console.log("ready");
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  for (let round = 0; round < 4; round++) {
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--cached-only", `data:application/typescript;base64,${btoa(script)}`],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    const first = await rawAnswer(DEFAULT_SOCKETS[0]);
    child.kill("SIGKILL");
    await reader.cancel();
    assert.equal(first, "HTTP/1.0 200 OK");
  }
});

/**
 * Returns the first line of the daemon's answer to another connection; `late` after two seconds.
 */
async function rawAnswer(path: string): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path });
  await connection.write(new TextEncoder().encode("GET /1.0 HTTP/1.0\r\nHost: incus\r\n\r\n"));
  const bytes = new Uint8Array(1024);
  let timer: number | undefined;
  const late = new Promise<string>((resolve) => timer = setTimeout(() => resolve("late"), 2000));
  const line = connection.read(bytes).then(() => new TextDecoder().decode(bytes).split("\r\n")[0]!);
  const first = await Promise.race([line, late]);
  clearTimeout(timer);
  return first;
}

Deno.test("a refusal carries Incus's own words, the status and the request", () =>
  withIncus(async (incus) => {
    await assert.rejects(incus.projects.get("no-such-project"), (error) => {
      assert.ok(error instanceof IncusError);
      assert.equal(error.status, 404);
      assert.equal(error.method, "GET");
      assert.equal(error.path, "/1.0/projects/no-such-project");
      assert.equal(error.message, "Project not found");
      return true;
    });
  }));

Deno.test("the client is content with the grants of the binary", async () => {
  const module = import.meta.resolve("../../lib/incus/incus_client.ts");
  const script = `
    import { connectIncus } from ${JSON.stringify(module)};
    await using incus = await connectIncus();
    await incus.volumes.create("default", "default", { name: "granted", description: "", config: {} });
    await incus.volumes.delete("default", "default", "granted");
    console.log(incus.requestCount);`;
  const flags = await Deno.readTextFile(
    new URL("../../scripts/lib/permissions.txt", import.meta.url),
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--cached-only",
      ...flags.split("\n").filter((line) => line.startsWith("--")),
      `data:application/typescript;base64,${btoa(script)}`,
    ],
  }).output();
  // The connection, the event stream, two changes.
  assert.equal(new TextDecoder().decode(stdout), "4\n", new TextDecoder().decode(stderr));
});

Deno.test("one client can be closed while another works on", async () => {
  const first = await connectIncus();
  await using second = await connectIncus();
  await first.close();
  assert.ok((await second.projects.list()).length > 0);
});
