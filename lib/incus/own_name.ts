/** The socket on which Incus tells a machine about itself. */
const GUEST_SOCKET = "/dev/incus/sock";

/**
 * Returns the name of the machine that this process runs in; undefined if Incus's guest API does
 * not tell it.
 */
export async function readOwnName(): Promise<string | undefined> {
  try {
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path: GUEST_SOCKET } });
    const response = await fetch("http://incus/1.0/meta-data", {
      client,
      signal: AbortSignal.timeout(5_000),
    });
    return /^local-hostname:\s*(\S+)\s*$/m.exec(await response.text())?.[1];
  } catch {
    return undefined;
  }
}
