import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import type { Change, Held, Plan } from "./plan.ts";
import { optional } from "../diag/optional.ts";

/**
 * Returns the plan without changes that would stop, replace or delete the machine that anklume
 * itself runs in (`<project>/<name>` in `self`), and without changes that depend on them: the user
 * makes these on the host. Pure.
 */
export function holdSelf(plan: Plan, self: ReadonlySet<string>): Plan {
  const kept: Change[] = [];
  const held: Held[] = [];
  const left = new Set<string>();
  // In the order of the plan, dependencies come first.
  for (const change of plan.changes) {
    const name = formatAddr(change.addr);
    const ground = isGround(change, self);
    if (!ground && !change.dependsOn.some((other) => left.has(other))) {
      kept.push(change);
      continue;
    }
    left.add(name);
    held.push({
      addr: change.addr,
      ...optional({ domain: change.domain }),
      diagnostic: diagnosticOf(change, ground),
    });
  }
  return left.size === 0 ? plan : { ...plan, changes: kept, held: [...plan.held, ...held] };
}

function isGround({ addr, action, effect, fields }: Change, self: ReadonlySet<string>): boolean {
  if (addr.kind !== "instance" || !self.has(`${addr.project}/${addr.name}`)) return false;
  return action === "delete" || action === "replace" || effect === "restart" ||
    effect === "rebuild" || effect === "data-lost" || fields.some(({ path }) => path === "state");
}

function diagnosticOf({ addr, action }: Change, ground: boolean): Diagnostic {
  return {
    severity: "error",
    code: "ADMIN_SELF",
    summary: ground
      ? `${addr.name} runs this anklume, which cannot ${
        action === "update" ? "restart" : action
      } its own machine`
      : `${formatAddr(addr)} waits for the machine that runs this anklume`,
    remedy: "run the same command on the host, in the same workspace",
  };
}
