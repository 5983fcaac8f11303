import { untried } from "../diag/tried_version.ts";
import { optional } from "../diag/optional.ts";

/** The facts that `doctor` checks on the host; read by `readHostFacts`. */
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

export interface Finding {
  readonly check: string;
  /**
   * `bad`: isolation, or the domains' internet, is broken. `warning`: it may be. `unknown`: needs
   * root.
   */
  readonly state: "ok" | "warning" | "bad" | "unknown";
  readonly detail: string;
  /** Text, for what anklume does not do by itself. */
  readonly remedy?: string;
  /** Commands that `--fix` runs, each after asking. */
  readonly fix?: readonly (readonly [string, ...string[]])[];
}

/** The first version that has sets with ranges in concatenations, and `typeof`. */
const LEAST_NFT = [1, 0, 0] as const;

/** Returns what would break or bypass the isolation, or break the internet of the domains. Pure. */
export function checkHost(facts: HostFacts, wishes: DoctorWishes): Finding[] {
  return [
    checkNft(facts),
    rules(facts),
    boot(facts),
    ...forwarding(facts, wishes),
    ...foreignFirewalls(facts),
    flowtables(facts),
    strangers(facts),
    uplink(facts, wishes),
    ...strayed(facts),
    ...missingInterfaces(facts),
    ...reversePath(facts, wishes),
    bridgeNetfilter(facts),
    ...overlaps(facts),
    bridges(facts),
  ];
}

/** Returns a version's part of a finding. */
export function triedState(
  program: "incus" | "nft" | "ansible",
  version: string,
): Pick<Finding, "state" | "detail" | "remedy"> {
  const remedy = untried(program, version);
  return remedy === undefined
    ? { state: "ok", detail: version }
    : { state: "warning", detail: version, remedy };
}

/** Checks that nft is installed and can load the rules; all other firewall checks depend on it. */
export function checkNft(
  { nftVersion, knowsProtocols }: Pick<HostFacts, "nftVersion" | "knowsProtocols">,
): Finding {
  const check = "nft";
  if (nftVersion === undefined) {
    return {
      check,
      state: "bad",
      detail: "is not installed: there can be no firewall, and no machine is started",
      remedy: "apt install nftables",
    };
  }
  if (knowsProtocols === false) {
    return {
      check,
      state: "bad",
      detail: `${nftVersion} does not know protocol names because /etc/protocols is missing: ` +
        "no rules can be loaded, and no machine is started",
      remedy: "apt install netbase",
    };
  }
  const parts = nftVersion.split(".").map(Number);
  const old =
    LEAST_NFT.map((least, i) => Math.sign((parts[i] ?? 0) - least)).find((each) => each !== 0) ===
      -1;
  return old
    ? {
      check,
      state: "bad",
      detail: `${nftVersion} is too old; 1.0.0 or newer is needed`,
      remedy: "use a newer release",
    }
    : { check, ...triedState("nft", nftVersion) };
}

function rules({ firewall }: HostFacts): Finding {
  const check = "rules";
  switch (firewall) {
    case "in-place":
      return { check, state: "ok", detail: "loaded, as rendered" };
    case "unknown":
      return { check, state: "unknown", detail: "reading them needs root" };
    default:
      return {
        check,
        state: "bad",
        detail: firewall === "missing"
          ? "are not loaded: the domains are open"
          : "differ from the expected ones",
        remedy: "anklume network deploy",
      };
  }
}

function boot({ atBoot }: HostFacts): Finding {
  return atBoot.length === 0
    ? { check: "boot", state: "ok", detail: "the rules are loaded before Incus starts" }
    : { check: "boot", state: "bad", detail: atBoot.join("; "), remedy: "anklume network deploy" };
}

function forwarding({ sysctls }: HostFacts, { ipv6, anyInternet }: DoctorWishes): Finding[] {
  const keys = ["net.ipv4.ip_forward", ...(ipv6 ? ["net.ipv6.conf.all.forwarding"] : [])];
  return keys.map((key) => {
    const check = key.includes("ipv6") ? "forwarding6" : "forwarding";
    if (sysctls[key] !== "0") return { check, state: "ok", detail: "on" };
    return {
      check,
      state: anyInternet ? "bad" : "warning",
      detail: `${key} is 0: no domain reaches the outside, and no policy works`,
      remedy: `to keep it: echo '${key} = 1' > /etc/sysctl.d/60-anklume.conf`,
      fix: [["sysctl", "-w", `${key}=1`]],
    };
  });
}

function foreignFirewalls({ chains, blocked }: HostFacts): Finding[] {
  if (blocked !== undefined) {
    return blocked.length > 0
      ? [...blocked]
      : [{ check: "firewalls", state: "ok", detail: "no other firewall blocks the domains" }];
  }
  if (chains === undefined) {
    return [{ check: "firewalls", state: "unknown", detail: "reading other tables needs root" }];
  }
  const findings = chains.filter(({ policy, hook, knowsBridges }) =>
    policy === "drop" && (hook === "forward" || hook === "input") && !knowsBridges
  ).map(foreignDrop);
  const firewalld = chains.find(({ table }) => table === "firewalld");
  if (firewalld !== undefined && !firewalld.knowsBridges) {
    findings.push({
      check: "firewalld",
      state: "bad",
      detail:
        "the domains' bridges are in none of its zones: their DHCP, DNS and outgoing traffic are rejected",
      remedy:
        "firewall-cmd --permanent --zone=trusted --add-interface=BRIDGE for each bridge, then " +
        "firewall-cmd --reload; anklume's own rules still apply",
    });
  }
  return findings.length > 0
    ? findings
    : [{ check: "firewalls", state: "ok", detail: "no other firewall blocks the domains" }];
}

function foreignDrop({ family, table, name, hook, siblings }: ForeignChain): Finding {
  const where = `${family} ${table} ${name}`;
  const what = hook === "forward"
    ? `${where} drops what is forwarded: no domain reaches the outside`
    : `${where} drops what is sent to the host: no DHCP and no DNS for the domains`;
  if (hook === "forward" && siblings.includes("DOCKER-USER")) {
    const rule = (direction: string): [string, ...string[]] => [
      ...["nft", "insert", "rule", family, table, "DOCKER-USER"] as [string, ...string[]],
      ...[direction, "net-*", "counter", "accept"],
    ];
    return {
      check: "docker",
      state: "bad",
      detail: `Docker's ${what}`,
      remedy: "to keep it: iptables -I DOCKER-USER -i net-+ -j ACCEPT, and the same with -o, " +
        "after each start of Docker",
      fix: [rule("iifname"), rule("oifname")],
    };
  }
  if (siblings.some((each) => each.startsWith("ufw"))) {
    return {
      check: "ufw",
      state: "bad",
      detail: what,
      remedy: hook === "forward"
        ? "ufw route allow in on BRIDGE, and ufw route allow out on BRIDGE, for each bridge"
        : "ufw allow in on BRIDGE to any port 53,67 proto udp, for each bridge",
    };
  }
  return {
    check: "firewalls",
    state: "bad",
    detail: what,
    remedy: "allow the interfaces net-* there",
  };
}

function flowtables({ flowtables: all }: HostFacts): Finding {
  const check = "flowtables";
  if (all === undefined) return { check, state: "unknown", detail: "reading them needs root" };
  const ours = all.filter(({ devices }) => devices.some((each) => each.startsWith("net-")));
  return ours.length === 0 ? { check, state: "ok", detail: "none bypasses the rules" } : {
    check,
    state: "bad",
    detail:
      `${ours.map(({ name }) => name).join(", ")}: traffic through it bypasses the rules, so ` +
      "connections continue after their policy is removed",
    remedy: "remove the bridges net-* from it",
  };
}

function strangers({ strangers: all }: HostFacts): Finding {
  const check = "ports";
  return all.length === 0
    ? { check, state: "ok", detail: "only the infra's machines are on its bridges" }
    : {
      check,
      state: "bad",
      detail: all.map(({ bridge, port }) => `${port} is plugged into ${bridge}`).join("; ") +
        ": it does not belong to the infra; it reaches the domain's DHCP",
      remedy: "ip link set PORT nomaster, or remove the machine that it belongs to",
    };
}

function uplink({ uplinks }: HostFacts, { anyInternet }: DoctorWishes): Finding {
  const check = "uplink";
  const outside = uplinks.filter(({ isOutside }) => isOutside).map(({ name }) => name);
  const state = anyInternet ? "warning" : "ok";
  if (outside.length > 0) {
    const detail = `the outside is reached through ${outside.join(", ")}`;
    const others = uplinks.filter(({ isOutside }) => !isOutside).map(({ name }) => name).join(", ");
    if (others === "") return { check, state: "ok", detail };
    return {
      check,
      state,
      detail: `${detail}; another default route uses ${others}, a tunnel or local bridge, where ` +
        "domains with `internet: true` are blocked",
      remedy: `\`internet: { via: [${others}] }\` for the domains that may use it`,
    };
  }
  if (uplinks.length === 0) {
    return {
      check,
      state,
      detail: "this host has no default route: no domain reaches the outside",
    };
  }
  const names = uplinks.map(({ name }) => name).join(", ");
  return {
    check,
    state: anyInternet ? "bad" : "ok",
    detail: `the default route uses ${names}, a tunnel or local bridge, which is not the outside`,
    remedy:
      `\`internet: { via: [${names}] }\` for the domains that may use it, or \`global.outside\``,
  };
}

/** Returns one finding for each routing rule, whatever the number of domains. */
function strayed({ strayed: all }: HostFacts): Finding[] {
  return [...Map.groupBy(all, ({ because }) => because).values()].flatMap((found) => {
    const [first] = found;
    if (first === undefined) return [];
    const { name, bridge, because, priority } = first;
    const domains = found.map(({ domain }) => domain).join(", ");
    const many = found.length > 1;
    return [{
      check: "uplink",
      state: "bad",
      detail:
        `what ${domains} ${
          many ? "send" : "sends"
        } to the internet leaves by ${name}${because}, a tunnel or local ` +
        "bridge, which is not the outside: it is dropped",
      remedy: `\`internet: { via: [${name}] }\` for the domains that may use it, or ` +
        `\`ip rule add pref ${Math.max(priority - 1, 1)} iif ${bridge} lookup main\` for those ` +
        `that may not${many ? ", with the bridge of each" : ""}`,
    }];
  });
}

function missingInterfaces({ missingInterfaces: all }: HostFacts): Finding[] {
  return all.map(({ summary, remedy }) => ({
    check: "interfaces",
    state: "warning",
    detail: summary,
    ...optional({ remedy }),
  }));
}

function reversePath({ sysctls }: HostFacts, { via }: DoctorWishes): Finding[] {
  const all = Number(sysctls["net.ipv4.conf.all.rp_filter"] ?? 0);
  return via.map((name): Finding => {
    const check = "rp_filter";
    const own = Number(sysctls[`net.ipv4.conf.${name}.rp_filter`] ?? 0);
    // The kernel uses the greater of both values: 2 is loose.
    if (Math.max(all, own) !== 1) return { check, state: "ok", detail: `${name}: not strict` };
    const key = `net.ipv4.conf.${name}.rp_filter`;
    return {
      check,
      state: "warning",
      detail:
        `${name}: strict, so it drops answers from addresses that the main routes reach elsewhere`,
      remedy: `to keep it: echo '${key} = 2' > /etc/sysctl.d/60-anklume.conf`,
      fix: [["sysctl", "-w", `${key}=2`]],
    };
  });
}

function bridgeNetfilter({ sysctls }: HostFacts): Finding {
  const on = sysctls["net.bridge.bridge-nf-call-iptables"] === "1";
  return {
    check: "br_netfilter",
    state: "ok",
    detail: on ? "on; the rules work with it" : "off; the rules work without it",
  };
}

function overlaps({ overlaps: all, diversions }: HostFacts): Finding[] {
  const check = "routes";
  const bad = all.map(({ summary, remedy }): Finding => ({
    check,
    state: "bad",
    detail: summary,
    remedy: remedy ?? "see `anklume check`",
  }));
  const may = diversions.map(({ summary, remedy }): Finding => ({
    check,
    state: "warning",
    detail: summary,
    remedy: remedy ?? "see `anklume check`",
  }));
  const ok = {
    check,
    state: "ok",
    detail: "packets for a domain leave through its bridge",
  } as const;
  return bad.length + may.length === 0 ? [ok] : [...bad, ...may];
}

/** Instructions to make each manager ignore interfaces that are not its own. */
const LEAVE_ALONE: Readonly<Record<string, string>> = {
  NetworkManager: "NetworkManager runs here; to make it leave these interfaces alone: " +
    "/etc/NetworkManager/conf.d/90-anklume.conf with the lines [keyfile] and " +
    "unmanaged-devices=interface-name:net-*;interface-name:ak*, then systemctl reload " +
    "NetworkManager",
  "systemd-networkd":
    "systemd-networkd runs here; to make it leave these interfaces alone: /etc/systemd/network/" +
    "10-anklume.network with the lines [Match], Name=net-* ak*, [Link] and Unmanaged=yes, then " +
    "networkctl reload",
};

function bridges({ brokenBridges, managers }: HostFacts): Finding {
  const check = "bridges";
  if (brokenBridges.length === 0) {
    return { check, state: "ok", detail: "up, with their addresses and name servers" };
  }
  const hints = managers.flatMap((name) => LEAVE_ALONE[name] ?? []);
  return {
    check,
    state: "bad",
    detail: brokenBridges.join("; "),
    remedy: ["anklume network deploy", ...hints].join(". If it happens again: "),
  };
}
