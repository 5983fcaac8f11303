import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { StreamSocket } from "./stream_socket.ts";

const utf8 = new TextEncoder();
/** RFC 6455: unmasked frames with short payloads, as a server sends them. */
const frame = (opcode: number, text: string) => [0x80 | opcode, text.length, ...utf8.encode(text)];
const [TEXT, BINARY, PING] = [1, 2, 9];

/** Answers one handshake, sends these frames and closes at once, as Incus does. */
async function serveOnce(listener: Deno.UnixListener, frames: readonly number[]): Promise<string> {
  using connection = await listener.accept();
  const bytes = new Uint8Array(4096);
  const request = new TextDecoder().decode(
    bytes.subarray(0, await connection.read(bytes) ?? 0),
  );
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1];
  // The constant of RFC 6455, section 1.3.
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
    `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  await connection.write(new Uint8Array([...utf8.encode(head), ...frames]));
  return request;
}

async function received(frames: readonly number[]) {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/socket`;
    using listener = Deno.listen({ transport: "unix", path });
    const serving = serveOnce(listener, frames);
    const seen: string[] = [];
    const ended = Promise.withResolvers<void>();
    const socket = await StreamSocket.open(path, "/1.0/x?secret=y", {
      onText: (text) => seen.push(`text ${text}`),
      onBytes: (bytes) => seen.push(`bytes ${new TextDecoder().decode(bytes)}`),
      onClose: ended.resolve,
    });
    await ended.promise;
    await socket.send("after the end");
    await socket.close();
    return { seen, request: await serving };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("StreamSocket reads what was sent before the connection was closed, though its pong fails", async () => {
  const frames = [...frame(PING, "keepalive"), ...frame(BINARY, "hello"), ...frame(TEXT, "")];
  for (let run = 0; run < 20; run++) {
    const { seen, request } = await received(frames);
    assert.deepEqual(seen, ["bytes hello", "text "]);
    assert.match(request, /^GET \/1\.0\/x\?secret=y HTTP\/1\.1\r\n/);
  }
});

Deno.test("StreamSocket.open() fails if there is no WebSocket", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/socket`;
  await assert.rejects(StreamSocket.open(path, "/"), Deno.errors.NotFound);
  {
    using listener = Deno.listen({ transport: "unix", path });
    const refused = (async () => {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(4096));
      await connection.write(utf8.encode("HTTP/1.1 403 Forbidden\r\n\r\n"));
    })();
    await assert.rejects(StreamSocket.open(path, "/"), /403/);
    await refused;
    const closed = listener.accept().then((connection) => connection.close());
    await assert.rejects(StreamSocket.open(path, "/"), /closed before/);
    await closed;
  }
  await Deno.remove(directory, { recursive: true });
});
