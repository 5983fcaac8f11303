import type { Diagnostic } from "../diag/diagnostic.ts";
import type { Finding } from "../nftables/host_check.ts";
import type { Plan } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import { breachesOf } from "../resource/breach.ts";
import { strangerText } from "../view/status.ts";
import { strangerStatus } from "./build_status.ts";

/** What somebody opened by hand in the isolation, and who stands among the machines, from the plan of `check`. Pure. */
export function doorFindings(plan: Plan, ports: readonly Diagnostic[]): Finding[] {
  return [doors(plan), strangers(plan), listeners(ports)];
}

function listeners(ports: readonly Diagnostic[]): Finding {
  const check = "listeners";
  const taken = ports.filter(({ code }) => code === "PUBLISH_TAKEN");
  const [first] = taken.length > 0 ? taken : ports;
  if (first === undefined) {
    return { check, state: "ok", detail: "no published port is somebody else's" };
  }
  return {
    check,
    state: taken.length > 0 ? "bad" : "unknown",
    detail: (taken.length > 0 ? taken : ports).map(({ summary }) => summary).join(". "),
    ...(first.remedy === undefined ? {} : { remedy: first.remedy }),
  };
}

function doors(plan: Plan): Finding {
  const check = "doors";
  const open = breachesOf(plan).filter(({ addr }) => addr.kind !== "firewall");
  if (open.length === 0) {
    return { check, state: "ok", detail: "machines, profiles and bridges have none of others'" };
  }
  const disabled = open.find(({ disabled }) => disabled !== undefined)?.disabled;
  return {
    check,
    state: "bad",
    detail: `BREACH: ${
      open.map(({ addr, field }) => `${formatAddr(addr)}: ${field.path}`).join("; ")
    }`,
    remedy: disabled === undefined
      ? "`anklume check` shows what it is, `anklume apply` closes it"
      : `\`anklume check\` shows what it is; ${disabled} is disabled, so close it with incus`,
  };
}

function strangers({ strangers = [] }: Plan): Finding {
  const check = "strangers";
  if (strangers.length === 0) {
    return { check, state: "ok", detail: "no machine of somebody else's is in a domain" };
  }
  return {
    check,
    state: strangers.some(({ doors }) => doors.length > 0) ? "bad" : "warning",
    detail: strangers.map((each) => strangerText(strangerStatus(each))).join(". "),
    remedy: "`incus move` or `incus delete`: anklume leaves alone what is not its own",
  };
}
