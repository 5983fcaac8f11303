import type { RoleDocs } from "../ansible/role_docs.ts";
import type { Style } from "./style.ts";
import { hang, printable, wrap } from "./text.ts";

/** What a role does and which variables it takes, for `roles show`. */
export function roleDocsText({ description, variables }: RoleDocs, style: Style): string {
  const { colors, width } = style;
  const lines = description.map((text) => wrap(printable(text), width));
  for (const { name, type, required, fallback, description } of variables) {
    const is = required ? `${type}, required` : type;
    lines.push("", `${colors.bold(printable(name))}  ${colors.dim(is)}`);
    for (const text of description) lines.push(hang("    ", printable(text), width));
    if (fallback !== undefined) lines.push(hang("    Default: ", printable(fallback), width));
  }
  return `${lines.join("\n")}\n`;
}
