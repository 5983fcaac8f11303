import type { NftSet } from "../nftables/element.ts";

const IFNAME = String.raw`"[A-Za-z0-9][A-Za-z0-9_.@:-]{0,14}"`;
const NUMBER = String.raw`\d{1,5}(?:-\d{1,5})?`;
const IPV4 = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const IPV6 = String.raw`[0-9a-f:]{2,39}`;

/** The pattern of one field by its type; `many` for sets that accept ranges. */
const FIELDS: Readonly<Record<string, { readonly one: string; readonly many?: string }>> = {
  ifname: { one: IFNAME },
  iifname: { one: IFNAME },
  ether_addr: { one: "[0-9a-f]{2}(?::[0-9a-f]{2}){5}" },
  ipv4_addr: { one: IPV4, many: String.raw`${IPV4}(?:/\d{1,2}|-${IPV4})?` },
  ipv6_addr: { one: IPV6, many: String.raw`${IPV6}(?:/\d{1,3}|-${IPV6})?` },
  inet_proto: { one: "(?:tcp|udp)", many: NUMBER },
  inet_service: { one: String.raw`\d{1,5}`, many: NUMBER },
  "@th,64,128": { one: "0x[0-9a-f]{32}" },
  "@th,288,48": { one: "0x[0-9a-f]{12}" },
  "@th,160,32": { one: "0x[0-9a-f]{8}" },
};

/** The targets that a verdict map may have. */
const VERDICT = "goto internet_(?:full|public|via)";
const COMMENT = String.raw`(?: comment "[a-z0-9][a-z0-9-]{0,127}")?`;

/**
 * Returns the pattern of a set's elements as our renderer writes them: nothing else may enter a
 * script that root runs.
 */
export function elementShape(set: NftSet): RegExp {
  const [key, value] = set.type.replace(/^(type|typeof) /, "").split(" : ") as [string, string?];
  const data = value === undefined
    ? ""
    : value === "verdict"
    ? ` : ${VERDICT}`
    : ` : ${fields(value)}`;
  return new RegExp(`^${fields(key, set.interval)}${COMMENT}${data}$`);
}

function fields(type: string, interval = false): string {
  return type.split(" . ").map((name) => {
    const field = FIELDS[name];
    if (field === undefined) throw new TypeError(`no shape for a field of type ${name}`);
    return interval ? field.many ?? field.one : field.one;
  }).join(String.raw` \. `);
}
