import type { FirewallFault } from "../nftables/firewall_error.ts";

/**
 * Directories in the workspace; made by `anklume host install`. If they exist, the host answers
 * requests.
 */
export const REQUESTS = ".anklume/host/requests";
export const ANSWERS = ".anklume/host/answers";

export const MESSAGE_FORMAT = 1;
/** For the request with its ruleset; JSON escapes each tab and newline. */
export const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
/** More are not read in one run. */
export const MAX_REQUESTS = 64;

/**
 * A request of the admin container to the host. `look`: read what only the host can see. `read`:
 * compare the live ruleset with this one. `load`: load it, read it back, keep it for the next boot.
 * `remove`: remove the tables.
 */
export type HostRequest =
  | { readonly format: number; readonly action: "look" | "remove" }
  | { readonly format: number; readonly action: "read" | "load"; readonly ruleset: string };

export type HostAnswer =
  | { readonly format: number; readonly ok: true; readonly result: unknown }
  | {
    readonly format: number;
    readonly ok: false;
    readonly fault: FirewallFault;
    readonly message: string;
    readonly remedy: string;
  };

/** Parses a request; undefined for any other text. */
export function parseRequest(text: string): HostRequest | undefined {
  const value = parseObject(text);
  if (value?.["format"] !== MESSAGE_FORMAT) return undefined;
  const { action, ruleset } = value;
  if (action === "look" || action === "remove") return { format: MESSAGE_FORMAT, action };
  if ((action !== "read" && action !== "load") || typeof ruleset !== "string") return undefined;
  return { format: MESSAGE_FORMAT, action, ruleset };
}

export function parseAnswer(text: string): HostAnswer | undefined {
  const value = parseObject(text);
  if (value?.["format"] !== MESSAGE_FORMAT || typeof value["ok"] !== "boolean") return undefined;
  return value as unknown as HostAnswer;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
