import type { Change } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";
import { count } from "./number_text.ts";

/** Returns what a change destroys, as a text that follows the address; undefined: nothing. */
export function lossOf(change: Change): string | undefined {
  const { addr, action, effect, fields } = change;
  if (addr.kind === "volume" && action === "delete") return "all that is in it";
  if (addr.kind !== "instance" || (effect !== "rebuild" && effect !== "data-lost")) {
    return undefined;
  }
  const snapshots = fields.find(({ path }) => path === "snapshots")?.before;
  const kept = snapshots === undefined ? "" : ` and its snapshots ${printable(snapshots)}`;
  const rest = action === "replace" ? "; its volumes stay" : "";
  return `its root disk${kept}${rest}`;
}

/**
 * Returns what the user agrees to: the machines that are restarted and the data that is lost, each
 * by name. Empty without both.
 */
export function consentText(changes: readonly Change[], { colors, width }: Style): string {
  const restarted = changes.filter((change) =>
    change.effect === "restart" && lossOf(change) === undefined
  );
  const lost = changes.filter((change) => lossOf(change) !== undefined);
  const lines: string[] = [];
  if (restarted.length > 0) {
    const names = restarted.map(({ addr }) => addr.name).join(", ");
    lines.push(hang("Restarted or stopped: ", names, width));
  }
  if (lost.length > 0) {
    lines.push(colors.red(`Lost for good, of ${count(lost.length, "resource")}:`));
    for (const change of lost) {
      lines.push(hang("  ", `${formatAddr(change.addr)}: ${lossOf(change)}`, width));
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}
