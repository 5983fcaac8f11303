import { jsonText } from "../../view/json.ts";
import { table } from "../../view/table.ts";
import { printable } from "../../view/text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { rolesAtHand } from "./roles_at_hand.ts";
import type { Session } from "../../session/session.ts";

/** Lists the roles that machines may name, and where each comes from. */
export function roles(
  options: { readonly json?: true },
  { terminal, out }: Session,
): ExitStatus {
  const { roles } = rolesAtHand();
  if (options.json) {
    terminal.out(jsonText({ format: 1, roles }));
    return EXIT.done;
  }
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
  terminal.out(`${table(columns, rows, out.width, out.colors.bold).join("\n")}\n`);
  return EXIT.done;
}
