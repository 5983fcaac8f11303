import { type FieldChange, fieldChange } from "../resource/field.ts";
import { ownership } from "../resource/mark.ts";
import type { ActualState } from "./actual_state.ts";
import { type DesiredState, firewallAddr } from "./desired_state.ts";
import type { Change } from "./plan.ts";

/**
 * Returns the change that loads the ruleset if the live tables differ from the rendered ones.
 * Undefined also if the tables could not be read.
 */
export function firewallChange(desired: DesiredState, actual: ActualState): Change | undefined {
  const { state, differences, foreign } = actual.firewall;
  // Rules of somebody else are an error of the plan, see `foreignFirewall`.
  if (state === "in-place" || state === "unknown" || foreign) return undefined;
  const missing = state === "missing";
  const open = missing && machinesRun(desired, actual);
  const fields: FieldChange[] = missing
    ? [fieldChange("tables", undefined, desired.firewall.tables.join(", "), "in-place", open)]
    : differences.map((line) => fieldChange("ruleset", undefined, line, "in-place"));
  return {
    addr: firewallAddr(desired.owner.project),
    action: missing ? "create" : "update",
    fields,
    effect: "in-place",
    reason: open
      ? "no rules are loaded: the domains are open"
      : missing
      ? "no rules are loaded yet"
      : "the live rules differ from the expected ones",
    dependsOn: [],
    needsForce: false,
  };
}

function machinesRun(desired: DesiredState, actual: ActualState): boolean {
  return actual.resources.some((resource) =>
    resource.kind === "instance" && resource.status === "Running" &&
    ownership(resource.config, desired.owner).kind === "ours"
  );
}
