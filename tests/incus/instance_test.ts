import assert from "node:assert/strict";
import { IncusError, IncusTimeoutError } from "../../lib/incus/incus_error.ts";
import type { InstancePut } from "../../lib/incus/wire/instance.ts";
import { container, withIncus, withProject } from "./live_incus.ts";

Deno.test("an instance lives its whole life through the client", () =>
  withIncus((incus, requests) =>
    withProject(incus, "it-life", async () => {
      const { instances } = incus;
      const progress: string[] = [];
      const events = () => requests.filter(({ path }) => path.startsWith("/1.0/events")).length;
      const opened = events();
      await instances.create(
        "it-life",
        container("web", { config: { "user.note": "1", "limits.cpu": "1" }, start: true }),
        { onProgress: (text) => progress.push(text) },
      );
      assert.equal((await instances.state("it-life", "web")).status, "Running");

      // In place: sets a key, unsets a key, adds a device and removes it again.
      await instances.patch("it-life", "web", {
        config: { "limits.cpu": "2", "user.note": "" },
        devices: { tmp: { type: "none" } },
      });
      const { value, etag } = await instances.get("it-life", "web");
      assert.equal(value.config["limits.cpu"], "2");
      assert.equal(value.config["user.note"], undefined);
      assert.ok(value.devices["tmp"]);
      const { tmp: _tmp, ...devices } = value.devices;
      const put: InstancePut = { ...value, devices };
      await instances.update("it-life", "web", put, { etag });
      assert.equal((await instances.get("it-life", "web")).value.devices["tmp"], undefined);
      await assert.rejects(instances.update("it-life", "web", put, { etag }), { status: 412 });

      // One request in each case.
      for (const list of [() => instances.list(), () => instances.listFull()]) {
        const before = incus.requestCount;
        const listed = await list();
        assert.equal(incus.requestCount - before, 1);
        const ours = listed.filter(({ project }) => project === "it-life");
        assert.deepEqual(ours.map(({ name }) => name), ["web"]);
      }
      const [full] = await instances.listFull({ project: "it-life" });
      assert.ok((full?.state?.pid ?? 0) > 0);

      // An init that has just started ignores a request to shut down.
      const forced = new Set(["stop", "restart"]);
      const state = (action: "stop" | "start" | "freeze" | "unfreeze" | "restart") =>
        instances.setState("it-life", "web", { action, force: forced.has(action) });
      for (
        const [action, status] of [
          ["freeze", "Frozen"],
          ["unfreeze", "Running"],
          ["stop", "Stopped"],
          ["start", "Running"],
          // As if somebody else had started it in the meantime.
          ["start", "Running"],
          ["restart", "Running"],
          ["stop", "Stopped"],
        ] as const
      ) {
        await state(action);
        assert.equal((await instances.get("it-life", "web")).value.status, status, action);
      }
      await instances.rebuild("it-life", "web", {
        source: { type: "image", alias: "anklume-test" },
      });
      await instances.delete("it-life", "web");
      assert.deepEqual(await instances.list({ project: "it-life" }), []);

      // One event stream for all, and no request for an operation.
      assert.ok(events() - opened <= 1);
      assert.deepEqual(requests.filter(({ path }) => path.startsWith("/1.0/operations")), []);
    })
  ));

Deno.test("a failed operation carries Incus's own words and the request that started it", () =>
  withIncus((incus) =>
    withProject(incus, "it-fail", async () => {
      await incus.instances.create("it-fail", container("web"));
      await assert.rejects(
        incus.instances.setState("it-fail", "web", { action: "stop", force: true }),
        (error) => {
          assert.ok(error instanceof IncusError);
          assert.equal(error.method, "PUT");
          assert.equal(error.path, "/1.0/instances/web/state?project=it-fail");
          assert.match(error.message, /already stopped/);
          return true;
        },
      );
      await assert.rejects(incus.instances.create("it-fail", container("web")), {
        name: "IncusError",
        // With Incus 6.0 the message is the database's.
        message: /already exists|UNIQUE constraint failed/,
      });
      const missing = container("other", { source: { type: "image", alias: "no-such-image" } });
      await assert.rejects(incus.instances.create("it-fail", missing), { name: "IncusError" });
    })
  ));

Deno.test("twelve instances made at once all run, over one event stream", () =>
  withIncus((incus, requests) =>
    withProject(incus, "it-many", async () => {
      const names = Array.from({ length: 12 }, (_, index) => `m${index}`);
      await Promise.all(names.map((name) => incus.instances.create("it-many", container(name))));
      assert.equal((await incus.instances.list({ project: "it-many" })).length, 12);
      assert.equal(requests.filter(({ path }) => path.startsWith("/1.0/events")).length, 1);
      await Promise.all(names.map((name) => incus.instances.delete("it-many", name)));
    })
  ));

Deno.test("exec() passes input, output, environment, place and status", () =>
  withIncus((incus) =>
    withProject(incus, "it-exec", async () => {
      await incus.instances.create("it-exec", container("web", { start: true }));
      const exec = incus.instances.exec.bind(incus.instances, "it-exec", "web");
      const first = await exec(["true"], { repeatable: true });
      assert.deepEqual(first, { status: 0, stdout: "", stderr: "" });

      assert.deepEqual(
        await exec(["sh", "-c", 'cat; echo "$NOTE in $PWD" >&2; exit 3'], {
          stdin: "héllo\n",
          environment: { NOTE: "a b; $(id)" },
          cwd: "/tmp",
        }),
        { status: 3, stdout: "héllo\n", stderr: "a b; $(id) in /tmp\n" },
      );
      assert.equal((await exec(["id", "-u"], { user: 65534, group: 65534 })).stdout, "65534\n");
      assert.equal((await exec(["printf", "%s|", "$HOME", "a b", ""])).stdout, "$HOME|a b||");

      const big = "0123456789abcdef".repeat(40_000);
      assert.equal((await exec(["cat"], { stdin: big })).stdout, big);
      assert.equal((await exec(["wc", "-c"], { stdin: big })).stdout.trim(), String(big.length));
      // Ends long before it has read its input.
      assert.equal((await exec(["true"], { stdin: big })).status, 0);

      assert.equal((await exec(["sh", "-c", "kill -9 $$"])).status, 137);
      const missing = await exec(["no-such-program"]).catch((error: unknown) => error);
      if (missing instanceof Error) assert.match(missing.message, /has no program/);
      else assert.equal((missing as { status: number }).status, 127);

      const echo = (word: string) => exec(["sh", "-c", `echo ${word}`]);

      // A program may end before all of its streams: one in ten lost its output when they were
      // opened at once.
      for (let i = 0; i < 100; i++) assert.equal((await echo("quick")).stdout, "quick\n");

      const many = Array.from({ length: 10 }, (_, index) => echo(String(index)));
      const outputs = (await Promise.all(many)).map(({ stdout }) => stdout.trim());
      assert.deepEqual(outputs, Array.from({ length: 10 }, (_, index) => String(index)));
    })
  ));

Deno.test("a start that LXC refuses fails with LXC's own reason", () =>
  withIncus((incus) =>
    withProject(incus, "it-refused", async () => {
      const config = { "linux.sysctl.net.nosuch": "1" };
      await incus.instances.create("it-refused", container("web", { config }));
      await assert.rejects(
        incus.instances.setState("it-refused", "web", { action: "start" }),
        { name: "IncusError", message: /net\.nosuch.*\(LXC, exit status 1\)/ },
      );
    })
  ));

Deno.test("exec() that is interrupted or out of time kills the program", () =>
  withIncus((incus) =>
    withProject(incus, "it-kill", async () => {
      await incus.instances.create("it-kill", container("web", { start: true }));
      const exec = incus.instances.exec.bind(incus.instances, "it-kill", "web");
      const gone = async (program: string): Promise<boolean> => {
        for (let tries = 0; tries < 50; tries++) {
          if ((await exec(["pgrep", "-fx", program])).status === 1) return true;
        }
        return false;
      };
      const reason = new Error("Ctrl-C");
      const interrupt = new AbortController();
      const running = exec(["sleep", "6001"], { signal: interrupt.signal });
      setTimeout(() => interrupt.abort(reason), 300);
      await assert.rejects(running, reason);
      assert.ok(await gone("sleep 6001"));

      await assert.rejects(exec(["sleep", "6002"], { timeoutMs: 300 }), (error) => {
        assert.ok(error instanceof IncusTimeoutError);
        assert.equal(error.ms, 300);
        return true;
      });
      assert.ok(await gone("sleep 6002"));
    })
  ));
