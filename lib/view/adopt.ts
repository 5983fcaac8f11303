import { unifiedDiff } from "../diag/unified_diff.ts";
import type { EditedAdoptions } from "../plan/edit_adoptions.ts";
import { formatAddr } from "../resource/address.ts";
import { type FieldChange, fieldChange } from "../resource/field.ts";
import { fieldLines } from "./plan.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";

/**
 * Returns, field by field, the values taken over, those not taken and why, and the further changes
 * of the next apply.
 */
export function adoptText(
  { adoptions, left, following }: Pick<EditedAdoptions, "adoptions" | "left" | "following">,
  style: Style,
): string {
  const { colors, width } = style;
  const lines: string[] = [];
  const section = (title: string) => {
    if (lines.length > 0) lines.push("");
    lines.push(colors.bold(title));
  };
  if (adoptions.length > 0) section("to be written into infra.yml");
  for (const [name, group] of Map.groupBy(adoptions, ({ addr }) => formatAddr(addr))) {
    lines.push(colors.yellow(`  ~ ${printable(name)}`));
    for (const { field } of group) lines.push(...fieldLines(swapped(field), style));
  }
  if (left.length > 0) section("not adopted: apply changes it to what infra.yml says");
  for (const { addr, path, reason } of left) {
    const what = `${formatAddr(addr)}${path === undefined ? "" : ` ${path}`}`;
    lines.push(hang("  x ", printable(what), width));
    lines.push(colors.dim(hang("      ", printable(reason), width)));
  }
  if (following.length > 0) section("apply will then change");
  for (const [name, group] of Map.groupBy(following, ({ addr }) => formatAddr(addr))) {
    lines.push(colors.yellow(`  ~ ${printable(name)}`));
    for (const { field } of group) lines.push(...fieldLines(field, style));
  }
  return `${lines.join("\n")}\n`;
}

/** Returns the unified diff, with colours if wanted; a sentence if only hidden values differ. */
export function adoptDiff(
  path: string,
  before: string,
  after: string,
  { colors }: Style,
): string {
  if (before === after) return `${path}: only hidden values change.\n`;
  return unifiedDiff(path, before, after).split("\n").map((line) => {
    const shown = line.replace(/\r$/, "").split("\t").map(printable).join("\t");
    if (/^(---|\+\+\+) /.test(line)) return shown;
    return line.startsWith("-")
      ? colors.red(shown)
      : line.startsWith("+")
      ? colors.green(shown)
      : shown;
  }).join("\n");
}

/** Puts infra.yml's value first: it is the one that changes. */
function swapped({ path, before, after }: FieldChange): FieldChange {
  return fieldChange(path, after, before, "in-place");
}
