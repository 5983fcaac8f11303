import { formatAddr } from "../resource/address.ts";
import { profileAddr } from "../resource/profile.ts";
import { projectAddr } from "../resource/project.ts";
import type { DesiredResource } from "../resource/resource.ts";
import { usedByDevices } from "../resource/uses.ts";
import { type DesiredState, firewallAddr } from "./desired_state.ts";
import type { Change } from "./plan.ts";

/** Returns `formatAddr` of everything that must exist before a change, in the plan or not. */
export function dependenciesOf(
  resource: DesiredResource,
  change: Change,
  desired: DesiredState,
): string[] {
  const firewall = formatAddr(firewallAddr(desired.owner.project));
  const project = formatAddr(projectAddr(resource.domain));
  // Creating a resource gives nobody access. A running resource must not change before the rules
  // are loaded.
  const guarded = change.action === "create" ? [] : [firewall];
  switch (resource.kind) {
    case "project":
      return guarded;
    case "network":
      return guarded;
    case "volume":
      return [project];
    case "profile":
      return [...guarded, project, ...usedByDevices(resource.devices, resource.domain)];
    case "instance":
      return [
        ...(onlyStops(change) ? [] : [firewall]),
        project,
        ...resource.profiles.map((name) => formatAddr(profileAddr(resource.domain, name))),
        ...usedByDevices(resource.devices, resource.domain),
      ];
  }
}

/** True if a change only stops a machine. That is safe without any rule. */
export function onlyStops(change: Change): boolean {
  return change.action === "update" &&
    change.fields.every((field) => field.path === "state" && field.after === "stopped");
}
