import { optional } from "../diag/optional.ts";
import type { Finding } from "../nftables/finding.ts";
import type { FirewallKind, Mend } from "../nftables/other_firewall.ts";
import { type Need, needText } from "./need.ts";

/** A need that another program's rules on the host block. */
export interface Blocked {
  readonly need: Need;
  /** `table ip raw, chain PREROUTING: ip daddr 172.17.0.2 drop`, or why it was lost. */
  readonly by: string;
  /** The chain by which they are grouped: `table ip raw, chain PREROUTING`. */
  readonly place: string;
  readonly firewall: FirewallKind;
  /** True if the answer is dropped. */
  readonly unanswered: boolean;
  readonly mend?: Mend | undefined;
}

const SHOWN = 4;

/** Returns what other firewalls block, one finding for each chain that drops something. Pure. */
export function blockedFindings(blocked: readonly Blocked[]): Finding[] {
  const places = Map.groupBy(blocked, ({ place }) => place);
  return [...places.values()].map((all): Finding => {
    const needs = all.map(({ need, unanswered }) =>
      `${needText(need)}${unanswered ? " (its answers)" : ""}`
    );
    const more = needs.length > SHOWN ? `; and ${needs.length - SHOWN} more` : "";
    const [first] = all;
    const fixes = new Map(
      all.flatMap(({ mend }) => mend?.fix ?? []).map((argv) => [argv.join(" "), argv] as const),
    );
    const remedies = [
      ...new Set(all.map(({ mend }) => mend?.remedy).filter((each) => each !== undefined)),
    ];
    const remedy = remedies.slice(0, SHOWN).join("; ") +
      (remedies.length > SHOWN ? "; and so on" : "");
    return {
      check: checkOf(first?.firewall ?? "other"),
      state: "bad",
      detail: `${first?.by} stops ${needs.slice(0, SHOWN).join("; ")}${more}`,
      ...optional({
        remedy: remedy === "" ? undefined : remedy,
        fix: fixes.size === 0 ? undefined : [...fixes.values()],
      }),
    };
  });
}

function checkOf(kind: FirewallKind): string {
  switch (kind) {
    case "docker":
    case "docker-nftables":
      return "docker";
    case "ufw":
    case "firewalld":
      return kind;
    default:
      return "firewalls";
  }
}
