import assert from "node:assert/strict";
import { CommandError, type CommandOptions, PATIENCE_MS, runCommand } from "./command.ts";

async function failure(promise: Promise<unknown>): Promise<CommandError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof CommandError, String(error));
    return error;
  }
  assert.fail("the command succeeded");
}

Deno.test("runCommand() returns both streams and the status", async () => {
  const result = await runCommand(["sh", "-c", "cat; echo oops >&2; exit 3"], {
    stdin: "héllo",
    okCodes: [0, 3],
  });
  assert.deepEqual(result, { code: 3, stdout: "héllo", stderr: "oops\n" });
});

Deno.test("runCommand() passes arguments as data, not as shell words", async () => {
  const { stdout } = await runCommand(["printf", "%s|", "$HOME; rm -rf /", "a b", ""]);
  assert.equal(stdout, "$HOME; rm -rf /|a b||");
});

Deno.test("runCommand() gives an empty standard input when none is named", async () => {
  assert.equal((await runCommand(["cat"])).stdout, "");
});

Deno.test("runCommand() keeps Ctrl-C from a program that nobody may interrupt, and from no other", async () => {
  const groupOf = async (options: CommandOptions) =>
    (await runCommand(["cut", "-d ", "-f5", "/proc/self/stat"], options)).stdout.trim();
  const ours = Deno.readTextFileSync("/proc/self/stat").split(" ")[4];
  assert.equal(await groupOf({ signal: new AbortController().signal }), ours);
  assert.notEqual(await groupOf({}), ours);
});

Deno.test("runCommand() reports a failing program with its own first words", async () => {
  const error = await failure(runCommand(["sh", "-c", "echo bad thing >&2; exit 4"]));
  assert.equal(error.reason, "failed");
  assert.equal(error.code, 4);
  assert.equal(error.message, "sh failed with status 4: bad thing");
  assert.equal(error.stderr, "bad thing\n");
});

Deno.test("runCommand() tells a missing program from a missing directory", async () => {
  assert.equal((await failure(runCommand(["no-such-program"]))).reason, "missing");
  const gone = await failure(runCommand(["true"], { cwd: "/no/such/directory" }));
  assert.equal(gone.reason, "no-directory");
});

Deno.test("runCommand() tells a program that is not granted from one that is missing", async () => {
  const script = `
    import { runCommand } from ${JSON.stringify(import.meta.resolve("./command.ts"))};
    for (const name of ["true", "false", "no-such-program"]) {
      await runCommand([name]).then(() => console.log("ran"), (error) => console.log(error.reason));
    }`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-run=true",
      "--allow-env=PATH",
      "--ignore-env",
      `data:application/typescript;base64,${btoa(script)}`,
    ],
    env: { LD_PRELOAD: "libc.so.6" },
  }).output();
  assert.deepEqual(new TextDecoder().decode(stdout).split("\n"), [
    "ran",
    "not-granted",
    "missing",
    "",
  ]);
});

Deno.test("runCommand() hands pieces of output over as they come, with whole characters", async () => {
  const pieces: string[] = [];
  const result = await runCommand(["sh", "-c", "printf '\\303'; sleep 0.1; printf '\\251t\\351'"], {
    output: (text, stream) => pieces.push(`${stream}:${text}`),
  });
  assert.equal(pieces.map((piece) => piece.replace("stdout:", "")).join(""), "ét\uFFFD");
  assert.equal(result.stdout, "");
});

Deno.test("runCommand() stops a program that takes too long", async () => {
  const error = await failure(runCommand(["sleep", "60"], { timeoutMs: 50 }));
  assert.equal(error.reason, "timeout");
  assert.match(error.message, /longer than 0.05 s/);
});

Deno.test("runCommand() gives an interrupted program time for its own ending", async () => {
  const interrupt = new AbortController();
  const running = failure(
    runCommand(["sh", "-c", "trap 'echo stopped >&2; exit 9' TERM; echo up; sleep 5 & wait"], {
      signal: interrupt.signal,
      output: (text) => text === "up\n" && interrupt.abort(),
    }),
  );
  const error = await running;
  assert.equal(error.reason, "interrupted");
  assert.equal(error.code, 9);
  assert.equal(error.stderr, "stopped\n");
});

Deno.test("runCommand() waits before it asks a program that had Ctrl-C already", async () => {
  const interrupt = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const running = failure(
    runCommand(["sh", "-c", "trap 'exit 9' TERM; echo up; sleep 0.3; exit 5"], {
      signal: interrupt.signal,
      stopAfterMs: 20_000,
      output: () => resolve(),
    }),
  );
  await promise;
  interrupt.abort();
  assert.equal((await running).code, 5);
});

Deno.test("runCommand() does not wait for a daemon that the program left behind", async () => {
  const start = performance.now();
  const { stdout } = await runCommand(["sh", "-c", "echo started; sleep 5 &"]);
  assert.equal(stdout, "started\n");
  assert.ok(performance.now() - start < 3000);
});

Deno.test("runCommand() starts nothing after an interrupt", async () => {
  const error = await failure(runCommand(["true"], { signal: AbortSignal.abort() }));
  assert.equal(error.reason, "interrupted");
});

Deno.test("runCommand() says by which signal a program died", async () => {
  const error = await failure(runCommand(["sh", "-c", "kill -KILL $$"]));
  assert.equal(error.reason, "killed");
  assert.match(error.message, /SIGKILL/);
});

Deno.test("runCommand() forgives a program that does not read its input", async () => {
  const { code } = await runCommand(["true"], { stdin: "x".repeat(1_000_000) });
  assert.equal(code, 0);
});

Deno.test("whoever asks the host gives it a minute: an emulated one's ip took more than ten seconds", async () => {
  const impatient: string[] = [];
  const look = async (directory: URL): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      const place = new URL(`${name}${isDirectory ? "/" : ""}`, directory);
      if (isDirectory) await look(place);
      else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) {
        const text = await Deno.readTextFile(place);
        for (
          const [said, value] of text.matchAll(
            /\b(?:timeoutMs:|TIMEOUT_MS =) ([\d_]+)(?![\d_]| \*)/g,
          )
        ) {
          if (Number(value!.replaceAll("_", "")) < PATIENCE_MS) impatient.push(`${name}: ${said}`);
        }
      }
    }
  };
  await look(new URL("../", import.meta.url));
  assert.deepEqual(impatient, []);
});
