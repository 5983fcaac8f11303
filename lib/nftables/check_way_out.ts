import { optional } from "../diag/optional.ts";
import type { Finding } from "./finding.ts";
import type { DoctorWishes, HostFacts } from "./host_facts.ts";

/** Checks what the domains need of the host to reach the outside. Pure. */
export function checkWayOut(facts: HostFacts, wishes: DoctorWishes): Finding[] {
  return [
    uplink(facts, wishes),
    ...strayed(facts),
    ...missingInterfaces(facts),
    ...reversePath(facts, wishes),
  ];
}

/** Checks that the kernel forwards at all. */
export function forwarding({ sysctls }: HostFacts, { ipv6, anyInternet }: DoctorWishes): Finding[] {
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
