import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import type { GlobalSettings } from "../infra.ts";

/** The parts of the infra that are needed to build a domain. */
export interface BuildContext {
  readonly diagnostics: DiagnosticList;
  readonly global: GlobalSettings;
  /** The place of `global.default_os_image`, if it is set. */
  readonly defaultImageRange?: SourceRange;
  /**
   * True if the image servers could be read. Only then is a remote that is not among them unknown.
   */
  readonly knowsImageServers: boolean;
  /** Roles of the workspace and embedded roles. Undefined: role names are not checked. */
  readonly knownRoles?: ReadonlySet<string>;
}
