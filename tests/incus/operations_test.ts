import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { Instances } from "../../lib/incus/instances.ts";
import { Operations } from "../../lib/incus/operations.ts";
import type { Query } from "../../lib/incus/path.ts";
import {
  type HttpAnswer,
  type Method,
  type RequestOptions,
  Transport,
  type WebSocketHandlers,
} from "../../lib/incus/transport.ts";
import { container, withIncus, withProject } from "./live_incus.ts";

/** Runs with a client whose transport misbehaves as `change` says. */
async function withTransport(
  transport: Transport,
  run: (instances: Instances) => Promise<void>,
): Promise<void> {
  using open = transport;
  await using operations = new Operations(open);
  await run(new Instances({ transport: open, operations }));
}

const SOCKET = { socket: "/var/lib/incus/unix.socket" };

class Traced extends Transport {
  readonly paths: string[] = [];
  override request(
    method: Method,
    path: string,
    options: RequestOptions = {},
  ): Promise<HttpAnswer> {
    this.paths.push(path);
    return super.request(method, path, options);
  }
  waits(): number {
    return this.paths.filter((path) => /^\/1\.0\/operations\/.*\/wait$/.test(path)).length;
  }
}

Deno.test("an operation is waited for by request when there is no event stream", () =>
  withIncus((incus) =>
    withProject(incus, "it-nostream", async () => {
      class NoStream extends Traced {
        override webSocket(): Promise<WebSocket> {
          return Promise.reject(new Error("no stream"));
        }
      }
      const transport = new NoStream(SOCKET);
      await withTransport(transport, async (instances) => {
        await instances.create("it-nostream", container("web"));
        await assert.rejects(
          instances.setState("it-nostream", "web", { action: "stop", force: true }),
          { message: /already stopped/ },
        );
        await instances.delete("it-nostream", "web");
      });
      assert.ok(transport.waits() >= 2);
      assert.deepEqual(await incus.instances.list({ project: "it-nostream" }), []);
    })
  ));

Deno.test("an operation survives an event stream that breaks, and the next one has a stream again", () =>
  withIncus((incus) =>
    withProject(incus, "it-broken", async () => {
      let streams = 0;
      class Breaking extends Traced {
        override async webSocket(
          path: string,
          query: Query,
          handlers: WebSocketHandlers = {},
        ): Promise<WebSocket> {
          const socket = await super.webSocket(path, query, handlers);
          // At the first event of an operation.
          if (++streams === 1) socket.addEventListener("message", () => socket.close());
          return socket;
        }
      }
      const transport = new Breaking(SOCKET);
      await withTransport(transport, async (instances) => {
        await instances.create("it-broken", container("web", { start: true }));
        assert.equal((await instances.state("it-broken", "web")).status, "Running");
        await instances.setState("it-broken", "web", { action: "stop", force: true });
      });
      assert.equal(streams, 2);
      assert.ok(transport.waits() <= 1);
    })
  ));

Deno.test("an operation that Incus has forgotten is judged by the resource", () =>
  withIncus((incus) =>
    withProject(incus, "it-forgotten", async () => {
      class Late extends Traced {
        override webSocket(): Promise<WebSocket> {
          return Promise.reject(new Error("no stream"));
        }
        override async request(
          method: Method,
          path: string,
          options: RequestOptions = {},
        ): Promise<HttpAnswer> {
          // Incus keeps an operation for five seconds after its end.
          if (path.endsWith("/wait")) await sleep(7000);
          return await super.request(method, path, options);
        }
      }
      await withTransport(new Late(SOCKET), async (instances) => {
        await Promise.all([
          instances.create("it-forgotten", container("web")),
          assert.rejects(
            instances.create(
              "it-forgotten",
              container("none", { source: { type: "image", alias: "no-such-image" } }),
            ),
            { name: "IncusError" },
          ),
        ]);
      });
      const names = (await incus.instances.list({ project: "it-forgotten" }))
        .map(({ name }) => name);
      assert.deepEqual(names, ["web"]);
    })
  ));

Deno.test("an interrupted wait ends at once and Incus goes on", () =>
  withIncus((incus) =>
    withProject(incus, "it-abort", async () => {
      const reason = new Error("Ctrl-C");
      const interrupt = new AbortController();
      const creating = incus.instances.create("it-abort", container("web"), {
        signal: interrupt.signal,
      });
      for (let looks = 0; !(await incus.instances.list({ project: "it-abort" })).length; looks++) {
        assert.ok(looks < 5000, "Incus has not accepted the request");
        // It is complete a tenth of a second later: the interrupt has to come before that.
        await sleep(2);
      }
      interrupt.abort(reason);
      await assert.rejects(creating, reason);
      // It exists, complete, a moment later.
      await incus.instances.setState("it-abort", "web", { action: "start" });
      assert.equal((await incus.instances.state("it-abort", "web")).status, "Running");
    })
  ));
