import { flowtables, foreignFirewalls } from "./check_firewalls.ts";
import { checkNft } from "./check_nft.ts";
import { checkWayOut, forwarding } from "./check_way_out.ts";
import type { Finding } from "./finding.ts";
import type { DoctorWishes, HostFacts } from "./host_facts.ts";

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
    ...checkWayOut(facts, wishes),
    bridgeNetfilter(facts),
    ...overlaps(facts),
    bridges(facts),
  ];
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
