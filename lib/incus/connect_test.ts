import assert from "node:assert/strict";
import { IncusTimeoutError, IncusUnreachableError } from "./incus_error.ts";
import { connectIncus } from "./incus_client.ts";

async function inTemporaryDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "anklume-incus-" });
  try {
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function unreachable(socket: string): Promise<IncusUnreachableError> {
  try {
    await connectIncus({ socket });
  } catch (error) {
    assert.ok(error instanceof IncusUnreachableError, String(error));
    assert.equal(error.socket, socket);
    return error;
  }
  assert.fail("something answered as Incus does");
}

Deno.test("connectIncus() tells a socket that is not there", () =>
  inTemporaryDirectory(async (directory) => {
    const error = await unreachable(`${directory}/unix.socket`);
    assert.equal(error.reason, "missing");
    assert.equal(
      error.message,
      `Cannot reach Incus at ${directory}/unix.socket: there is no such socket`,
    );
  }));

Deno.test("connectIncus() tells a socket that nobody listens on", () =>
  inTemporaryDirectory(async (directory) => {
    const socket = `${directory}/unix.socket`;
    const listener = Deno.listen({ transport: "unix", path: `${socket}.live` });
    // Closing removes the path that the socket was created with.
    await Deno.rename(`${socket}.live`, socket);
    listener.close();
    assert.equal((await unreachable(socket)).reason, "refused");
    await Deno.writeTextFile(`${directory}/file`, "");
    assert.equal((await unreachable(`${directory}/file`)).reason, "refused");
  }));

Deno.test("connectIncus() tells what is not Incus", () =>
  inTemporaryDirectory(async (directory) => {
    const path = `${directory}/unix.socket`;
    for (
      const body of ["<html>hello</html>", "{}", '{"type":"sync","metadata":{"auth":"trusted"}}']
    ) {
      await using _server = Deno.serve({ path, onListen() {} }, () => new Response(body));
      assert.equal((await unreachable(path)).reason, "not-incus", body);
    }
  }));

Deno.test("connectIncus() tells a daemon that does not trust this user", () =>
  inTemporaryDirectory(async (directory) => {
    const path = `${directory}/unix.socket`;
    const body = '{"type":"sync","metadata":{"auth":"untrusted"}}';
    await using _server = Deno.serve({ path, onListen() {} }, () => new Response(body));
    assert.equal((await unreachable(path)).reason, "untrusted");
  }));

Deno.test("connectIncus() asks once more when the connection is closed before the answer", () =>
  inTemporaryDirectory(async (directory) => {
    const path = `${directory}/unix.socket`;
    using listener = Deno.listen({ transport: "unix", path });
    let connections = 0;
    const accepting = (async () => {
      while (connections < 2) {
        const connection = await listener.accept();
        connections++;
        await connection.read(new Uint8Array(1024));
        connection.close();
      }
    })();
    assert.equal((await unreachable(path)).reason, "closed");
    await accepting;
    assert.equal(connections, 2);
  }));

Deno.test("connectIncus() ends when its signal is aborted", () =>
  inTemporaryDirectory(async (directory) => {
    const path = `${directory}/unix.socket`;
    using listener = Deno.listen({ transport: "unix", path });
    const accepting = listener.accept();
    const reason = new Error("Ctrl-C");
    const interrupt = new AbortController();
    const connecting = connectIncus({ socket: path, signal: interrupt.signal });
    using _connection = await accepting;
    interrupt.abort(reason);
    await assert.rejects(connecting, reason);
  }));

Deno.test("a daemon that never answers is a time-out that names the request", () =>
  inTemporaryDirectory(async (directory) => {
    const path = `${directory}/unix.socket`;
    const { Transport } = await import("./transport.ts");
    using listener = Deno.listen({ transport: "unix", path });
    using transport = new Transport({ socket: path });
    const accepting = listener.accept();
    const reading = transport.read("/1.0", { timeoutMs: 30 });
    using _connection = await accepting;
    await assert.rejects(reading, (error) => {
      assert.ok(error instanceof IncusTimeoutError);
      assert.equal(error.message, "Incus did not answer GET /1.0 within 0.03 s");
      return true;
    });
  }));

const CONNECT = `
  import { connectIncus } from ${JSON.stringify(import.meta.resolve("./incus_client.ts"))};
  await connectIncus({ socket: Deno.args[0] }).catch((error) => console.log(error.reason));`;

/** Returns the reason that a child process reports. `wrapper` runs it. */
async function reasonInChild(wrapper: readonly string[], grant: string, socket: string) {
  const [program = Deno.execPath(), ...before] = [...wrapper, Deno.execPath()];
  const { stdout } = await new Deno.Command(program, {
    args: [
      ...before,
      "run",
      "--no-prompt",
      "--allow-net=incus",
      `--allow-read=${grant}`,
      `--allow-write=${grant}`,
      `data:application/typescript;base64,${btoa(CONNECT)}`,
      socket,
    ],
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("connectIncus() tells a socket that the binary has no right to", () =>
  inTemporaryDirectory(async (directory) => {
    const socket = `${directory}/unix.socket`;
    assert.equal(await reasonInChild([], "/var/lib/incus/unix.socket", socket), "not-granted");
    assert.equal(await reasonInChild([], socket, socket), "missing");
  }));

Deno.test({
  name: "connectIncus() tells a socket that this user may not open",
  ignore: Deno.uid() !== 0,
  fn: () =>
    inTemporaryDirectory(async (directory) => {
      const socket = `${directory}/unix.socket`;
      using _listener = Deno.listen({ transport: "unix", path: socket });
      await Deno.chmod(socket, 0o600);
      await Deno.chown(socket, 4321, 4321);
      // Root without capabilities has only the rights of an ordinary user.
      const powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
      assert.equal(await reasonInChild(powerless, socket, socket), "denied");
    }),
});
