import { fileKind, listFiles, readFileBytes } from "../../host/workspace_file.ts";
import { lockWorkspace } from "../../host/workspace_lock.ts";
import { isLeftAside, writeFileAtomic } from "../../host/write_file.ts";
import { wrap } from "../../view/text.ts";
import { count } from "../../view/number_text.ts";
import { EXIT, type ExitStatus } from "../../session/exit_status.ts";
import { findRole, rolesAtHand } from "./roles_at_hand.ts";
import type { Session } from "../../session/session.ts";
import { UserError } from "../../session/user_error.ts";

/** Writes an embedded role into `roles/`, where it belongs to the owner. */
export async function rolesCopy(name: string, { terminal, out }: Session): Promise<ExitStatus> {
  using _lock = await lockWorkspace();
  const { roles, embedded } = rolesAtHand();
  const role = findRole(roles, name);
  if (role.origin === "workspace" && !role.overrides) {
    throw new UserError(
      `The role \`${name}\` is already yours, and there is no embedded role of that name`,
    );
  }
  const files = [...embedded].filter(([path]) => path.startsWith(`roles/${name}/`));
  if (fileKind(`roles/${name}`) !== undefined && !isCutShort(name, new Map(files))) {
    throw new UserError(
      `roles/${name} exists already and was not changed`,
      `Move it away to copy the embedded role; \`anklume roles show ${name}\` shows the differences`,
    );
  }
  // tasks/main makes it a role for Ansible, so it comes last: an unfinished copy is no role, and
  // the next copy completes it.
  const ordered = files.sort(([a], [b]) =>
    Number(a.includes("/tasks/main")) - Number(b.includes("/tasks/main"))
  );
  for (const [path, text] of ordered) await writeFileAtomic(path, text);
  const what =
    `Copied ${count(files.length, "file")} to roles/${name}. It is yours now: apply uses it ` +
    "instead of the embedded role, and an upgrade does not change it.";
  terminal.out(`${wrap(what, out.width)}\n`);
  return EXIT.done;
}

/** True if the directory holds a part of the embedded role and nothing else. */
function isCutShort(name: string, files: ReadonlyMap<string, string>): boolean {
  const dir = `roles/${name}`;
  if (fileKind(dir) !== "directory") return false;
  const there = listFiles(dir).map((file) => `${dir}/${file}`).filter((path) => !isLeftAside(path));
  return there.length < files.size &&
    there.every((path) => files.get(path) === new TextDecoder().decode(readFileBytes(path)));
}
