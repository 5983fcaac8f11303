import assert from "node:assert/strict";
import { IncusError, IncusUnreachableError } from "./incus_error.ts";
import {
  BRIDGE_CHILD_GONE,
  EXEC_TOO_EARLY,
  INSTANCE_BUSY,
  NAME_SERVER_NOT_GONE,
  outlastRestart,
  type Passing,
  retryPassing,
} from "./retry.ts";

const busy: Passing = { words: /busy/, attempts: 3, delayMs: 1 };

/** Fails with each of these texts in turn, then succeeds. Returns the number of calls. */
async function asked(words: readonly string[]): Promise<number> {
  let count = 0;
  await retryPassing(busy, () => {
    const message = words[count++];
    return message === undefined
      ? Promise.resolve()
      : Promise.reject(new IncusError(400, "PUT", "/1.0/x", message));
  });
  return count;
}

Deno.test("retryPassing() asks again after a passing refusal", async () => {
  assert.equal(await asked(["busy", "busy"]), 3);
});

Deno.test("retryPassing() gives up after its attempts, with the last refusal", async () => {
  await assert.rejects(asked(["busy", "busy", "still busy"]), { message: "still busy" });
});

Deno.test("retryPassing() does not repeat any other refusal", async () => {
  let count = 0;
  const refuse = (): Promise<never> => {
    count++;
    return Promise.reject(new IncusError(409, "POST", "/1.0/x", "already exists"));
  };
  await assert.rejects(retryPassing(busy, refuse), { status: 409 });
  assert.equal(count, 1);
});

Deno.test("the passing refusals are recognised in Incus's own words", () => {
  const gone = "Failed to delete bridge children interfaces: Failed to remove interface " +
    '"veth1a2b3c4d": veth1a2b3c4d does not exist';
  assert.match(gone, BRIDGE_CHILD_GONE.words);
  assert.match(
    'Failed to create instance delete operation: Instance is busy running a "stop" operation',
    INSTANCE_BUSY.words,
  );
  assert.match(
    "Failed to retrieve PID of executing child process",
    EXEC_TOO_EARLY.words,
  );
  assert.match(
    'The DNS and DHCP service exited prematurely: exit status 2 ("dnsmasq: failed to create ' +
      'listening socket for 10.170.0.254: Address already in use")',
    NAME_SERVER_NOT_GONE.words,
  );
  assert.doesNotMatch('The network "net-pro" already exists', BRIDGE_CHILD_GONE.words);
});

Deno.test("outlastRestart() asks again while the daemon is away, no longer than it may take, and after no other refusal", async () => {
  const refusal = (status: number, words: string) => new IncusError(status, "PUT", "/1.0/x", words);
  const asked = async (errors: readonly Error[], forMs: number) => {
    let count = 0;
    const ask = () => {
      const error = errors[count++];
      return error === undefined ? Promise.resolve("back") : Promise.reject(error);
    };
    return [await outlastRestart(ask, { forMs, pollMs: 1 }).catch((error) => error), count];
  };
  const restart = [
    refusal(500, "Incus is shutting down"),
    refusal(503, "Shutting down"),
    new IncusUnreachableError("closed", "/socket"),
    new IncusUnreachableError("refused", "/socket"),
    refusal(500, "Failed to begin transaction: sql: database is closed"),
  ];
  assert.deepEqual(await asked(restart, 5000), ["back", 6]);
  assert.deepEqual(await asked(restart, 0), [restart[0], 1]);
  const other = refusal(400, "The container is already running");
  assert.deepEqual(await asked([other], 5000), [other, 1]);
});
