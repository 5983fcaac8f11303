import type { ActualResource } from "../resource/resource.ts";
import { MARK } from "../resource/mark.ts";
import { sameValue } from "../resource/value.ts";

/** Whether only `--force` may rebuild or delete it. Only machines and volumes hold what cannot be made again. */
export function isProtected(actual: ActualResource): boolean {
  if (actual.kind === "instance") {
    return sameValue("", actual.config["security.protection.delete"], "true");
  }
  return actual.kind === "volume" && actual.config[MARK.protected] === "true";
}
