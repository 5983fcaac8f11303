import config from "../../deno.json" with { type: "json" };
import { parseRoleDocs } from "../ansible/role_docs.ts";
import { fileKind, readTextFileIfAny } from "../host/workspace_file.ts";
import { roleDocsText } from "../view/role.ts";
import { count, hang, printable } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import { findRole, type RoleAtHand, rolesAtHand } from "./roles_at_hand.ts";
import type { Session } from "./session.ts";

/** Shows one role: whose it is, who uses it, what it takes. */
export async function rolesShow(name: string, { terminal, out }: Session): Promise<ExitStatus> {
  const { roles, embedded } = rolesAtHand();
  const role = findRole(roles, name);
  const shipped = new Map(
    [...embedded].filter(([path]) => path.startsWith(`roles/${name}/`)),
  );
  const lines = [
    out.colors.bold(name),
    hang("  from      ", origin(role), out.width),
    hang("  machines  ", role.machines.length === 0 ? "none" : role.machines.join(", "), out.width),
  ];
  if (role.overrides) {
    const differing = differingFiles(shipped);
    const what = differing.length === 0 ? "no file" : differing.map(printable).join(", ");
    lines.push(hang("  differs   ", `from the embedded one in ${what}`, out.width));
  }
  const read = (file: string) =>
    role.origin === "workspace"
      ? readTextFileIfAny(`roles/${name}/${file}`)
      : Promise.resolve(shipped.get(`roles/${name}/${file}`));
  const docs = parseRoleDocs(
    await read("meta/argument_specs.yml"),
    await read("defaults/main.yml"),
  );
  const text = docs !== undefined
    ? roleDocsText(docs, out)
    : linesOf(await read("README.md") ?? "It has neither argument specs nor a README.md.");
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
  if (differing.length <= 8) return differing;
  return [...differing.slice(0, 7), `and ${count(differing.length - 7, "more file")}`];
}
