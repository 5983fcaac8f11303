import config from "../../../deno.json" with { type: "json" };
import { parseRoleDocs } from "../../ansible/role_docs.ts";
import { fileKind, readTextFileIfAny } from "../../host/workspace_file.ts";
import { roleView } from "../../view/role.ts";
import { show } from "../../session/show.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { findRole, rolesAtHand } from "./roles_at_hand.ts";
import type { Session } from "../../session/session.ts";

/** Shows one role: its origin, the machines that use it, and its variables. */
export async function rolesShow(
  name: string,
  options: { readonly json?: true },
  session: Session,
): Promise<ExitStatus> {
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
  const { version } = config;
  const readme = docs === undefined ? read("README.md") : undefined;
  await show(roleView, { role, version, differs, docs, readme }, options, session);
  return EXIT.done;
}

/** Returns the files of the embedded role that are missing or different in the workspace's role. */
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
