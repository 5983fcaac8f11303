import type { DomainAddress } from "../../addressing/addressing.ts";
import { because } from "../../addressing/diversion_text.ts";
import { routeTo } from "./route.ts";
import type { Live } from "../../live/open_live.ts";

/**
 * Returns where the host's packets to an address of a domain go now, if not by its bridge. The
 * kernel answers, and its rules give the reason. undefined: they go by the bridge.
 */
export async function strayWay(
  address: string,
  { bridge }: Pick<DomainAddress, "bridge">,
  { ways }: Pick<Live, "ways">,
  signal: AbortSignal,
): Promise<string | undefined> {
  const route = await routeTo(address, { signal });
  if (route.dev === bridge) return undefined;
  const where = route.dev === undefined ? "nowhere" : `by ${route.dev}`;
  const choice = ways().get(address.includes(":") ? 6 : 4)?.choices(address).at(-1);
  const why = choice === undefined || choice.route?.dev === bridge
    ? `: ${bridge} is down, or has lost its address`
    : because(choice);
  return `the host's packets to ${address} go ${where}, not by ${bridge}${why}`;
}
