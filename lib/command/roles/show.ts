import config from "../../../deno.json" with { type: "json" };
import { parseRoleDocs } from "../../ansible/role_docs.ts";
import { fileKind, readTextFileIfAny } from "../../host/workspace_file.ts";
import { jsonText } from "../../view/json.ts";
import { roleDocsText } from "../../view/role.ts";
import { count, hang, printable } from "../../view/text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { findRole, type RoleAtHand, rolesAtHand } from "./roles_at_hand.ts";
import type { Session } from "../../session/session.ts";

/** Shows one role: whose it is, who uses it, what it takes. */
export function rolesShow(
  name: string,
  options: { readonly json?: true },
  { terminal, out }: Session,
): ExitStatus {
  const { roles, embedded } = rolesAtHand();
  const role = findRole(roles, name);
  const shipped = new Map(
    [...embedded].filter(([path]) => path.startsWith(`roles/${name}/`)),
  );
  const read = (file: string) =>
    role.origin === "workspace"
      ? readTextFileIfAny(`roles/${name}/${file}`)
      : shipped.get(`roles/${name}/${file}`);
  const docs = parseRoleDocs(read("meta/argument_specs.yml"), read("defaults/main.yml"));
  const differs = role.overrides ? differingFiles(shipped) : [];
  if (options.json) {
    terminal.out(jsonText({ format: 1, ...role, differs, ...docs }));
    return EXIT.done;
  }
  const lines = [
    out.colors.bold(name),
    hang("  from      ", origin(role), out.width),
    hang("  machines  ", role.machines.length === 0 ? "none" : role.machines.join(", "), out.width),
  ];
  if (role.overrides) {
    const what = differs.length === 0 ? "no file" : shortened(differs).map(printable).join(", ");
    lines.push(hang("  differs   ", `from the embedded one in ${what}`, out.width));
  }
  const text = docs !== undefined
    ? roleDocsText(docs, out)
    : linesOf(read("README.md") ?? "It has no argument specs and no README.md.");
  terminal.out(`${lines.join("\n")}\n\n${text}`);
  return EXIT.done;
}

function linesOf(text: string): string {
  return text.trimEnd().split("\n").map((line) => `${printable(line)}\n`).join("");
}

function origin({ name, origin, overrides }: RoleAtHand): string {
  if (origin === "embedded") return `anklume ${config.version}, embedded`;
  return `roles/${name}, yours${overrides ? "; it is used instead of the embedded one" : ""}`;
}

/** Files of the embedded role that the workspace's has not, or has otherwise. */
function differingFiles(shipped: ReadonlyMap<string, string>): string[] {
  const differing: string[] = [];
  for (const [path, text] of shipped) {
    const isFile = fileKind(path) === "file";
    if (!isFile || readTextFileIfAny(path) !== text) {
      differing.push(path.split("/").slice(2).join("/"));
    }
  }
  return differing;
}

function shortened(names: readonly string[]): readonly string[] {
  if (names.length <= 8) return names;
  return [...names.slice(0, 7), `and ${count(names.length - 7, "more file")}`];
}
