import { fileKind } from "../host/workspace_file.ts";
import { lockWorkspace } from "../host/workspace_lock.ts";
import { writeFileAtomic } from "../host/write_file.ts";
import { count } from "../view/text.ts";
import { EXIT, type ExitStatus } from "./exit_status.ts";
import { findRole, rolesAtHand } from "./roles_at_hand.ts";
import type { Session } from "./session.ts";
import { UserError } from "./user_error.ts";

/** Writes an embedded role into `roles/`, where it belongs to the owner. */
export async function rolesCopy(name: string, { terminal }: Session): Promise<ExitStatus> {
  using _lock = await lockWorkspace();
  const { roles, embedded } = rolesAtHand();
  const role = findRole(roles, name);
  if (role.origin === "workspace" && !role.overrides) {
    throw new UserError(`The role \`${name}\` is yours already, and there is no embedded one`);
  }
  if (fileKind(`roles/${name}`) !== undefined) {
    throw new UserError(
      `roles/${name} is there already, and was left alone`,
      `Move it away for the embedded role to be copied; \`anklume roles show ${name}\` tells where they differ`,
    );
  }
  const files = [...embedded].filter(([path]) => path.startsWith(`roles/${name}/`));
  // What makes it a role to Ansible comes last: a copy that was cut short is none, and the next one says so.
  const ordered = files.sort(([a], [b]) =>
    Number(a.includes("/tasks/main")) - Number(b.includes("/tasks/main"))
  );
  for (const [path, text] of ordered) await writeFileAtomic(path, text);
  terminal.out(
    `Copied ${
      count(files.length, "file")
    } to roles/${name}. It is yours now: apply uses it instead of the ` +
      "embedded role,\nand no new anklume changes it.\n",
  );
  return EXIT.done;
}
