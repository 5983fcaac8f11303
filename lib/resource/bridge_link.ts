import { Address4, Address6 } from "ip-address";
import type { StringMap } from "../infra/infra.ts";
import { compareText } from "./delta.ts";
import { type FieldChange, fieldChange } from "./field.ts";

/** The state of a domain's bridge in the host's kernel. It can differ from Incus's records. */
export interface BridgeLink {
  /** False if there is no such interface. */
  readonly stands: boolean;
  /** True if the interface is administratively up. */
  readonly up: boolean;
  /** Without link-local addresses: `10.120.3.254/24`. */
  readonly addresses: readonly string[];
  /** Networks that the kernel sends through it, of both families. */
  readonly routes: readonly string[];
  /** The VRF or switch that it is a port of. */
  readonly master?: string;
  /**
   * The sockets on which DNS and DHCP requests are served for it. Undefined: they could not be
   * read.
   */
  readonly listeners?: readonly string[];
  /**
   * Ports of running machines, with the bridge that each is connected to; an empty text for none.
   */
  readonly ports: Readonly<Record<string, string>>;
  /** Interfaces connected to the bridge that belong to no machine. */
  readonly strangers: readonly string[];
}

const LINK = "link";
const SERVER = "name_server";

/** True if a field is about the bridge on the host, not about Incus's record of it. */
export function isLinkField({ path }: Pick<FieldChange, "path">): boolean {
  return path === LINK || path === SERVER || path.startsWith(`${LINK}.`);
}

/**
 * True if Incus must set the bridge up again to repair these fields. All others need only a port to
 * be connected or disconnected.
 */
export function needsSetup(fields: readonly FieldChange[]): boolean {
  return fields.some(({ path }) =>
    path === LINK || path === SERVER || path.startsWith(`${LINK}.address`) ||
    path.startsWith(`${LINK}.route`)
  );
}

/** The required state of a bridge. */
interface Wanted {
  readonly name: string;
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
}

/** Returns what an apply would repair on the host. */
export function compareLink(name: string, config: StringMap, live: BridgeLink): FieldChange[] {
  const wanted = wantedOf(name, config);
  if (!live.stands) return [fieldChange(LINK, "missing", "up", "in-place")];
  const fields: FieldChange[] = [];
  const { master } = live;
  // Packets that arrive at the bridge would go to its master before any bridge rule applies.
  if (master !== undefined) {
    fields.push(fieldChange(`${LINK}.master`, master, undefined, "in-place", true));
  }
  if (!live.up) fields.push(fieldChange(LINK, "down", "up", "in-place"));
  fields.push(...setFields("address", live.addresses, wanted.addresses));
  // Routes come and go with addresses and the link. If only routes are missing, somebody removed
  // them.
  if (live.up && master === undefined && fields.length === 0) {
    const missing = wanted.routes.filter((route) => !live.routes.includes(route));
    fields.push(...setFields("route", [], missing));
  }
  for (const [port, plug] of Object.entries(live.ports).toSorted(([a], [b]) => compareText(a, b))) {
    if (plug === name) continue;
    const before = plug === "" ? undefined : plug;
    fields.push(fieldChange(`${LINK}.ports.${port}`, before, name, "in-place"));
  }
  for (const port of live.strangers.toSorted(compareText)) {
    fields.push(fieldChange(`${LINK}.ports.${port}`, name, undefined, "in-place", true));
  }
  const silent = live.listeners === undefined
    ? []
    : listenersOf(wanted).filter(({ place }) => !live.listeners?.includes(place));
  if (silent.length > 0) {
    const services = [...new Set(silent.map(({ service }) => service))].join(" and ");
    fields.push(fieldChange(SERVER, `no ${services}`, "running", "in-place"));
  }
  return fields;
}

/**
 * Describes the problems of a bridge on the host. Breaches of the isolation are reported elsewhere.
 */
export function linkTrouble(name: string, config: StringMap, live: BridgeLink): string[] {
  return compareLink(name, config, live).filter(({ breach }) => breach !== true).map(
    ({ path, before, after }) => {
      if (path === LINK) return before === "missing" ? "there is no such interface" : "it is down";
      if (path === SERVER) return `nobody answers for ${(before ?? "").replace(/^no /, "")}`;
      const [, what, which] = /^link\.(\w+)\.(.+)$/.exec(path) ?? [];
      if (what === "ports") return `${which} is not plugged in`;
      return after === undefined ? `it has the foreign ${what} ${which}` : `no ${what} ${which}`;
    },
  );
}

/** Returns one field for each missing or unexpected value, such as `link.address.10.1.0.254/24`. */
function setFields(
  what: string,
  live: readonly string[],
  wanted: readonly string[],
): FieldChange[] {
  const path = (each: string) => `${LINK}.${what}.${each}`;
  return [
    ...wanted.filter((each) => !live.includes(each))
      .map((each) => fieldChange(path(each), undefined, "present", "in-place")),
    ...live.filter((each) => !wanted.includes(each)).toSorted(compareText)
      .map((each) => fieldChange(path(each), "present", undefined, "in-place")),
  ];
}

function wantedOf(name: string, config: StringMap): Wanted {
  const addresses = ["ipv4.address", "ipv6.address"].map((key) => config[key] ?? "")
    .filter((each) => each !== "" && each !== "none");
  return { name, addresses, routes: addresses.map(networkOf) };
}

/** Converts `10.120.3.254/24` to `10.120.3.0/24`. */
function networkOf(text: string): string {
  const address = text.includes(":") ? new Address6(text) : new Address4(text);
  return `${address.startAddress().correctForm()}/${address.subnetMask}`;
}

/**
 * Returns the sockets that dnsmasq opens for one interface: DNS at the address, DHCP at the
 * interface.
 */
function listenersOf({ name, addresses }: Wanted): { place: string; service: "DNS" | "DHCP" }[] {
  return addresses.flatMap((each) => {
    const address = each.split("/", 1)[0] ?? "";
    return address.includes(":")
      ? [
        { place: `[${address}]:53`, service: "DNS" as const },
        { place: `[::]%${name}:547`, service: "DHCP" as const },
      ]
      : [
        { place: `${address}:53`, service: "DNS" as const },
        { place: `0.0.0.0%${name}:67`, service: "DHCP" as const },
      ];
  });
}
