import { CommandError, PATIENCE_MS, runCommand } from "../host/command.ts";
import type { Finding } from "./finding.ts";
import { type NftOptions, UNKNOWN_PROTOCOL } from "./run_nft.ts";

/** The facts that `doctor` checks on the host. */
export interface HostFacts {
  /** `1.0.6`; undefined: nft is not installed. */
  readonly nftVersion?: string | undefined;
  /** false: nft lacks /etc/protocols. undefined: reading this needs root. */
  readonly knowsProtocols?: boolean | undefined;
  /** Values of sysctl keys; a key that the kernel does not have is left out. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Base chains of other tables; undefined: reading them needs root. */
  readonly chains?: readonly ForeignChain[] | undefined;
  /**
   * Traffic that other tables block, found out by asking the kernel; undefined: the kernel could
   * not be asked, and the chains' policies are used instead.
   */
  readonly blocked?: readonly Finding[] | undefined;
  /** Devices of each flowtable: established flows through them bypass all later rules. */
  readonly flowtables?:
    | readonly { readonly name: string; readonly devices: readonly string[] }[]
    | undefined;
  /** Ports of the infra's bridges that do not belong to its machines. */
  readonly strangers: readonly { readonly bridge: string; readonly port: string }[];
  /** Interfaces of default routes, and whether they count as the outside. */
  readonly uplinks: readonly { readonly name: string; readonly isOutside: boolean }[];
  /**
   * Domains with internet whose packets leave by an interface that is not the outside, because of a
   * routing rule of the host.
   */
  readonly strayed: readonly {
    readonly domain: string;
    readonly bridge: string;
    readonly name: string;
    /** ` (rule 100: …)` */
    readonly because: string;
    readonly priority: number;
  }[];
  /** Interfaces that `via` and `outside` name and this host does not have. */
  readonly missingInterfaces: readonly Overlap[];
  /** Reasons why the rules would not be loaded at boot. */
  readonly atBoot: readonly string[];
  /** Live rules compared with the rendered ones, as in `status`. */
  readonly firewall: string;
  /** Networks and routes of the host that break a domain. */
  readonly overlaps: readonly Overlap[];
  /** Routing rules of the host that send some packets for a domain elsewhere. */
  readonly diversions: readonly Overlap[];
  /** Faults of the domains' bridges on the host: `net-pro: it is down`. */
  readonly brokenBridges: readonly string[];
  /** Running programs that set up interfaces: `NetworkManager`. */
  readonly managers: readonly string[];
}

interface Overlap {
  readonly summary: string;
  readonly remedy?: string | undefined;
}

export interface ForeignChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook: string;
  readonly policy: string;
  /** Whether its table has a rule that accepts the infra's bridges. */
  readonly knowsBridges: boolean;
  /** Names of all chains of its table. */
  readonly siblings: readonly string[];
}

/** The parts of the infra that a check depends on. */
export interface DoctorWishes {
  readonly ipv6: boolean;
  readonly anyInternet: boolean;
  /** Interfaces of `internet: { via }`. */
  readonly via: readonly string[];
}

/** Returns the version, such as `1.0.6`; undefined: nft is not installed. */
export async function readNftVersion(options: NftOptions): Promise<string | undefined> {
  const text = await attempt(["nft", "--version"], options);
  return text === undefined ? undefined : /v(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? "0";
}

/**
 * True if nft knows the protocol names that the rules use. It reads them from /etc/protocols, which
 * a minimal Debian lacks. undefined: checking needs root, or nft is missing.
 */
export async function readKnowsProtocols({ signal }: NftOptions): Promise<boolean | undefined> {
  const stdin = "table inet anklume_names {\n  chain c { meta l4proto ipv6-icmp; }\n}\n";
  try {
    await runCommand(["nft", "-c", "-f", "-"], { signal, stdin, timeoutMs: PATIENCE_MS });
    return true;
  } catch (error) {
    if (!(error instanceof CommandError) || error.reason === "interrupted") throw error;
    return UNKNOWN_PROTOCOL.test(error.stderr) ? false : undefined;
  }
}

/** Reads the values of sysctl keys; a key that the kernel does not have is left out. */
export async function readSysctls(
  keys: readonly string[],
  options: NftOptions,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  await Promise.all(keys.map(async (key) => {
    const value = await attempt(["sysctl", "-n", key], options);
    if (value !== undefined) values[key] = value.trim();
  }));
  return values;
}

/** The parts of other tables that may block our traffic, or let packets bypass our rules. */
interface OtherTables {
  readonly chains: readonly ForeignChain[];
  readonly flowtables: readonly { readonly name: string; readonly devices: readonly string[] }[];
}

/** Reads the host's whole ruleset, without elements of sets; undefined: reading needs root. */
export async function readOtherTables(options: NftOptions): Promise<OtherTables | undefined> {
  const text = await attempt(["nft", "-j", "-t", "list", "ruleset"], options);
  return text === undefined ? undefined : parseOtherTables(text);
}

interface NftObject {
  readonly family?: string;
  readonly table?: string;
  readonly name?: string;
  readonly hook?: string;
  readonly policy?: string;
  readonly dev?: string | readonly string[];
}

/** Reads `nft -j list ruleset` (libnftables-json(5)), without anklume's own tables. */
export function parseOtherTables(json: string): OtherTables {
  const { nftables } = JSON.parse(json) as { nftables: readonly Record<string, NftObject>[] };
  const foreign = nftables.filter((entry) =>
    Object.values(entry).every(({ table }) => !table?.startsWith("anklume_"))
  );
  const of = (kind: string) =>
    foreign.flatMap((entry) => entry[kind] === undefined ? [] : [entry[kind]]);
  const sameTable = (a: NftObject, b: NftObject) => a.family === b.family && a.table === b.table;
  // Names with a pattern (nft's form of iptables' `net-+`), and whole names.
  const lets = of("rule").filter((rule) => JSON.stringify(rule).includes('"net-'));
  const chains = of("chain");
  return {
    chains: chains.filter(({ hook }) => hook !== undefined).map((chain): ForeignChain => ({
      family: chain.family ?? "",
      table: chain.table ?? "",
      name: chain.name ?? "",
      hook: chain.hook ?? "",
      policy: chain.policy ?? "accept",
      knowsBridges: lets.some((rule) => sameTable(rule, chain)),
      siblings: chains.filter((each) => sameTable(each, chain)).map(({ name }) => name ?? ""),
    })),
    flowtables: of("flowtable").map(({ name, dev }) => ({
      name: name ?? "",
      devices: dev === undefined ? [] : [dev].flat(),
    })),
  };
}

/** Returns the ports of these bridges that are not in `known`. */
export async function readStrangers(
  bridges: ReadonlySet<string>,
  known: ReadonlySet<string>,
  options: NftOptions,
): Promise<{ bridge: string; port: string }[]> {
  const text = await attempt(["ip", "-json", "link", "show"], options) ?? "[]";
  const links = JSON.parse(text) as { ifname: string; master?: string }[];
  return links.flatMap(({ ifname, master }) =>
    master !== undefined && bridges.has(master) && !known.has(ifname)
      ? [{ bridge: master, port: ifname }]
      : []
  );
}

/** Returns the interfaces that have a default route of the main table. */
export async function readDefaultInterfaces(options: NftOptions): Promise<string[]> {
  const texts = await Promise.all(
    ["-4", "-6"].map((family) =>
      attempt(["ip", "-json", family, "route", "show", "default"], options)
    ),
  );
  const routes = texts.flatMap((text) =>
    text === undefined || text.trim() === ""
      ? []
      : JSON.parse(text) as { dev?: string; nexthops?: { dev?: string }[] }[]
  );
  const names = routes.flatMap((
    { dev, nexthops },
  ) => [dev, ...(nexthops ?? []).map((hop) => hop.dev)]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Returns the services that run; none without systemd. */
export async function readActiveServices(
  names: readonly string[],
  { signal }: NftOptions,
): Promise<string[]> {
  try {
    const argv = ["systemctl", "is-active", ...names] as const;
    // A service that does not run gives exit status 3, and the others are still printed.
    const options = { signal, timeoutMs: PATIENCE_MS, okCodes: [0, 1, 2, 3, 4] };
    const words = (await runCommand(argv, options)).stdout.split("\n");
    return names.filter((_, i) => words[i] === "active");
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return [];
    throw error;
  }
}

/** Returns what a program prints; undefined if it is missing, or fails. */
async function attempt(
  argv: readonly [string, ...string[]],
  { signal }: NftOptions,
): Promise<string | undefined> {
  try {
    return (await runCommand(argv, { signal, timeoutMs: PATIENCE_MS })).stdout;
  } catch (error) {
    if (error instanceof CommandError && error.reason !== "interrupted") return undefined;
    throw error;
  }
}
