import pLimit from "p-limit";
import type { Diagnostic } from "../../diag/diagnostic.ts";
import type { IncusClient } from "../../incus/incus_client.ts";
import type { Finding } from "../../nftables/finding.ts";
import type { Plan } from "../../plan/plan.ts";
import { formatAddr } from "../../resource/address.ts";
import { breachesOf } from "../../resource/breach.ts";
import { isLinkField } from "../../resource/bridge_link.ts";
import { strangerText } from "../../view/status.ts";
import { strangerStatus } from "../../view/build_status.ts";
import { optional } from "../../diag/optional.ts";

/**
 * Looks for Incus's network forwards on bridges of the infra: no traffic passes through them, and
 * they take addresses of the host.
 */
export async function forwardFinding(
  incus: IncusClient,
  bridges: readonly string[],
  signal: AbortSignal,
): Promise<Finding> {
  const check = "forwards";
  const limit = pLimit(4);
  const found = await Promise.all(
    bridges.map((bridge) =>
      limit(async () =>
        (await incus.networks.forwards(bridge, { signal })).map((address) => `${bridge} ${address}`)
      )
    ),
  );
  const all = found.flat();
  if (all.length === 0) return { check, state: "ok", detail: "Incus forwards nothing to a domain" };
  return {
    check,
    state: "warning",
    detail: `Incus forwards traffic for the host to ${all.join(", ")}: the rules drop it, and ` +
      "the service there can no longer be reached",
    remedy: "incus network forward delete; `publish` opens a port of the host",
  };
}

/**
 * Returns the findings from the plan of `check`: holes in the isolation that somebody opened by
 * hand, strangers among the machines, and published ports in use. Pure.
 */
export function doorFindings(plan: Plan, ports: readonly Diagnostic[]): Finding[] {
  return [doors(plan), strangers(plan), listeners(ports)];
}

function listeners(ports: readonly Diagnostic[]): Finding {
  const check = "listeners";
  const taken = ports.filter(({ code }) => code === "PUBLISH_TAKEN");
  const [first] = taken.length > 0 ? taken : ports;
  if (first === undefined) {
    return { check, state: "ok", detail: "no published port belongs to something else" };
  }
  return {
    check,
    state: taken.length > 0 ? "bad" : "unknown",
    detail: (taken.length > 0 ? taken : ports).map(({ summary }) => summary).join(". "),
    ...optional({ remedy: first.remedy }),
  };
}

function doors(plan: Plan): Finding {
  const check = "doors";
  // Ports of bridges are reported separately.
  const open = breachesOf(plan).filter(({ addr, field }) =>
    addr.kind !== "firewall" && !isLinkField(field)
  );
  if (open.length === 0) {
    return {
      check,
      state: "ok",
      detail: "machines, profiles and bridges have no foreign devices or keys",
    };
  }
  const left = open.some(({ left }) => left !== undefined);
  return {
    check,
    state: "bad",
    detail: `BREACH: ${
      open.map(({ addr, field }) => `${formatAddr(addr)}: ${field.path}`).join("; ")
    }`,
    remedy: left
      ? "`anklume check` shows what it is, and how to close it"
      : "`anklume check` shows what it is, `anklume apply` closes it",
  };
}

function strangers({ strangers = [] }: Plan): Finding {
  const check = "strangers";
  if (strangers.length === 0) {
    return { check, state: "ok", detail: "no foreign machine is in a domain" };
  }
  return {
    check,
    state: strangers.some(({ doors }) => doors.length > 0) ? "bad" : "warning",
    detail: strangers.map((each) => strangerText(strangerStatus(each))).join(". "),
    remedy: "use `incus move` or `incus delete`: anklume does not change what it did not make",
  };
}
