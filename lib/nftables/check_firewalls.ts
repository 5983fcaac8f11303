import type { Finding } from "./finding.ts";
import type { ForeignChain, HostFacts } from "./host_facts.ts";

/** Checks whether other firewalls block what infra.yml opens. */
export function foreignFirewalls({ chains, blocked }: HostFacts): Finding[] {
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

/** Checks whether a flowtable takes traffic past the rules. */
export function flowtables({ flowtables: all }: HostFacts): Finding {
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
