import type { ActualResource } from "../resource/resource.ts";
import { MARK } from "../resource/mark.ts";
import { sameValue } from "../resource/value.ts";

/**
 * True if only `--force` may rebuild or delete it. Only machines and volumes contain data that
 * cannot be created again.
 */
export function isProtected(actual: ActualResource): boolean {
  if (actual.kind === "instance") {
    return sameValue("", actual.config["security.protection.delete"], "true");
  }
  return actual.kind === "volume" && actual.config[MARK.protected] === "true";
}
