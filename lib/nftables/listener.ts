import { CommandError, runCommand } from "../host/command.ts";
import type { NftOptions } from "./run_nft.ts";

/** A socket of the host that waits for whoever speaks to it: a program's, a systemd unit's, or the kernel's own. */
export interface Listener {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** `*` (both families), `0.0.0.0`, `::`, or one address. */
  readonly address: string;
  /** Where it is bound to one. */
  readonly interface?: string;
}

const TIMEOUT_MS = 10_000;

/** The host's listening sockets; no root needed. undefined: there is no `ss` to ask. */
export async function readListeners({ signal }: NftOptions): Promise<Listener[] | undefined> {
  try {
    const { stdout } = await runCommand(["ss", "-Hltun"], { signal, timeoutMs: TIMEOUT_MS });
    return parseListeners(stdout);
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return undefined;
    throw error;
  }
}

/**
 * Reads `ss -Hltun` (iproute2's `misc/ss.c`): `tcp LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:*`. What it does not know it leaves
 * out: a raw socket has no port.
 */
export function parseListeners(text: string): Listener[] {
  return text.split("\n").flatMap((line): Listener[] => {
    const [protocol, , , , local = ""] = line.trim().split(/\s+/);
    if (protocol !== "tcp" && protocol !== "udp") return [];
    const found = /^(.+):(\d+)$/.exec(local);
    if (found === null) return [];
    // `[fe80::1]%eth0` and `[fe80::1%eth0]` are both about.
    const [address = "", device] = found[1]!.replaceAll(/[[\]]/g, "").split("%");
    const port = Number(found[2]);
    return [{ protocol, port, address, ...(device === undefined ? {} : { interface: device }) }];
  });
}
