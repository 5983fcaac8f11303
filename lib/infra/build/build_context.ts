import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import type { GlobalSettings } from "../infra.ts";

/** What building a domain needs from the rest of the infra. */
export interface BuildContext {
  readonly diagnostics: DiagnosticList;
  readonly global: GlobalSettings;
  /** Where `global.default_os_image` stands, if it does. */
  readonly defaultImageRange?: SourceRange;
  /** Image servers could be read: a remote that is not among them is unknown. */
  readonly knowsImageServers: boolean;
  /** Roles of the workspace and embedded ones; undefined: not to be checked. */
  readonly knownRoles?: ReadonlySet<string>;
}
