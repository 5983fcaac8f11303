import { Address4, Address6 } from "ip-address";
import type { StringMap } from "../infra/infra.ts";
import { compareText } from "./delta.ts";
import { type FieldChange, fieldChange } from "./field.ts";

/** A domain's bridge as the host's kernel has it, whatever Incus has noted. */
export interface BridgeLink {
  /** false: there is no such interface. */
  readonly stands: boolean;
  /** Whether somebody switched it on. */
  readonly up: boolean;
  /** Without link-local ones: `10.120.3.254/24`. */
  readonly addresses: readonly string[];
  /** Networks that the kernel sends by it, both families. */
  readonly routes: readonly string[];
  /** A VRF or a switch that it is a port of. */
  readonly master?: string;
  /** Where questions for names and addresses are taken on its behalf; undefined: nobody could look. */
  readonly listeners?: readonly string[];
  /** Ports of machines that run, with the interface that each is plugged into; `` none. */
  readonly ports: Readonly<Record<string, string>>;
  /** Interfaces plugged into it that are no machine's. */
  readonly strangers: readonly string[];
}

const LINK = "link";
const SERVER = "name_server";

/** Whether a field is about the bridge on the host, and not about what Incus has noted of it. */
export function isLinkField({ path }: Pick<FieldChange, "path">): boolean {
  return path === LINK || path === SERVER || path.startsWith(`${LINK}.`);
}

/** What Incus makes good when it sets the bridge up anew; the rest is a matter of plugs. */
export function needsSetup(fields: readonly FieldChange[]): boolean {
  return fields.some(({ path }) =>
    path === LINK || path === SERVER || path.startsWith(`${LINK}.address`) ||
    path.startsWith(`${LINK}.route`)
  );
}

/** A bridge as it has to be. */
interface Wanted {
  readonly name: string;
  /** With prefix lengths. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
}

/** What an apply would mend on the host. */
export function compareLink(name: string, config: StringMap, live: BridgeLink): FieldChange[] {
  const wanted = wantedOf(name, config);
  if (!live.stands) return [fieldChange(LINK, "missing", "up", "in-place")];
  const fields: FieldChange[] = [];
  const { master } = live;
  // What comes in by it goes to that one, before any rule of a bridge's.
  if (master !== undefined) {
    fields.push(fieldChange(`${LINK}.master`, master, undefined, "in-place", true));
  }
  if (!live.up) fields.push(fieldChange(LINK, "down", "up", "in-place"));
  fields.push(...setFields("address", live.addresses, wanted.addresses));
  // They come and go with addresses and link: alone they are missing only if somebody took them away.
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

/** What of a bridge is amiss on the host, in words; doors in the isolation are told elsewhere. */
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

/** `link.address.10.1.0.254/24`: each there or not. */
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

/** `10.120.3.254/24` -> `10.120.3.0/24` */
function networkOf(text: string): string {
  const address = text.includes(":") ? new Address6(text) : new Address4(text);
  return `${address.startAddress().correctForm()}/${address.subnetMask}`;
}

/** dnsmasq's sockets, as it opens them for one interface: DNS at the address, DHCP at the interface. */
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
