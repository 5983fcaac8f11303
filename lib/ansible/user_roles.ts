import { listDirectory } from "../host/workspace_file.ts";
import type { RootOption } from "../host/workspace_path.ts";

/** Returns the names of the roles in `roles/`. */
export function listUserRoles(options: RootOption = {}): string[] {
  const entries = listDirectory("roles", options);
  return entries.filter(({ kind }) => kind === "directory" || kind === "symlink")
    .map(({ name }) => name).sort();
}
