import type { Listener } from "../nftables/listener.ts";
import { isLocalInterface } from "../nftables/local_interface.ts";
import type { HostPlace } from "./host_place.ts";

/** Returns what already uses a port of the host that is to be published; undefined: nothing. */
export function portTaken(
  key: readonly string[],
  family: 4 | 6,
  place: HostPlace,
): string | undefined {
  const { listeners, redirects, inner } = place;
  const [protocol, port] = [key[0], Number(key[1])];
  const listens = listeners.some((each) =>
    each.protocol === protocol && each.port === port && isOpen(each, family, place)
  );
  if (listens) return `something on the host listens at ${protocol} port ${port}`;
  const redirect = redirects.find((each) =>
    (each.protocol ?? protocol) === protocol && each.first <= port && port <= each.last &&
    (each.address === undefined || !inner.has(each.address))
  );
  return redirect && `table ${redirect.table} sends ${protocol} port ${port} elsewhere`;
}

/** True if it is reachable from outside. */
function isOpen(
  { address, interface: device }: Listener,
  family: 4 | 6,
  { interfaces, uplinks, inner }: HostPlace,
): boolean {
  const isLocal = device !== undefined && !uplinks.has(device) &&
    (device === "lo" || isLocalInterface(device, interfaces.get(device)?.kind ?? ""));
  if (isLocal) return false;
  if (address === "*") return true;
  const mapped = address.replace(/^::ffff:(?=\d)/, "");
  if (mapped.includes(":") !== (family === 6)) return false;
  return !/^127\.|^::1$/.test(mapped) && !inner.has(mapped);
}
