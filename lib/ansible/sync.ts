import type { Addressing } from "../addressing/addressing.ts";
import type { RootOption } from "../host/workspace_path.ts";
import type { Infra } from "../infra/infra.ts";
import { type ExistingFiles, readExisting, variableDirectories } from "./existing_files.ts";
import { listUserRoles } from "./user_roles.ts";
import { planSync, type SyncPlan } from "./plan_sync.ts";
import { checkTreeInputs, embeddedRoles, frozenFiles, renderTree } from "./render_tree.ts";
import type { TreeFile } from "./tree_file.ts";
import { optional } from "../diag/optional.ts";

interface SyncRequest {
  readonly infra: Infra;
  readonly addressing: Addressing;
  /** The embedded `ansible/` directory, by path in it. */
  readonly embedded: ReadonlyMap<string, string>;
  /** Further files under `.anklume/`, by path in it. */
  readonly extra?: ReadonlyMap<string, string>;
  readonly cleanOrphans: boolean;
}

export interface PreparedSync {
  readonly tree: readonly TreeFile[];
  readonly plan: SyncPlan;
  /** Roles that Ansible will find: the user's and the embedded ones. */
  readonly knownRoles: ReadonlySet<string>;
}

/** Files at the top of the workspace, which no directory listing of ours includes. */
const TOP_FILES = [".gitignore", "ansible.cfg", "requirements.yml", "site.yml"];

/** Reads the workspace and plans the sync; writes nothing. */
export function prepareSync(
  request: SyncRequest,
  options: RootOption = {},
): PreparedSync {
  const extra = [...request.extra?.keys() ?? []].map((path) => `.anklume/${path}`);
  const existing: ExistingFiles = readExisting([...TOP_FILES, ...extra], options);
  const inputs = {
    embedded: request.embedded,
    userRoles: listUserRoles(options),
    directories: variableDirectories(existing),
    ...optional({ extra: request.extra }),
  };
  const tree = renderTree(request.infra, request.addressing, inputs);
  const { entries, diagnostics } = planSync(tree, existing, {
    cleanOrphans: request.cleanOrphans,
    frozen: frozenFiles(request.infra),
  });
  return {
    tree,
    plan: { entries, diagnostics: [...checkTreeInputs(request.infra), ...diagnostics] },
    knownRoles: new Set([...inputs.userRoles, ...embeddedRoles(request.embedded)]),
  };
}
