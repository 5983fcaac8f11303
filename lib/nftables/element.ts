/**
 * Text of set elements. All that enters a ruleset passes one of these functions. They accept one
 * shape and throw on anything else: a value from infra.yml can be data in a script, never syntax.
 */

/** Without `*`, which nft would read as a pattern. */
export const INTERFACE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.@:-]{0,14}$/;
export const MAC_ADDRESS = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Returns a quoted interface name. */
export function ifname(name: string): string {
  return `"${checkedName(name)}"`;
}

/** Returns an interface name unchanged. */
export function checkedName(name: string): string {
  return checked(name, INTERFACE_NAME, "interface name");
}

/** Returns a MAC in lower case. */
export function mac(address: string): string {
  return checked(address, MAC_ADDRESS, "MAC address");
}

export function ipv4(address: string): string {
  return checked(address, /^\d{1,3}(\.\d{1,3}){3}$/, "IPv4 address");
}

export function ipv6(address: string): string {
  return checked(address, /^[0-9a-f:]{2,39}$/, "IPv6 address");
}

export function port(number: number): string {
  return checked(String(number), /^\d{1,5}$/, "port");
}

/**
 * Returns an element with a comment of generated identifiers (domain, machine, policy); nft allows
 * 128 characters.
 */
export function commented(element: string, comment: string): string {
  return `${element} comment "${checked(comment, /^[a-z0-9][a-z0-9-]{0,127}$/, "identifier")}"`;
}

/** Joins the fields of a concatenation. */
export function concat(...fields: readonly string[]): string {
  return fields.join(" . ");
}

function checked(text: string, shape: RegExp, what: string): string {
  if (!shape.test(text)) throw new TypeError(`Not a valid ${what}: ${JSON.stringify(text)}`);
  return text;
}

/** A named set or map of the ruleset. */
export interface NftSet {
  readonly name: string;
  /** `type ifname`, `typeof iifname . ip saddr`, `type ipv4_addr : verdict`… */
  readonly type: string;
  /** Elements may be ranges; then they must be disjoint. */
  readonly interval?: boolean;
  readonly elements: readonly string[];
}

/** Returns the set's definition within a table. A type with a colon makes a map. */
export function setText(set: NftSet): string {
  const lines = [
    `\t${set.type.includes(" : ") ? "map" : "set"} ${set.name} {`,
    `\t\t${set.type}`,
    ...(set.interval ? ["\t\tflags interval"] : []),
    ...(set.elements.length === 0
      ? []
      : [`\t\telements = {`, set.elements.map((each) => `\t\t\t${each}`).join(",\n"), "\t\t}"]),
    "\t}",
  ];
  return lines.join("\n");
}
