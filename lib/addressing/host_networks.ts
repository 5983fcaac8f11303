/** One line of `ip route`. */
export interface HostRoute {
  /** An address, a network, or `default`. */
  readonly dst: string;
  /** The interface; a route of type `blackhole`, `unreachable` or `prohibit` has none. */
  readonly dev?: string;
  /** The next hop. */
  readonly gateway?: string;
}

export interface HostInterface {
  readonly name: string;
  /** With prefix lengths: `192.0.2.2/24`. */
  readonly addresses: readonly string[];
}

/**
 * Routes that claim no network: what the kernel keeps for an interface's own addresses, and `throw`, with which VPNs
 * send a network on to the next table.
 */
const OTHER_TYPES: ReadonlySet<unknown> = new Set([
  "local",
  "broadcast",
  "multicast",
  "anycast",
  "throw",
]);

/**
 * Reads the output of `ip -j route show table all`, which lists both families and the tables of VPNs too. A route over
 * several next hops is as many routes.
 *
 * Source of the format: iproute2's `ip/iproute.c`. Throws when the text is not what `ip -j` prints.
 */
export function parseIpRoutes(json: string): HostRoute[] {
  return entriesOf(json, "ip -j route").flatMap((entry) => {
    const dst = text(entry["dst"]);
    if (dst === undefined || OTHER_TYPES.has(entry["type"])) return [];
    const hops = objectsOf(entry["nexthops"]);
    return (hops.length === 0 ? [entry] : hops).map((hop) => {
      const [dev, gateway] = [text(hop["dev"]), text(hop["gateway"])];
      return {
        dst,
        ...(dev === undefined ? {} : { dev }),
        ...(gateway === undefined ? {} : { gateway }),
      };
    });
  });
}

/** Reads the output of `ip -j addr` (`ip/ipaddress.c`). Throws when the text is not what `ip -j` prints. */
export function parseIpAddresses(json: string): HostInterface[] {
  return entriesOf(json, "ip -j addr").flatMap((entry) => {
    const name = text(entry["ifname"]);
    if (name === undefined) return [];
    const addresses = objectsOf(entry["addr_info"]).flatMap((info) => {
      const [local, length] = [text(info["local"]), info["prefixlen"]];
      return local === undefined || typeof length !== "number" ? [] : [`${local}/${length}`];
    });
    return [{ name, addresses }];
  });
}

type JsonObject = Readonly<Record<string, unknown>>;

function entriesOf(json: string, command: string): JsonObject[] {
  // Some versions print nothing where there is nothing.
  if (json.trim() === "") return [];
  try {
    const value: unknown = JSON.parse(json);
    if (Array.isArray(value)) return objectsOf(value);
  } catch (cause) {
    throw new Error(`Cannot read the output of ${command}: it is no JSON`, { cause });
  }
  throw new Error(`Cannot read the output of ${command}: it is no list`);
}

function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
