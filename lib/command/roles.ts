import { readEmbeddedAnsible } from "../ansible/embedded_files.ts";
import { listUserRoles } from "../ansible/existing_files.ts";
import { embeddedRoles } from "../ansible/render_tree.ts";
import { jsonText } from "../view/json.ts";
import { table } from "../view/table.ts";
import { printable } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import type { Session } from "./session.ts";

/** Lists the roles that machines may name, and where each comes from. */
export async function roles(
  options: { readonly json?: true },
  { terminal, out }: Session,
): Promise<ExitStatus> {
  const [embedded, own] = await Promise.all([readEmbeddedAnsible(), listUserRoles()]);
  const shipped = embeddedRoles(embedded);
  const names = [...new Set([...own, ...shipped])].sort();
  const list = names.map((name) => ({
    name,
    origin: own.includes(name) ? "workspace" as const : "embedded" as const,
    overrides: own.includes(name) && shipped.includes(name),
  }));
  if (options.json) {
    terminal.out(jsonText({ format: 1, roles: list }));
    return EXIT.done;
  }
  const rows = list.map(({ name, origin, overrides }) => [
    { text: printable(name) },
    { text: origin === "workspace" ? "roles/" : "embedded" },
    { text: overrides ? "instead of the embedded one" : "" },
  ]);
  const columns = [{ title: "ROLE", least: 20 }, { title: "FROM" }, { title: "" }];
  terminal.out(`${table(columns, rows, out.width, out.colors.bold).join("\n")}\n`);
  return EXIT.done;
}
