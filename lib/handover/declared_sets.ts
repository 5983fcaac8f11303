import { ipBlock } from "../addressing/ip_block.ts";
import type { NftSet } from "../nftables/element.ts";
import { addressInterval } from "../nftables/interval.ts";
import type { Family } from "../nftables/ruleset.ts";
import { fieldsOf, nameOf } from "./read_elements.ts";

export type Sets = Readonly<Record<Family, readonly NftSet[]>>;

/**
 * What the sets themselves declare as the infra's own: its bridges, subnets, ports and machines.
 * Each check returns what is wrong; undefined: nothing.
 */
export class DeclaredSets {
  readonly bridges: ReadonlySet<string>;
  /** Networks that have a gateway: `10.120.3.0`, or the first 64 bits of an IPv6 network. */
  readonly served: ReadonlySet<string | bigint>;
  readonly #ports: ReadonlySet<string>;
  readonly #macs: ReadonlySet<string>;
  /** Networks as text: `10.120.3.0`, `fd00:1:2:3::`. */
  readonly #subnets: ReadonlySet<string>;
  /** The first 64 bits of the IPv6 networks. */
  readonly #prefixes: ReadonlySet<bigint>;
  readonly #gateways: readonly (readonly string[])[];

  constructor(sets: Sets) {
    const keys = (family: Family, ...names: string[]) =>
      sets[family].filter(({ name }) => names.includes(name))
        .flatMap(({ elements }) => elements.map((element) => fieldsOf(element).key));
    this.bridges = new Set(keys("inet", "bridges").map(([name]) => nameOf(name)));
    this.#ports = new Set(keys("bridge", "ports").map(([name]) => nameOf(name)));
    this.#macs = new Set(keys("bridge", "macs").flat());
    this.#subnets = new Set(keys("inet", "subnets", "subnets6").flat());
    this.#prefixes = new Set(keys("inet", "subnets6").flatMap(([network]) => prefixOf(network!)));
    this.#gateways = keys("inet", "gateways", "gateways6");
    this.served = new Set(this.#gateways.flatMap(([, address]) => subnetOf(address!)));
  }

  within(pair: readonly string[]): string | undefined {
    if (pair[0] !== pair[1]) return `${pair.join(" and ")} are two bridges`;
    return this.ours(pair[0]);
  }

  ours(bridge: string | undefined): string | undefined {
    if (!this.bridges.has(nameOf(bridge))) return `${bridge} is not a bridge of a domain`;
  }

  known(network: string | undefined): string | undefined {
    if (!this.#subnets.has(network ?? "")) return `${network} is not a subnet of a domain`;
  }

  /** Accepts an address in a subnet that a domain has, not in one that it gave up. */
  inside(address: string | undefined): string | undefined {
    const isOurs = subnetOf(address ?? "").some((own) => this.served.has(own));
    if (!isOurs) return `${address} is in no subnet of a domain`;
  }

  gateway(key: readonly string[]): string | undefined {
    const isOurs = subnetOf(key[1] ?? "").some((own) =>
      typeof own === "string" ? this.#subnets.has(own) : this.#prefixes.has(own)
    );
    if (!isOurs) return `${key[1]} is in no subnet of a domain`;
    return this.ours(key[0]) ?? this.#onlyGateway(key);
  }

  #onlyGateway(key: readonly string[]): string | undefined {
    const isSix = key[1]?.includes(":");
    const same = this.#gateways.filter(([bridge, address]) =>
      bridge === key[0] && address?.includes(":") === isSix
    );
    if (same.length > 1) return `${key[0]} has two gateways`;
  }

  ourPort(port: string | undefined): string | undefined {
    if (!this.#ports.has(nameOf(port))) return `${port} is not a port of a machine`;
  }

  ourMac(mac: string | undefined): string | undefined {
    if (!this.#macs.has(mac ?? "")) return `${mac} is not a MAC of a machine`;
  }
}

/**
 * Returns the network of an address in the form of the sets: `10.120.3.0`, or 64 bits; empty for
 * anything else.
 */
export function subnetOf(address: string): (string | bigint)[] {
  if (address.includes(":")) return prefixOf(address);
  return [address.replace(/\.\d+$/, ".0")];
}

/** Returns the first 64 bits of an IPv6 address; empty for anything else. */
export function prefixOf(address: string): bigint[] {
  return ipBlock(address) === undefined ? [] : [addressInterval(address).first >> 64n];
}
