import type { NetworkPolicy } from "../infra/infra.ts";
import { printable } from "./text.ts";

/** Returns a text such as `pro -> perso-print 631/tcp, "Work prints at home"`. */
export function policyText(
  { from, to, ports, protocol, bidirectional, description }: NetworkPolicy,
): string {
  const which = ports === "all"
    ? "everything"
    : ports.map(({ first, last }) => first === last ? String(first) : `${first}-${last}`).join(",");
  const service = protocol === undefined ? which : `${which}/${protocol}`;
  const arrow = bidirectional ? "<->" : "->";
  const words = description === "" ? "" : `, "${printable(description)}"`;
  return `${printable(from.text)} ${arrow} ${printable(to.text)} ${service}${words}`;
}
