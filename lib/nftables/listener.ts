import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import type { NftOptions } from "./run_nft.ts";
import { optional } from "../diag/optional.ts";

/** A listening socket of the host: of a program, of a systemd unit, or of the kernel. */
export interface Listener {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** `*` (both families), `0.0.0.0`, `::`, or one address. */
  readonly address: string;
  /** The interface, if it is bound to one. */
  readonly interface?: string;
}

/** Reads the host's listening sockets; needs no root. undefined: `ss` is not installed. */
export async function readListeners({ signal }: NftOptions): Promise<Listener[] | undefined> {
  try {
    const { stdout } = await runCommand(["ss", "-Hltun"], { signal, timeoutMs: PATIENCE_MS });
    return parseListeners(stdout);
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return undefined;
    throw error;
  }
}

/**
 * Reads `ss -Hltun` (iproute2's `misc/ss.c`): `tcp LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:*`.
 * Unknown lines are left out: a raw socket has no port.
 */
export function parseListeners(text: string): Listener[] {
  return text.split("\n").flatMap((line): Listener[] => {
    const [protocol, , , , local = ""] = line.trim().split(/\s+/);
    if (protocol !== "tcp" && protocol !== "udp") return [];
    const found = /^(.+):(\d+)$/.exec(local);
    if (found === null) return [];
    // Versions of `ss` print either `[fe80::1]%eth0` or `[fe80::1%eth0]`.
    const [address = "", device] = found[1]!.replaceAll(/[[\]]/g, "").split("%");
    const port = Number(found[2]);
    return [{ protocol, port, address, ...optional({ interface: device }) }];
  });
}
