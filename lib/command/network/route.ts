import { CommandError, PATIENCE_MS, runCommand } from "../../host/command.ts";

/** The interface and gateway by which the host sends a packet on. */
export interface Route {
  readonly dev?: string;
  readonly gateway?: string;
  /** The kernel's message if there is no route. */
  readonly refused?: string;
}

/**
 * For a packet from another sender that comes in by `iif`; without `iif`, the packet is the host's
 * own.
 */
export interface RouteOptions {
  readonly from?: string | undefined;
  readonly iif?: string | undefined;
  readonly signal: AbortSignal;
}

/** Asks the kernel for the route, with all tables and rules (`ip route get`). */
export async function routeTo(
  address: string,
  { from, iif, signal }: RouteOptions,
): Promise<Route> {
  const argv: [string, ...string[]] = ["ip", "-json", "route", "get", address];
  if (from !== undefined) argv.push("from", from);
  if (iif !== undefined) argv.push("iif", iif);
  try {
    const { stdout } = await runCommand(argv, { signal, timeoutMs: PATIENCE_MS });
    return stdout.trim() === "" ? {} : (JSON.parse(stdout) as Route[])[0] ?? {};
  } catch (error) {
    // No route at all is a valid answer: status 2.
    if (!(error instanceof CommandError) || error.reason !== "failed") throw error;
    const words = error.stderr.trim().split("\n")[0]?.replace(/^RTNETLINK answers: /, "");
    return { refused: words || "no route" };
  }
}
