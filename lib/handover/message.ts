import type { FirewallFault } from "../nftables/firewall_error.ts";

/** Below the workspace; made by `anklume host install`, so that their being there says that somebody listens. */
export const REQUESTS = ".anklume/host/requests";
export const ANSWERS = ".anklume/host/answers";

export const MESSAGE_FORMAT = 1;
/** Ruleset and all; JSON escapes every tab and newline. */
export const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
/** More are not read in one go. */
export const MAX_REQUESTS = 64;

/**
 * What the admin container asks the host for. `look`: what only the host can see. `read`: how the live ruleset compares
 * with this one. `load`: put it in place, read it back, keep it for the next boot. `remove`: take both tables away.
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

/** A request's text as a request; undefined for anything else. */
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
