import type { Style } from "./style.ts";
import { count, hang, printable } from "./text.ts";

/** A machine that Ansible has to see to, as it is shown. */
export interface ProvisionLine {
  readonly machine: string;
  readonly reasons: readonly string[];
}

/** Which machines would be provisioned and why; empty where none. */
export function provisionText(needs: readonly ProvisionLine[], { colors, width }: Style): string {
  if (needs.length === 0) return "";
  const lines = [colors.bold(`to provision: ${count(needs.length, "machine")}`)];
  for (const { machine, reasons } of needs) {
    lines.push(hang("  > ", `${machine}  ${printable(reasons.join(", "))}`, width));
  }
  return `\n${lines.join("\n")}\n`;
}
