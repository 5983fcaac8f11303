import assert from "node:assert/strict";
import { CommandError } from "../host/command.ts";
import { FileError } from "../host/file_error.ts";
import { LockedError } from "../host/workspace_lock.ts";
import { IncusError, IncusUnreachableError } from "../incus/incus_error.ts";
import { FirewallError } from "../nftables/firewall_error.ts";
import { describeFault, reportFault } from "./fault.ts";
import type { Session } from "./session.ts";
import { UserError } from "./user_error.ts";

Deno.test("describeFault() says what happened and what to do about it", () => {
  const socket = "/var/lib/incus/unix.socket";
  for (
    const [error, message, remedy, status] of [
      [new IncusUnreachableError("missing", socket), /no such socket/, /apt install incus/, 1],
      [new IncusUnreachableError("denied", socket), /permission denied/, /incus-admin/, 1],
      [new IncusUnreachableError("refused", socket), /listening/, /systemctl start incus/, 1],
      [new CommandError(["nft"], "missing"), /nft is not installed/, /apt install nftables/, 1],
      [
        new FileError("write", "site.yml", "no-space"),
        /Cannot write site\.yml/,
        /Free some space/,
        1,
      ],
      [new FirewallError("refused", "nft said no", "Look"), /nft said no/, /Look/, 1],
      [new UserError("There is no domain `x`", "It has y"), /no domain/, /It has y/, 2],
    ] as const
  ) {
    const fault = describeFault(error);
    assert.match(fault.message, message);
    assert.match(fault.remedy ?? "", remedy);
    assert.equal(fault.status, status);
  }
});

Deno.test("describeFault() keeps Incus's own words, and the pid of who has the workspace", () => {
  const refused = new IncusError(400, "POST", "/1.0/networks", "Address already in use");
  assert.match(describeFault(refused).message, /POST \/1\.0\/networks with 400: Address already/);
  assert.match(describeFault(new LockedError({ pid: 4711 })).message, /process 4711/);
});

Deno.test("describeFault() calls what it does not know a bug, without a trace", () => {
  const { message, remedy } = describeFault(new RangeError("off by one"));
  assert.match(message, /bug in anklume: RangeError: off by one$/);
  assert.match(remedy ?? "", /ANKLUME_DEBUG=1/);
});

Deno.test("describeFault() takes what an interrupt broke off for no bug", () => {
  const error = new DOMException("The signal has been aborted", "AbortError");
  assert.deepEqual(describeFault(error, AbortSignal.abort()), {
    message: "Interrupted",
    status: 130,
  });
  assert.match(describeFault(error, new AbortController().signal).message, /bug/);
});

Deno.test("reportFault() lets no name speak to the terminal", () => {
  let said = "";
  const session = {
    terminal: { err: (text: string) => void (said += text) },
    err: { colors: { red: (text: string) => text }, width: 80 },
    signal: new AbortController().signal,
  } as unknown as Session;
  reportFault(new FileError("write", "a\u001b]0;owned\u0007/b", "no-space"), session);
  assert.match(said, /a\\u001b\]0;owned\\u0007\/b/);
});
