import type { RoleAtHand } from "../ansible/role_at_hand.ts";
import type { RoleDocs } from "../ansible/role_docs.ts";
import { jsonText } from "./json.ts";
import { table } from "./table.ts";
import type { View } from "./view.ts";
import type { Style } from "./style.ts";
import { hang, printable, wrap } from "./text.ts";
import { count } from "./number_text.ts";

/** Returns a role's description and variables, for `roles show`. */
function roleDocsText({ description, variables }: RoleDocs, style: Style): string {
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

/** `roles list` */
export const rolesView: View<readonly RoleAtHand[]> = {
  json: (roles) => jsonText({ format: 1, roles }),
  text: (roles, style) => {
    const rows = roles.map(({ name, origin, overrides, summary, machines }) => [
      { text: printable(name) },
      { text: origin === "workspace" ? "roles/" : "embedded" },
      { text: String(machines.length).padStart("MACHINES".length) },
      { text: overrides ? "instead of the embedded one" : printable(summary) },
    ]);
    const columns = [
      { title: "ROLE", least: 20 },
      { title: "FROM" },
      { title: "MACHINES" },
      { title: "WHAT IT DOES", least: 20 },
    ];
    return `${table(columns, rows, style.width, style.colors.bold).join("\n")}\n`;
  },
};

/** One role, as `roles show` tells it. */
interface RoleShown {
  readonly role: RoleAtHand;
  /** anklume's version. */
  readonly version: string;
  /** Files of the embedded role that the workspace's has not, or has otherwise. */
  readonly differs: readonly string[];
  readonly docs: RoleDocs | undefined;
  /** Stands in where there are no docs. */
  readonly readme: string | undefined;
}

/** `roles show` */
export const roleView: View<RoleShown> = {
  json: ({ role, differs, docs }) => jsonText({ format: 1, ...role, differs, ...docs }),
  text: ({ role, version, differs, docs, readme }, style) => {
    const { name, machines, overrides } = role;
    const lines = [
      style.colors.bold(name),
      hang("  from      ", originText(role, version), style.width),
      hang("  machines  ", machines.length === 0 ? "none" : machines.join(", "), style.width),
    ];
    if (overrides) {
      const what = differs.length === 0 ? "no file" : shortened(differs).map(printable).join(", ");
      lines.push(hang("  differs   ", `from the embedded one in ${what}`, style.width));
    }
    const text = docs !== undefined
      ? roleDocsText(docs, style)
      : linesOf(readme ?? "It has neither argument specs nor a README.md.");
    return `${lines.join("\n")}\n\n${text}`;
  },
};

function linesOf(text: string): string {
  return text.trimEnd().split("\n").map((line) => `${printable(line)}\n`).join("");
}

function originText({ name, origin, overrides }: RoleAtHand, version: string): string {
  if (origin === "embedded") return `anklume ${version}, embedded`;
  return `roles/${name}, yours${overrides ? "; it is used instead of the embedded one" : ""}`;
}

function shortened(names: readonly string[]): readonly string[] {
  if (names.length <= 8) return names;
  return [...names.slice(0, 7), `and ${count(names.length - 7, "more file")}`];
}
